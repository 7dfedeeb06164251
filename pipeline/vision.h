// SPDX-License-Identifier: Apache-2.0
// The three networks of one stream: detector, aligner, embedder. One thread at a time.
#ifndef FG_VISION_H
#define FG_VISION_H

#include <stdbool.h>

#include "accel/accel.h"
#include "common/card.h"
#include "common/wire.h"
#include "pipeline/detect.h"
#include "pipeline/face.h"
#include "pipeline/quality.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_vision_options {
    const char *models; // folder of the cards; NULL: "models"
    // names of cards in it, without ".card"; NULL: blazeface, onet, mobilefacenet
    const char *detector, *aligner, *embedder;
    struct fg_accel_options accel;
};

struct fg_vision;

// Reads the cards and opens the models. Errors as fg_card_read and fg_model_open.
int fg_vision_open(const struct fg_vision_options *options, struct fg_vision **ret,
                   struct fg_error *err);
void fg_vision_close(struct fg_vision *vision); // accepts NULL

const struct fg_card *fg_vision_embedder_card(const struct fg_vision *vision); // borrowed
struct fg_detector *fg_vision_detector(struct fg_vision *vision);              // borrowed

// The engine of the embedder, as fg_accel_engine has it: "xnnpack", "armnn:CpuAcc".
const char *fg_vision_engine(const struct fg_vision *vision);

// Where the three networks run, in sentences for people.
struct fg_vision_engines {
    char chosen[900]; // the engine and why; each network's, when they differ
    bool differ;
    unsigned layers, fallbacks; // of all three together
    char fallen[480];           // of each network with fallbacks how many, and the first one
    int copies;                 // of input and output tensors when each ran once; -1: not known
};
void fg_vision_engines(const struct fg_vision *vision, struct fg_vision_engines *ret);

// Whether the landmark network too takes it for a face: the detector's two passes let a pattern
// through at times. 1, 0, or negative errno.
int fg_vision_is_face(struct fg_vision *vision, const struct fg_frame *frame,
                      const struct fg_face *face);

// One face turned into a vector, or the reason why not.
struct fg_shot {
    enum fg_reason reason;     // FG_REASON_NONE: vector and quality are set
    struct fg_quality quality; // as far as it was measured
    uint32_t dimension;
    float vector[FG_WIRE_DIMENSION];
};

// `limits` NULL: never refuses for quality. 0, or negative errno when an engine fails.
int fg_vision_shot(struct fg_vision *vision, const struct fg_frame *frame,
                   const struct fg_face *face, const struct fg_quality_limits *limits,
                   bool mirrored, struct fg_shot *ret);

// Overwrites what the shots so far left in the networks that make vectors; *shot, if given, too.
// `all`: also what the detector saw last. Takes a run of each network. 0 or -EIO.
int fg_vision_wipe(struct fg_vision *vision, struct fg_shot *shot, bool all);

#ifdef __cplusplus
}
#endif
#endif
