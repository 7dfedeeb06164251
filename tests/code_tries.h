// SPDX-License-Identifier: Apache-2.0
// For tests and figures: people hold a code before a camera, and how many looks it takes to read.
#ifndef FG_CODE_TRIES_H
#define FG_CODE_TRIES_H

#include "tests/code_scene.h"

#define CODE_TRIES_MOST 64u

struct code_tries {
    unsigned attempts, looks[CODE_TRIES_MOST]; // of each; most + 1: not read in `most` looks
    unsigned read, at_once;                    // attempts; by the first look
};

// `scene` is as code_scene.h has it before code_scene_begin; `text` is what the code says. Another
// text that is read aborts.
void code_tries_run(const struct code_scene *scene, const struct qr_matrix *code, const char *text,
                    double side, double distance, unsigned attempts, unsigned most,
                    struct code_tries *ret);
double code_tries_median(const struct code_tries *tries);

// A token's text as a pass has it: Base45 of 191 bytes, 57 modules.
#define CODE_PASS_BYTES 191u
const char *code_pass_text(void);

#endif
