// SPDX-License-Identifier: Apache-2.0
// Which Arm NN backends there are, and which of them really work.
//
// A backend is a driver in a shared library: it may be registered and not run, throw, crash or
// hang. So each is tried on a tiny network in a child process of its own before this process
// touches it. The results of the last folder are kept.
#ifndef FG_BACKENDS_H
#define FG_BACKENDS_H

#include <stdbool.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_BACKENDS_MAX 16

enum fg_backend_kind { FG_BACKEND_NPU, FG_BACKEND_GPU, FG_BACKEND_CPU, FG_BACKEND_REFERENCE };

struct fg_backend {
    char name[32];
    enum fg_backend_kind kind; // a name that is not known counts as an NPU
    bool works;
    char text[200]; // "works", or why it does not
};

struct fg_backends {
    char version[16]; // of Arm NN: "20.08"
    unsigned count;   // by preference: NPU, GPU, CPU, reference; by name among their like
    struct fg_backend list[FG_BACKENDS_MAX];
    char warnings[512]; // what Arm NN said while it loaded them ("" when nothing)
};

// Loads the backends of `path` (NULL or "": Arm NN's own folder) in a child process and tries each.
// 0 and *ret filled; or negative errno with err: -ENODEV (loading them crashed or hung), -ENOENT,
// -EACCES, -EINVAL, -ENAMETOOLONG (the folder), -EBUSY (models are open from another folder),
// -EAGAIN, -ENOMEM (no child process). Any thread.
int fg_backends_probe(const char *path, struct fg_backends *ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
