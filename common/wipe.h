// SPDX-License-Identifier: Apache-2.0
// Keeping nothing: what a process does so that biometric data does not outlive its use in its own
// memory.
//
// The switch is the process's: a camera serves one lane, and the lane's profile says whether
// anything may be kept. While it is on, freed memory is overwritten (in programs that are linked
// with wipe_free.c, which defines free and realloc for the whole process), frames are overwritten
// when their last reader is done, and buffers of drivers before they are queued again.
#ifndef FG_WIPE_H
#define FG_WIPE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// Any thread. Off at the start of a program; what was freed before it stays as it is.
void fg_wipe_on_free(bool on);
bool fg_wipes(void);

// Overwrites the caller's stack below its frame, as far as functions that it called may have left
// something (64 KiB): spilled registers, scratch arrays.
void fg_wipe_stack(void);

#ifdef __cplusplus
}
#endif
#endif
