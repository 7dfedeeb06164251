// SPDX-License-Identifier: Apache-2.0
// An engine in a process of its own that measures itself: bench/ort.mjs and bench/opencv.py.
//
// It is called as COMMAND SCRIPT MODEL.onnx INPUT.f32 OUTPUT.f32, with the input's shape in
// FG_PEER_SHAPE (1x3x112x112). It runs once, writes all outputs in the order of their names to
// OUTPUT.f32 and prints "ready", or one line on why it can't. Then it answers each line "RUNS"
// with one line of that many times in ms: [1.5, 1.25]. It ends with its standard input.
#ifndef FG_PEER_H
#define FG_PEER_H

#include <stdio.h>
#include <sys/types.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_peer { // starts as {0}
    pid_t pid;
    FILE *to, *from;
};

struct fg_peer_job {
    const char *command, *script; // "node", "bench/ort.mjs"
    const char *model, *input, *output, *shape;
};

// Waits until it is ready, on the core of the caller. -ENOENT: it is not there, or it can't run
// the model; err has its own words.
int fg_peer_start(struct fg_peer *peer, const struct fg_peer_job *job, struct fg_error *err);
// `ms` has room for `runs` times. -EIO: it ended, or wrote something else.
int fg_peer_run(struct fg_peer *peer, unsigned runs, double *ms, struct fg_error *err);
void fg_peer_stop(struct fg_peer *peer);

#ifdef __cplusplus
}
#endif
#endif
