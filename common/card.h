// SPDX-License-Identifier: Apache-2.0
// A model card: everything about one model in one INI file, so that nothing about a model is
// compiled in. Documented in facegate-model(5).
#ifndef FG_CARD_H
#define FG_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CARD_POINTS 64

enum fg_card_kind { FG_CARD_DETECTOR, FG_CARD_LANDMARKS, FG_CARD_EMBEDDER };

// One row of the score table: of impostor comparisons a share `fmr` scores at or above `score`;
// of genuine ones a share `fnmr` scores below it.
struct fg_card_point {
    float score;
    double fmr, fnmr;
};

struct fg_card {
    char name[48];
    char version[24];
    enum fg_card_kind kind;
    char card[512];  // the card's own path, as it was named
    char path[512];  // of the model file, already joined with the card's own folder
    char sha256[65]; // lower-case hex
    char licence[200];
    char source[200];
    uint64_t id; // of name, version, sha256, input, alignment and projection; in every template

    // input: `width` x `height` RGB pixels, value = (v - mean) / scale
    uint32_t width, height;
    bool bgr;        // colour order of the input tensor
    bool transposed; // rows and columns swapped (O-Net)
    float mean, scale;

    // detector: anchors as in BlazeFace ("short-range" or "full-range"), least score kept
    bool full_range;
    float min_score;
    // embedder: output dimension of the file, and of the template after projection (0: none)
    uint32_t dimension, project;
    float min_norm;   // an embedding shorter than this before L2 marks a bad crop (0: no check)
    float same_track; // probes of one track with a lower cosine are two people

    // calibration (embedder): table by rising score, and the pairs behind it
    unsigned n_points; // 0: not calibrated
    struct fg_card_point points[FG_CARD_POINTS];
    uint64_t impostor_pairs, genuine_pairs;
    char dataset[120];
};

// Reads and checks a card. Unknown or duplicate keys, missing ones and impossible values are
// -EINVAL, with file and line in err; -ENOENT when there is no such file. *ret is untouched on
// failure. Does not open the model file itself.
int fg_card_read(const char *path, struct fg_card *ret, struct fg_error *err);

// Dimension of this card's templates: project if set, else dimension.
uint32_t fg_card_template_dimension(const struct fg_card *card);

// The least FMR that the calibration supports: 10 impostor pairs behind it. 1 when there is none.
double fg_card_least_fmr(const struct fg_card *card);

// The score whose FMR is `fmr` (log-linear between the table's points).
// -ENODATA: not calibrated; -ERANGE: below fg_card_least_fmr or outside the table; err says what
// would be allowed.
int fg_card_score_for_fmr(const struct fg_card *card, double fmr, float *ret_score,
                          struct fg_error *err);

// FMR and FNMR at a score, clamped to the table's ends. 0, or -ENODATA when not calibrated.
int fg_card_rates(const struct fg_card *card, float score, double *ret_fmr, double *ret_fnmr);

#ifdef __cplusplus
}
#endif
#endif
