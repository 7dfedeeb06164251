// SPDX-License-Identifier: Apache-2.0
// Which engine, and which of its backends, an `engine` option stands for on this machine.
#ifndef FG_CHOICE_H
#define FG_CHOICE_H

#include <stdbool.h>

#include "accel/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_choice {
    const struct fg_engine *engine;
    char backends[256]; // armnn: those that work, by preference, with commas
    bool or_xnnpack;    // `auto`: xnnpack, when the engine refuses the model
    char reason[400];   // one sentence
};

// 0 and *ret; -EINVAL: a name that is not known; -ENODEV: no backend named works, err says why of
// each; -ENOENT, -EINVAL, -EBUSY: the backend_path named. Else `auto` always finds one.
int fg_choose(const struct fg_accel_options *options, struct fg_choice *ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
