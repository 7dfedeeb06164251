// SPDX-License-Identifier: Apache-2.0
// Child processes of a driver: started with their output in a log file, ended on every path.
#ifndef FG_CHILD_H
#define FG_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_child {
    pid_t pid; // 0: not running
    char name[48];
    char log[256];
    int exit_code; // after the end; 128 + signal when killed by one
};

// Starts argv[0] (a path) with standard output and error appended to `log`, which is emptied
// first. The child is killed when the driver dies. Failure: negative errno, the child is {0}.
int fg_child_start(struct fg_child *child, const char *const *argv, const char *log,
                   struct fg_error *err);

// Whether it has ended (or never ran); collects its exit code.
bool fg_child_ended(struct fg_child *child);

// Waits for the end. 0 and the exit code is set, or -ETIMEDOUT, or -EINTR when a signal came.
int fg_child_wait(struct fg_child *child, int timeout_ms);

// Ends it if it runs: SIGTERM, three seconds, SIGKILL. Accepts {0} and what has ended.
void fg_child_stop(struct fg_child *child);

// The last line of its log; empty when there is none.
void fg_child_last_words(const struct fg_child *child, char *ret, size_t size);

#ifdef __cplusplus
}
#endif
#endif
