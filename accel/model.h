// SPDX-License-Identifier: Apache-2.0
// From a model card to an opened model: read the file, check its sha256, parse, lower, project,
// open on an engine.
#ifndef FG_MODEL_H
#define FG_MODEL_H

#include "accel/accel.h"
#include "common/card.h"

#ifdef __cplusplus
extern "C" {
#endif

// Loads and lowers the graph that `card` describes: sha256 compared with the card (-EBADMSG and
// both sums in err when it differs), input shape compared with the card (-EINVAL), the 64-d
// projection applied when card->project > 0. Success: *ret owned by the caller (fg_graph_destroy).
int fg_model_load(const struct fg_card *card, struct fg_graph **ret, struct fg_error *err);

// fg_model_load, then fg_accel_open. Success: *ret owned by the caller
// (fg_accel_close).
int fg_model_open(const struct fg_card *card, const struct fg_accel_options *options,
                  struct fg_accel **ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
