// SPDX-License-Identifier: Apache-2.0
#include "tools/photo.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/still.h"

#define STANDARD_SMALLEST 60

struct fg_photographer {
    struct fg_vision *vision;
    struct fg_image image;
};

// A photograph is looked at once and long; a gate's camera has the next frame.
static const struct fg_quality_limits photo_limits = {
    .eye_distance = 24,
    .yaw = 40,
    .dark = 25,
    .bright = 240,
    .sharpness = 0.0012f,
    .face_score = 0.5f,
};

int fg_photographer_create(struct fg_vision *vision, struct fg_photographer **ret)
{
    struct fg_photographer *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->vision = vision;
    *ret = p;
    return 0;
}

void fg_photographer_destroy(struct fg_photographer *photographer)
{
    if (!photographer)
        return;
    if (photographer->image.memory)
        explicit_bzero(photographer->image.memory, photographer->image.capacity);
    fg_image_finish(&photographer->image);
    free(photographer);
}

static int refuse(const char *path, const struct fg_shot *shot, struct fg_error *err)
{
    const struct fg_quality *q = &shot->quality;
    switch (shot->reason) {
    case FG_REASON_TOO_SMALL:
        return fg_fail(err, -ENODATA,
                       "%s: the face is too small: %.0f pixels between the eyes, %.0f are needed",
                       path, (double)q->eye_distance, (double)photo_limits.eye_distance);
    case FG_REASON_TOO_DARK:
        return fg_fail(err, -ENODATA, "%s: the face is too dark; take it in more light", path);
    case FG_REASON_TOO_BRIGHT:
        return fg_fail(err, -ENODATA, "%s: the face is overexposed; take it in less light", path);
    case FG_REASON_BLURRED:
        return fg_fail(err, -ENODATA, "%s: the face is blurred", path);
    case FG_REASON_POSE:
        return fg_fail(err, -ENODATA, "%s: the face is turned away (about %.0f degrees)", path,
                       (double)fabsf(q->yaw));
    case FG_REASON_CUT_OFF:
        return fg_fail(err, -ENODATA, "%s: the face is partly outside the picture", path);
    default:
        return fg_fail(err, -ENODATA, "%s: the face is covered, or it is no face", path);
    }
}

int fg_photo_shot(struct fg_photographer *photographer, const char *path,
                  const struct fg_photo_rule *rule, struct fg_shot *ret, struct fg_error *err)
{
    struct fg_photographer *p = photographer;
    unsigned faces = 0;
    ret->reason = FG_REASON_NONE;
    int code = fg_image_load(&p->image, path, err);
    if (code < 0)
        return code;
    const struct fg_still_rule still = {
        .limits = rule->accept ? NULL : &photo_limits,
        .smallest = rule->smallest > 0 ? rule->smallest : STANDARD_SMALLEST,
        .central = rule->central,
        .mirrored = rule->mirrored,
    };
    code = fg_still_shot(p->vision, &p->image.frame, &still, &faces, ret);
    if (code < 0)
        return fg_fail(err, code, "%s: the engine failed", path);
    if (faces == 0)
        return fg_fail(err, -ENODATA, "%s: no face found", path);
    if (faces > 1 && !rule->central)
        return fg_fail(err, -ENODATA,
                       "%s: %u faces; crop the picture, or take the one in the middle with "
                       "--central",
                       path, faces);
    return ret->reason == FG_REASON_NONE ? 0 : refuse(path, ret, err);
}
