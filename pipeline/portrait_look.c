// SPDX-License-Identifier: Apache-2.0
#include "pipeline/portrait_look.h"

#include <errno.h>
#include <string.h>

#include "pipeline/document.h"
#include "pipeline/image.h"
#include "pipeline/still.h"

// A document's picture can not be taken again: a gate's limits, not those of an enrolment. Eyes 20
// pixels apart belong to a face 49 pixels wide.
#define SMALLEST_FACE 48

static enum fg_portrait_reason reason_of(enum fg_reason reason)
{
    switch (reason) {
    case FG_REASON_NONE:
        return FG_PORTRAIT_GOOD;
    case FG_REASON_NO_FACE:
        return FG_PORTRAIT_NO_FACE;
    case FG_REASON_TOO_SMALL:
        return FG_PORTRAIT_TOO_SMALL;
    case FG_REASON_TOO_DARK:
        return FG_PORTRAIT_TOO_DARK;
    case FG_REASON_TOO_BRIGHT:
        return FG_PORTRAIT_TOO_BRIGHT;
    case FG_REASON_BLURRED:
        return FG_PORTRAIT_BLURRED;
    case FG_REASON_POSE:
        return FG_PORTRAIT_POSE;
    case FG_REASON_CUT_OFF:
        return FG_PORTRAIT_CUT_OFF;
    default:
        return FG_PORTRAIT_OCCLUDED;
    }
}

static int look_at(struct fg_vision *vision, const struct fg_frame *frame, struct fg_shot *shot,
                   struct fg_portrait_looked *ret, struct fg_error *err)
{
    const struct fg_still_rule rule = {
        .limits = &fg_quality_gate, .smallest = SMALLEST_FACE, .mirrored = true};
    unsigned faces = 0;
    int code = fg_still_shot(vision, frame, &rule, &faces, shot);
    if (code < 0)
        return fg_fail(err, -EIO, "the engine failed on the portrait");
    ret->eye_distance = faces == 1 ? shot->quality.eye_distance : 0;
    ret->reason = faces > 1 ? FG_PORTRAIT_SEVERAL_FACES : reason_of(shot->reason);
    if (ret->reason != FG_PORTRAIT_GOOD)
        fg_fail(err, 0, "the portrait can not be used: %s", fg_portrait_reason_name(ret->reason));
    return 0;
}

int fg_portrait_look(struct fg_vision *vision, const void *bytes, size_t length,
                     struct fg_portrait_looked *ret_looked, float vector[FG_WIRE_DIMENSION],
                     struct fg_error *err)
{
    struct fg_portrait_looked looked = {.reason = FG_PORTRAIT_UNREADABLE};
    struct fg_document document;
    struct fg_image image = {0};
    struct fg_shot shot = {.reason = FG_REASON_NONE};
    int code = fg_document_read(bytes, length, &document, err);
    if (code == 0) {
        looked.pictures = document.pictures;
        code = fg_image_decode(&image, document.picture, document.length, err);
    }
    if (code == -EFBIG || code == -ENOMEM)
        looked.reason = FG_PORTRAIT_TOO_LARGE;
    code = code == 0 ? look_at(vision, &image.frame, &shot, &looked, err) : 0;
    if (code == 0 && looked.reason == FG_PORTRAIT_GOOD)
        memcpy(vector, shot.vector, shot.dimension * sizeof *vector);
    if (code == 0)
        *ret_looked = looked;
    fg_image_finish(&image);
    explicit_bzero(&shot, sizeof shot);
    return code;
}

int fg_portrait_warm(struct fg_vision *vision)
{
    enum { SIDE = 256 };
    static uint8_t grey[SIDE * SIDE];
    const struct fg_frame frame = {
        .fourcc = FG_FOURCC_GREY,
        .width = SIDE,
        .height = SIDE,
        .full_range = true,
        .n_planes = 1,
        .planes = {{grey, SIDE, sizeof grey, -1, 0}},
    };
    const struct fg_face middle = {.x = SIDE / 2, .y = SIDE / 2, .width = 96, .height = 96};
    struct fg_face none[1];
    struct fg_shot shot;
    int n = fg_detect_still(fg_vision_detector(vision), &frame, SMALLEST_FACE, none, 1);
    return n < 0 ? n : fg_vision_shot(vision, &frame, &middle, NULL, true, &shot);
}
