// SPDX-License-Identifier: Apache-2.0
// facegate-portrait's command line.
#ifndef FG_PORTRAIT_OPTIONS_H
#define FG_PORTRAIT_OPTIONS_H

#include <stdbool.h>

#include "common/error.h"
#include "pipeline/engine_options.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_portrait_settings {
    char models[256]; // folder of the cards
    char detector[64], aligner[64], embedder[64];
    struct fg_engine_options engine;
    bool verbose;
};

// 0; 1: --help or --version was printed; -EINVAL: the command line is off, err says how.
int fg_portrait_options_read(int argc, char **argv, struct fg_portrait_settings *ret,
                             struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
