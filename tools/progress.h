// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error, for people: nothing is written when it is no terminal.
#ifndef FG_PROGRESS_H
#define FG_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct fg_progress {
    const char *what;
    uint64_t total, t_start_ns, t_drawn_ns;
    bool on;
};

void fg_progress_start(struct fg_progress *p, const char *what, uint64_t total, bool quiet);
void fg_progress_step(struct fg_progress *p, uint64_t done); // draws at most ten times a second
void fg_progress_end(struct fg_progress *p);                 // clears the line

#endif
