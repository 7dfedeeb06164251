// SPDX-License-Identifier: Apache-2.0
#include "common/card.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"

#define IMPOSTORS_BEHIND 10 // pairs that a claimed FMR needs behind it

struct reading {
    struct fg_card card;
    char file[256];
    double impostors, genuines;
};

static const char *const kinds[] = {"detector", "landmarks", "embedder", NULL};
static const char *const colours[] = {"rgb", "bgr", NULL};
static const char *const anchors[] = {"short-range", "full-range", NULL};

static int read_sha256(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct reading *r = target;
    if (strlen(value) != 64 || strspn(value, "0123456789abcdef") != 64)
        return fg_fail(err, -EINVAL, "%s: must be 64 lower-case hex digits", key);
    memcpy(r->card.sha256, value, 65);
    return 0;
}

static int read_kind(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct reading *r = target;
    for (int i = 0; kinds[i]; i++) {
        if (strcmp(kinds[i], value) == 0) {
            r->card.kind = (enum fg_card_kind)i;
            return 0;
        }
    }
    return fg_fail(err, -EINVAL, "%s = %s: must be detector, landmarks or embedder", key, value);
}

static int read_flag(const char *const *words, const char *key, const char *value, bool *ret,
                     struct fg_error *err)
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(words[i], value) == 0) {
            *ret = i == 1;
            return 0;
        }
    }
    return fg_fail(err, -EINVAL, "%s = %s: must be %s or %s", key, value, words[0], words[1]);
}

static int read_colour(void *target, const char *key, const char *value, struct fg_error *err)
{
    return read_flag(colours, key, value, &((struct reading *)target)->card.bgr, err);
}

static int read_anchors(void *target, const char *key, const char *value, struct fg_error *err)
{
    return read_flag(anchors, key, value, &((struct reading *)target)->card.full_range, err);
}

// "score_0.45 = FMR FNMR", by rising score.
static int read_point(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_card *card = &((struct reading *)target)->card;
    struct fg_card_point p;
    char *end, *rest;
    p.score = strtof(key + strlen("score_"), &end);
    p.fmr = strtod(value, &rest);
    char *last = rest;
    p.fnmr = strtod(rest, &last);
    if (*end || end == key + strlen("score_") || rest == value || last == rest || *last)
        return fg_fail(err, -EINVAL, "%s = %s: write score_S = FMR FNMR", key, value);
    if (!(p.score >= -1 && p.score <= 1 && p.fmr >= 0 && p.fmr <= 1 && p.fnmr >= 0 && p.fnmr <= 1))
        return fg_fail(err, -EINVAL, "%s = %s: score within -1..1, rates within 0..1", key, value);
    if (card->n_points == FG_CARD_POINTS)
        return fg_fail(err, -EINVAL, "%s: more than %d points", key, FG_CARD_POINTS);
    if (card->n_points > 0) {
        const struct fg_card_point *before = &card->points[card->n_points - 1];
        if (p.score <= before->score || p.fmr > before->fmr || p.fnmr < before->fnmr)
            return fg_fail(err, -EINVAL, "%s: scores must rise, FMR fall and FNMR rise", key);
    }
    card->points[card->n_points++] = p;
    return 0;
}

#define AT(field)   .offset = offsetof(struct reading, field)
#define TEXT(field) .type = FG_CONF_STRING, AT(field), .size = sizeof((struct reading *)0)->field

static const struct fg_conf_key keys[] = {
    {"model", "name", TEXT(card.name), .required = true},
    {"model", "version", TEXT(card.version), .required = true},
    {"model", "kind", .type = FG_CONF_CALL, .call = read_kind, .required = true},
    {"model", "file", TEXT(file), .required = true},
    {"model", "sha256", .type = FG_CONF_CALL, .call = read_sha256, .required = true},
    {"model", "licence", TEXT(card.licence), .required = true},
    {"model", "source", TEXT(card.source), .required = true},
    {"input", "width", FG_CONF_U32, AT(card.width), .low = 8, .high = 1024, .required = true},
    {"input", "height", FG_CONF_U32, AT(card.height), .low = 8, .high = 1024, .required = true},
    {"input", "colour", .type = FG_CONF_CALL, .call = read_colour},
    {"input", "mean", FG_CONF_FLOAT, AT(card.mean), .low = 0, .high = 255, .required = true},
    {"input", "scale", FG_CONF_FLOAT, AT(card.scale), .low = 1e-3, .high = 1e4, .required = true},
    {"input", "transposed", FG_CONF_BOOL, AT(card.transposed)},
    {"detector", "anchors", .type = FG_CONF_CALL, .call = read_anchors},
    {"detector", "min_score", FG_CONF_FLOAT, AT(card.min_score), .low = 0.01, .high = 0.99},
    {"embedder", "dimension", FG_CONF_U32, AT(card.dimension), .low = 1, .high = 1024},
    {"embedder", "project", FG_CONF_U32, AT(card.project), .low = 1, .high = 1024},
    {"embedder", "min_norm", FG_CONF_FLOAT, AT(card.min_norm), .low = 0, .high = 1e6},
    {"embedder", "same_track", FG_CONF_FLOAT, AT(card.same_track), .low = -1, .high = 1},
    {"calibration", "dataset", TEXT(card.dataset)},
    {"calibration", "impostor_pairs", FG_CONF_DOUBLE, AT(impostors), .low = 0, .high = 1e15},
    {"calibration", "genuine_pairs", FG_CONF_DOUBLE, AT(genuines), .low = 0, .high = 1e15},
    {"calibration", "score_*", .type = FG_CONF_CALL, .call = read_point},
};

// FNV-1a, 64 bits: names what a template depends on. Cards are the operator's own, so nobody
// gains by a collision.
static uint64_t identify(const struct fg_card *c)
{
    char text[512];
    int length = snprintf(text, sizeof text, "%s|%s|%s|%ux%u|%d%d|%g|%g|%u|%u", c->name, c->version,
                          c->sha256, c->width, c->height, c->bgr, c->transposed, (double)c->mean,
                          (double)c->scale, c->dimension, c->project);
    uint64_t hash = 1469598103934665603u;
    for (int i = 0; i < length && i < (int)sizeof text - 1; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash;
}

static int join_path(const char *card_path, const char *file, char *ret, size_t size,
                     struct fg_error *err)
{
    const char *slash = strrchr(card_path, '/');
    int folder = slash && file[0] != '/' ? (int)(slash - card_path) + 1 : 0;
    int length = snprintf(ret, size, "%.*s%s", folder, card_path, file);
    if (length < 0 || (size_t)length >= size)
        return fg_fail(err, -ENAMETOOLONG, "%s: the path of the model file is too long", card_path);
    return 0;
}

static int check_embedder(const char *path, const struct fg_card *c, struct fg_error *err)
{
    if (c->dimension == 0)
        return fg_fail(err, -EINVAL, "%s: dimension is missing in [embedder]", path);
    if (c->project > c->dimension)
        return fg_fail(err, -EINVAL, "%s: project = %u is more than dimension = %u", path,
                       c->project, c->dimension);
    if (c->n_points == 1 || (c->n_points > 0 && c->impostor_pairs == 0))
        return fg_fail(err, -EINVAL,
                       "%s: [calibration] needs impostor_pairs and at least two score_ points",
                       path);
    return 0;
}

int fg_card_read(const char *path, struct fg_card *ret, struct fg_error *err)
{
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        return fg_fail(err, -ENOMEM, "out of memory");
    r->card.min_score = 0.5f;
    r->card.same_track = 0.5f;
    int code = fg_conf_read(path, keys, sizeof keys / sizeof *keys, r, err);
    snprintf(r->card.card, sizeof r->card.card, "%s", path);
    if (code == 0)
        code = join_path(path, r->file, r->card.path, sizeof r->card.path, err);
    r->card.impostor_pairs = (uint64_t)r->impostors;
    r->card.genuine_pairs = (uint64_t)r->genuines;
    if (code == 0 && r->card.kind == FG_CARD_EMBEDDER)
        code = check_embedder(path, &r->card, err);
    if (code == 0) {
        r->card.id = identify(&r->card);
        *ret = r->card;
    }
    free(r);
    return code;
}

uint32_t fg_card_template_dimension(const struct fg_card *card)
{
    return card->project ? card->project : card->dimension;
}

double fg_card_least_fmr(const struct fg_card *card)
{
    if (card->n_points == 0 || card->impostor_pairs < IMPOSTORS_BEHIND)
        return 1;
    return (double)IMPOSTORS_BEHIND / (double)card->impostor_pairs;
}

// The logarithm of a rate; a rate of 0 in the table means "none seen", which says no more than
// less than one pair.
static double log_rate(const struct fg_card *card, double rate)
{
    double least = 1.0 / (double)(card->impostor_pairs + 1);
    return log(rate > least ? rate : least);
}

int fg_card_score_for_fmr(const struct fg_card *card, double fmr, float *ret_score,
                          struct fg_error *err)
{
    if (card->n_points < 2)
        return fg_fail(err, -ENODATA,
                       "%.150s: model %s has no calibration; measure one with facegate eval "
                       "--calibrate CARD FOLDER on labelled photographs",
                       card->card, card->name);
    double least = fg_card_least_fmr(card);
    if (!(fmr > 0) || fmr < least)
        return fg_fail(err, -ERANGE,
                       "an FMR of %.3g is below what the calibration of model %s supports (%.3g, "
                       "from %llu impostor pairs)",
                       fmr, card->name, least, (unsigned long long)card->impostor_pairs);
    if (fmr > card->points[0].fmr)
        return fg_fail(err, -ERANGE, "an FMR of %.3g is above the calibration of model %s (%.3g)",
                       fmr, card->name, card->points[0].fmr);
    for (unsigned i = 1; i < card->n_points; i++) {
        const struct fg_card_point *a = &card->points[i - 1], *b = &card->points[i];
        if (fmr < b->fmr)
            continue;
        double la = log_rate(card, a->fmr), lb = log_rate(card, b->fmr);
        double share = la > lb ? (la - log_rate(card, fmr)) / (la - lb) : 1;
        *ret_score = a->score + (float)share * (b->score - a->score);
        return 0;
    }
    return fg_fail(err, -ERANGE, "an FMR of %.3g is beyond the score table of model %s (%.3g)", fmr,
                   card->name, card->points[card->n_points - 1].fmr);
}

int fg_card_rates(const struct fg_card *card, float score, double *ret_fmr, double *ret_fnmr)
{
    if (card->n_points < 2)
        return -ENODATA;
    const struct fg_card_point *a = &card->points[0], *b = a;
    for (unsigned i = 1; i < card->n_points && score > b->score; i++) {
        a = b;
        b = &card->points[i];
    }
    float span = b->score - a->score;
    double share = span > 0 ? (score - a->score) / span : 0;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    double la = log_rate(card, a->fmr), lb = log_rate(card, b->fmr);
    *ret_fmr = exp(la + share * (lb - la));
    *ret_fnmr = a->fnmr + share * (b->fnmr - a->fnmr);
    return 0;
}
