// SPDX-License-Identifier: Apache-2.0
// What a search for one face answers.
#ifndef FG_ANSWER_H
#define FG_ANSWER_H

#include <stdint.h>

#define FG_NOBODY UINT32_MAX

struct fg_answer {
    uint32_t slot; // FG_NOBODY: nobody at or above the threshold
    float score;   // cosine; 0 for nobody
};

#endif
