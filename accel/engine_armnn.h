// SPDX-License-Identifier: Apache-2.0
// What the Arm NN engine tells of its backends.
#ifndef FG_ENGINE_ARMNN_H
#define FG_ENGINE_ARMNN_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_ARMNN_NAMES 16

struct fg_armnn_names {
    char version[16];
    unsigned count;
    char names[FG_ARMNN_NAMES][32];
};

struct fg_armnn_trial {
    char text[200]; // why it failed
};

// Is a model open in this process?
bool fg_armnn_in_use(void);

// The two below load drivers: only for a child process, and of a parent that does not use Arm NN,
// whose backends the child would find registered already.
//
// The backends that register from `path` ("": Arm NN's own folder). Warnings go to stdout.
// 0, or -ENODEV.
int fg_armnn_list(const char *path, struct fg_armnn_names *ret);

// Runs tiny networks on one backend alone and checks the results.
// 0, or -ENODEV and ret->text.
int fg_armnn_try(const char *path, const char *backend, struct fg_armnn_trial *ret);

#ifdef __cplusplus
}
#endif
#endif
