// SPDX-License-Identifier: Apache-2.0
// The portrait of a document, turned into a vector.
#ifndef FG_PORTRAIT_LOOK_H
#define FG_PORTRAIT_LOOK_H

#include <stddef.h>

#include "common/error.h"
#include "common/portrait_wire.h"
#include "pipeline/vision.h"

#ifdef __cplusplus
extern "C" {
#endif

// Finds the picture in a document's bytes, decodes it and looks for its one face. 0: *ret_looked
// says what came of it; when that is FG_PORTRAIT_GOOD, `vector` has
// fg_card_template_dimension floats of length 1, else err has a sentence. -EIO: the engine failed.
// No trace of the picture stays in memory of ours; the networks' tensors keep it until the vision
// is closed.
int fg_portrait_look(struct fg_vision *vision, const void *bytes, size_t length,
                     struct fg_portrait_looked *ret_looked, float vector[FG_WIRE_DIMENSION],
                     struct fg_error *err);

// Runs all three networks once on an empty picture, so that the first portrait finds them with
// their memory touched. 0 or negative errno.
int fg_portrait_warm(struct fg_vision *vision);

#ifdef __cplusplus
}
#endif
#endif
