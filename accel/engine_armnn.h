// SPDX-License-Identifier: Apache-2.0
// What the Arm NN engine tells of its backends.
#ifndef FG_ENGINE_ARMNN_H
#define FG_ENGINE_ARMNN_H

#ifdef __cplusplus
extern "C" {
#endif

#define FG_ARMNN_NAMES 16

struct fg_armnn_names {
    char version[16];
    unsigned count;
    char names[FG_ARMNN_NAMES][32];
    char text[200]; // why it failed
};

struct fg_armnn_trial {
    char text[200]; // why it failed
};

// Keeps models from opening, until let go: 0, or -EBUSY while one is open. Children of a process
// that uses Arm NN would find its backends registered already.
int fg_armnn_reserve(void);
void fg_armnn_release(void);

// The two below load drivers: only for a child process of a parent that holds the reserve.
//
// The backends that register from `path` ("": Arm NN's own folder). Warnings go to stdout.
// 0, or -ENODEV and ret->text.
int fg_armnn_list(const char *path, struct fg_armnn_names *ret);

// Runs tiny networks on one backend alone and checks the results.
// 0, or -ENODEV and ret->text.
int fg_armnn_try(const char *path, const char *backend, struct fg_armnn_trial *ret);

#ifdef __cplusplus
}
#endif
#endif
