// SPDX-License-Identifier: Apache-2.0
#include "pipeline/vision.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wipe.h"
#include "pipeline/embed.h"

struct fg_vision {
    struct fg_card detector_card, aligner_card, embedder_card;
    struct fg_sampler *sampler;
    struct fg_detector *detector;
    struct fg_aligner *aligner;
    struct fg_embedder *embedder;
    struct fg_sample_form crop_form;
};

static int read_card(const char *folder, const char *name, const char *standard,
                     struct fg_card *ret, struct fg_error *err)
{
    char path[600];
    int length = snprintf(path, sizeof path, "%s/%s.card", folder, name ? name : standard);
    if (length < 0 || (size_t)length >= sizeof path)
        return fg_fail(err, -ENAMETOOLONG, "the models folder's name is too long");
    int code = fg_card_read(path, ret, err);
    return code == -ENOENT
               ? fg_fail(err, code, "%s: no such model card; name the folder with --models", path)
               : code;
}

static int open_cards(struct fg_vision *v, const struct fg_vision_options *o, struct fg_error *err)
{
    const char *folder = o->models ? o->models : "models";
    int code = read_card(folder, o->detector, "blazeface", &v->detector_card, err);
    if (code == 0)
        code = read_card(folder, o->aligner, "onet", &v->aligner_card, err);
    if (code == 0)
        code = read_card(folder, o->embedder, "mobilefacenet", &v->embedder_card, err);
    return code;
}

int fg_vision_open(const struct fg_vision_options *options, struct fg_vision **ret,
                   struct fg_error *err)
{
    struct fg_vision *v = calloc(1, sizeof *v);
    if (!v)
        return fg_fail(err, -ENOMEM, "out of memory");
    const struct fg_accel_options *accel = &options->accel;
    int code = open_cards(v, options, err);
    if (code == 0 && fg_sampler_create(&v->sampler) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    if (code == 0)
        code = fg_detector_open(&v->detector_card, accel, v->sampler, &v->detector, err);
    if (code == 0)
        code = fg_aligner_open(&v->aligner_card, accel, &v->aligner, err);
    if (code == 0)
        code = fg_embedder_open(&v->embedder_card, accel, &v->embedder, err);
    if (code < 0) {
        fg_vision_close(v);
        return code;
    }
    const struct fg_card *c = &v->embedder_card;
    v->crop_form =
        (struct fg_sample_form){c->width, c->height, c->mean, c->scale, c->bgr, c->transposed};
    *ret = v;
    return 0;
}

void fg_vision_close(struct fg_vision *vision)
{
    if (!vision)
        return;
    fg_embedder_close(vision->embedder);
    fg_aligner_close(vision->aligner);
    fg_detector_close(vision->detector);
    fg_sampler_destroy(vision->sampler);
    free(vision);
}

const struct fg_card *fg_vision_embedder_card(const struct fg_vision *vision)
{
    return &vision->embedder_card;
}

struct fg_detector *fg_vision_detector(struct fg_vision *vision)
{
    return vision->detector;
}

const char *fg_vision_engine(const struct fg_vision *vision)
{
    return fg_accel_engine(fg_embedder_accel(vision->embedder));
}

struct network {
    const char *name;
    const struct fg_accel *accel;
};

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
                                                         const char *format, ...)
{
    size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + used, size - used, format, list);
    va_end(list);
}

static void add_fallbacks(const struct network *network, struct fg_vision_engines *ret)
{
    const unsigned n = fg_accel_fallbacks(network->accel);
    const char *between = ret->fallbacks ? "; " : "";
    ret->layers += fg_accel_placement_count(network->accel);
    ret->fallbacks += n;
    for (unsigned i = 0; n > 0 && i < fg_accel_placement_count(network->accel); i++) {
        const struct fg_placement p = fg_accel_placement(network->accel, i);
        if (!p.note[0])
            continue;
        append(ret->fallen, sizeof ret->fallen, "%s%s %u, first %s %.40s on %s (%.60s)", between,
               network->name, n, p.op, p.layer, p.backend, p.note);
        return;
    }
}

static void add_copies(const struct network *network, struct fg_vision_engines *ret)
{
    int copies = fg_accel_copies(network->accel);
    ret->copies = copies < 0 || ret->copies < 0 ? -1 : ret->copies + copies;
}

void fg_vision_engines(const struct fg_vision *vision, struct fg_vision_engines *ret)
{
    const struct network networks[] = {{"detector", fg_detector_accel(vision->detector)},
                                       {"aligner", fg_aligner_accel(vision->aligner)},
                                       {"embedder", fg_embedder_accel(vision->embedder)}};
    const char *first = fg_accel_engine(networks[0].accel);
    *ret = (struct fg_vision_engines){.differ = false};
    for (int i = 0; i < 3; i++) {
        ret->differ |= strcmp(fg_accel_engine(networks[i].accel), first) != 0;
        add_fallbacks(&networks[i], ret);
        add_copies(&networks[i], ret);
    }
    for (int i = 0; i < (ret->differ ? 3 : 1); i++)
        append(ret->chosen, sizeof ret->chosen, "%s%s%s%s: %.200s", i ? "; " : "",
               ret->differ ? networks[i].name : "", ret->differ ? " on " : "",
               fg_accel_engine(networks[i].accel), fg_accel_reason(networks[i].accel));
}

int fg_vision_is_face(struct fg_vision *vision, const struct fg_frame *frame,
                      const struct fg_face *face)
{
    struct fg_landmarks landmarks;
    int code = fg_align_landmarks(vision->aligner, frame, face, &landmarks);
    return code < 0 ? code : landmarks.score >= fg_quality_gate.face_score;
}

int fg_vision_shot(struct fg_vision *vision, const struct fg_frame *frame,
                   const struct fg_face *face, const struct fg_quality_limits *limits,
                   bool mirrored, struct fg_shot *ret)
{
    struct fg_landmarks landmarks;
    struct fg_affine map;
    ret->reason = FG_REASON_NONE;
    ret->quality = (struct fg_quality){0};
    ret->dimension = fg_card_template_dimension(&vision->embedder_card);
    int code = fg_align_landmarks(vision->aligner, frame, face, &landmarks);
    if (code < 0)
        return code;
    fg_quality_geometry(&landmarks, &ret->quality);
    if (fg_align_map(&landmarks, vision->crop_form.width, &map) < 0) {
        ret->reason = FG_REASON_OCCLUDED;
        return 0;
    }
    const float *crop;
    if ((code = fg_embed_crop(vision->embedder, frame, &map, &crop)) < 0)
        return code;
    fg_quality_picture(crop, &vision->crop_form, &ret->quality);
    if (limits)
        ret->reason = fg_quality_reason(&ret->quality, &landmarks, frame, limits);
    if (ret->reason != FG_REASON_NONE)
        return 0;
    code = fg_embed_run(vision->embedder, mirrored, ret->vector, &ret->quality.norm);
    if (code == -EDOM) {
        ret->reason = FG_REASON_OCCLUDED;
        return 0;
    }
    fg_quality_unify(&ret->quality, vision->embedder_card.min_norm);
    return code;
}

int fg_vision_wipe(struct fg_vision *vision, struct fg_shot *shot, bool all)
{
    int code = fg_embed_wipe(vision->embedder);
    if (fg_accel_wipe(fg_aligner_accel(vision->aligner)) < 0)
        code = -EIO;
    if (all && fg_accel_wipe(fg_detector_accel(vision->detector)) < 0)
        code = -EIO;
    if (all)
        fg_sampler_wipe(vision->sampler);
    if (shot)
        explicit_bzero(shot, sizeof *shot);
    fg_wipe_stack();
    return code;
}
