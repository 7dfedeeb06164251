// SPDX-License-Identifier: Apache-2.0
#include "tools/portrait.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// A face with the 24 pixels between the eyes that a photograph needs is 59 wide (pipeline/face.h);
// looking for smaller ones would only find bystanders, and takes most of the time.
#define SMALLEST_FACE 56

static const char *reason_of(int code, const struct fg_shot *shot)
{
    if (code != -ENODATA)
        return "unreadable";
    return shot->reason == FG_REASON_NONE ? "several_faces" : fg_reason_name(shot->reason);
}

static float cosine(const float *a, const float *b, uint32_t dimension)
{
    float sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += a[i] * b[i];
    return sum;
}

static void keep(struct fg_portrait *p, const struct fg_shot *shot, size_t photo)
{
    p->dimension = shot->dimension;
    memcpy(p->vectors + (size_t)p->count * p->dimension, shot->vector,
           p->dimension * sizeof(float));
    p->quality[p->count] = shot->quality.unified;
    p->photo[p->count++] = photo;
}

// One file name is enough to recognise a photograph; two whole paths would not fit one line.
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int check_agreement(const struct fg_portrait *p, const struct fg_card *card,
                           char *const *photos, struct fg_error *err)
{
    for (unsigned i = 0; i < p->count; i++) {
        for (unsigned k = i + 1; k < p->count; k++) {
            const float *a = p->vectors + (size_t)i * p->dimension;
            const float *b = p->vectors + (size_t)k * p->dimension;
            if (cosine(a, b, p->dimension) < card->same_track)
                return fg_fail(err, -ENOTUNIQ,
                               "%s and %s: these two photographs look like two people; leave one "
                               "out, or insist with --anyway",
                               file_name(photos[p->photo[i]]), file_name(photos[p->photo[k]]));
        }
    }
    return 0;
}

static int look_at_all(struct fg_photographer *photographer, char *const *photos, size_t n_photos,
                       const struct fg_portrait_rule *rule, fg_portrait_note note, void *context,
                       struct fg_shot *shot, struct fg_portrait *p, struct fg_error *err)
{
    const struct fg_photo_rule photo_rule = {
        .central = rule->central, .mirrored = true, .smallest = SMALLEST_FACE};
    struct fg_error why;
    for (size_t i = 0; i < n_photos; i++) {
        if (p->count == FG_SUBJECT_SOURCES) {
            note(context, photos[i], "left_out", "left out: five photographs are enough");
            continue;
        }
        shot->reason = FG_REASON_NONE;
        why.text[0] = 0;
        int code = fg_photo_shot(photographer, photos[i], &photo_rule, shot, &why);
        if (code == 0) {
            keep(p, shot, i);
            continue;
        }
        if (code == -EIO || code == -ENOMEM)
            return fg_fail(err, code, "%s", why.text);
        note(context, photos[i], reason_of(code, shot), why.text);
        if (!rule->tolerant)
            return fg_fail(err, -ENODATA, "%s", why.text);
        if (!err->text[0]) // the first reason stands when no photograph is good
            *err = why;
    }
    return 0;
}

int fg_portrait_take(struct fg_photographer *photographer, const struct fg_card *card,
                     char *const *photos, size_t n_photos, const struct fg_portrait_rule *rule,
                     fg_portrait_note note, void *context, struct fg_portrait *ret,
                     struct fg_error *err)
{
    struct fg_shot shot = {.reason = FG_REASON_NONE};
    struct fg_error first = {""};
    fg_portrait_wipe(ret);
    int code = look_at_all(photographer, photos, n_photos, rule, note, context, &shot, ret, &first);
    explicit_bzero(&shot, sizeof shot);
    if (code < 0)
        fg_fail(err, code, "%s", first.text);
    else if (n_photos == 0)
        code = fg_fail(err, -ENODATA, "there is no photograph");
    else if (ret->count == 0 && n_photos > 1)
        code = fg_fail(err, -ENODATA, "none of %zu photographs is good; the first: %s", n_photos,
                       first.text);
    else if (ret->count == 0)
        code = fg_fail(err, -ENODATA, "%s", first.text);
    else if (!rule->anyway)
        code = check_agreement(ret, card, photos, err);
    if (code < 0)
        fg_portrait_wipe(ret);
    return code;
}

void fg_portrait_wipe(struct fg_portrait *portrait)
{
    explicit_bzero(portrait, sizeof *portrait);
}
