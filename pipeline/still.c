// SPDX-License-Identifier: Apache-2.0
#include "pipeline/still.h"

#include <math.h>

static const struct fg_face *most_central(const struct fg_face *faces, int n,
                                          const struct fg_frame *frame)
{
    const struct fg_face *best = NULL;
    float nearest = INFINITY;
    for (int i = 0; i < n; i++) {
        float far =
            hypotf(faces[i].x - (float)frame->width / 2, faces[i].y - (float)frame->height / 2);
        if (far < nearest) {
            nearest = far;
            best = &faces[i];
        }
    }
    return best;
}

static int drop_patterns(struct fg_vision *vision, const struct fg_frame *frame,
                         struct fg_face *faces, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        int is_face = fg_vision_is_face(vision, frame, &faces[i]);
        if (is_face < 0)
            return is_face;
        if (is_face)
            faces[kept++] = faces[i];
    }
    return kept;
}

int fg_still_shot(struct fg_vision *vision, const struct fg_frame *frame,
                  const struct fg_still_rule *rule, unsigned *ret_faces, struct fg_shot *ret)
{
    struct fg_face faces[FG_FACES_MAX];
    int n = fg_detect_still(fg_vision_detector(vision), frame, rule->smallest, faces, FG_FACES_MAX);
    if (n > 0 && rule->limits)
        n = drop_patterns(vision, frame, faces, n);
    if (n < 0)
        return n;
    *ret_faces = (unsigned)n;
    ret->reason = n == 0 ? FG_REASON_NO_FACE : FG_REASON_NONE;
    if (n == 0 || (n > 1 && !rule->central))
        return 0;
    return fg_vision_shot(vision, frame, most_central(faces, n, frame), rule->limits,
                          rule->mirrored, ret);
}
