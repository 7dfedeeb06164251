// SPDX-License-Identifier: Apache-2.0
// The one face of a still picture, found and turned into a vector.
#ifndef FG_STILL_H
#define FG_STILL_H

#include <stdbool.h>

#include "pipeline/vision.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_still_rule {
    const struct fg_quality_limits *limits; // NULL: never refuses for quality
    float smallest;                         // pixels of the smallest face to look for
    bool central;                           // of several faces the one nearest the centre
    bool mirrored;                          // mean with the mirrored face
};

// 0: *ret_faces says how many faces there are. With one (or several and `central`) *ret holds the
// shot or its reason; with none the reason is FG_REASON_NO_FACE; with several it is
// FG_REASON_NONE, and no vector was made. Negative errno: the engine failed.
int fg_still_shot(struct fg_vision *vision, const struct fg_frame *frame,
                  const struct fg_still_rule *rule, unsigned *ret_faces, struct fg_shot *ret);

#ifdef __cplusplus
}
#endif
#endif
