// SPDX-License-Identifier: Apache-2.0
// Runs a piece of work that may crash or hang in a child process of its own.
#ifndef FG_ISOLATE_H
#define FG_ISOLATE_H

#include <stddef.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_isolated {
    // In the child: fills `result` (zeroed, `size` bytes, shared with the caller); 0 is success.
    int (*work)(void *context, void *result);
    void *context;
    unsigned seconds; // before the child is killed
    size_t size;      // of the result
};

// Success (the work returned 0): 0, `result` filled. Failure: the work's own code, or -EPROTO with
// err "crashed: Segmentation fault", "gave no answer in 20 s", "ended with code 3"; -ENOMEM,
// -EAGAIN (no child). `said` (may be NULL) gets what the child printed, cut to size, in every case.
// The child inherits this thread alone: the work must not need the caller's other threads.
int fg_isolate(const struct fg_isolated *isolated, void *result, char *said, size_t said_size,
               struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
