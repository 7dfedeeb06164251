// SPDX-License-Identifier: Apache-2.0
// One photograph through one engine, end to end: the largest face, found, aligned and embedded, as
// JSON, with where every layer ran. Two such files from two machines are compared by photo_compare.
//
//   photo_embed --engine E [--fp16] [--backend-path DIR] [--system TEXT] --models DIR PHOTO
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "accel/graph.h"
#include "accel/model.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"
#include "pipeline/align.h"
#include "pipeline/detect.h"
#include "pipeline/embed.h"
#include "pipeline/image.h"

// Large enough that the few squares of the coarsest look are all that is run: an emulated
// reference backend takes seconds for each.
#define SMALLEST_FACE 150

enum { DETECTOR, ALIGNER, EMBEDDER, MODELS };
static const char *const card_names[MODELS] = {"blazeface", "onet", "mobilefacenet"};

struct asked {
    struct fg_accel_options accel;
    const char *system, *models, *photo;
};

struct seen {
    struct fg_card cards[MODELS];
    struct fg_face face;
    struct fg_landmarks landmarks;
    float vector[FG_WIRE_DIMENSION], norm;
    double ms[MODELS];
    char engine[200];
};

static double ms_since(uint64_t start)
{
    return (double)(fg_monotonic_ns() - start) * 1e-6;
}

static int read_cards(const struct asked *asked, struct seen *seen, struct fg_error *err)
{
    char path[600];
    int r = 0;
    for (int k = 0; r == 0 && k < MODELS; k++) {
        snprintf(path, sizeof path, "%s/%s.card", asked->models, card_names[k]);
        r = fg_card_read(path, &seen->cards[k], err);
    }
    return r;
}

static int find(const struct asked *asked, const struct fg_frame *frame, struct seen *seen,
                struct fg_error *err)
{
    struct fg_sampler *sampler = NULL;
    struct fg_detector *detector = NULL;
    struct fg_face faces[FG_FACES_MAX];
    int r = fg_sampler_create(&sampler);
    if (r == 0)
        r = fg_detector_open(&seen->cards[DETECTOR], &asked->accel, sampler, &detector, err);
    if (r == 0) {
        uint64_t start = fg_monotonic_ns();
        r = fg_detect_still(detector, frame, SMALLEST_FACE, faces, FG_FACES_MAX);
        seen->ms[DETECTOR] = ms_since(start);
        if (r <= 0)
            r = fg_fail(err, r < 0 ? r : -ENODATA, "no face found in %s", asked->photo);
    }
    fg_detector_close(detector);
    fg_sampler_destroy(sampler);
    if (r < 0)
        return r;
    seen->face = faces[0];
    return 0;
}

static int align(const struct asked *asked, const struct fg_frame *frame, struct seen *seen,
                 struct fg_error *err)
{
    struct fg_aligner *aligner = NULL;
    int r = fg_aligner_open(&seen->cards[ALIGNER], &asked->accel, &aligner, err);
    if (r < 0)
        return r;
    uint64_t start = fg_monotonic_ns();
    r = fg_align_landmarks(aligner, frame, &seen->face, &seen->landmarks);
    seen->ms[ALIGNER] = ms_since(start);
    fg_aligner_close(aligner);
    return r < 0 ? fg_fail(err, r, "the landmark network failed") : 0;
}

static int embed(const struct asked *asked, const struct fg_frame *frame, struct seen *seen,
                 struct fg_error *err)
{
    struct fg_embedder *embedder = NULL;
    struct fg_affine map;
    int r = fg_align_map(&seen->landmarks, seen->cards[EMBEDDER].width, &map);
    if (r < 0)
        return fg_fail(err, r, "the landmarks coincide");
    r = fg_embedder_open(&seen->cards[EMBEDDER], &asked->accel, &embedder, err);
    if (r < 0)
        return r;
    const float *crop;
    r = fg_embed_crop(embedder, frame, &map, &crop);
    uint64_t start = fg_monotonic_ns();
    if (r == 0)
        r = fg_embed_run(embedder, false, seen->vector, &seen->norm);
    seen->ms[EMBEDDER] = ms_since(start);
    snprintf(seen->engine, sizeof seen->engine, "%s", fg_accel_engine(fg_embedder_accel(embedder)));
    fg_embedder_close(embedder);
    return r < 0 ? fg_fail(err, r, "the embedder failed") : 0;
}

static struct fg_json *floats(const float *values, unsigned n)
{
    struct fg_json *array = fg_json_array();
    for (unsigned i = 0; i < n; i++)
        fg_json_add_number(array, NULL, (double)values[i]);
    return array;
}

// Opens the model again, without a run: who owns the first one does not show its engine.
static int add_placement(struct fg_json *layers, const struct fg_card *card,
                         const struct fg_accel_options *options, struct fg_error *err)
{
    struct fg_graph *graph = NULL;
    struct fg_accel *accel = NULL;
    int r = fg_model_load(card, &graph, err);
    if (r == 0)
        r = fg_accel_open(graph, options, &accel, err);
    for (unsigned i = 0; r == 0 && i < fg_accel_placement_count(accel); i++) {
        struct fg_placement p = fg_accel_placement(accel, i);
        struct fg_json *layer = fg_json_object();
        fg_json_add_string(layer, "model", card->name);
        fg_json_add_string(layer, "layer", p.layer);
        fg_json_add_string(layer, "op", p.op);
        fg_json_add_string(layer, "backend", p.backend);
        fg_json_add_string(layer, "note", p.note);
        fg_json_add(layers, NULL, layer);
    }
    fg_accel_close(accel);
    fg_graph_destroy(graph);
    return r;
}

static struct fg_json *described(const struct asked *asked, const struct seen *seen)
{
    const float box[] = {seen->face.x, seen->face.y, seen->face.width, seen->face.height};
    struct fg_json *json = fg_json_object(), *ms = fg_json_object();
    struct utsname host;
    fg_json_add_string(json, "system", asked->system);
    fg_json_add_string(json, "machine", uname(&host) == 0 ? host.machine : "");
    fg_json_add_string(json, "asked", asked->accel.engine);
    fg_json_add_string(json, "engine", seen->engine);
    fg_json_add_bool(json, "fp16", asked->accel.fp16);
    for (int k = 0; k < MODELS; k++)
        fg_json_add_number(ms, card_names[k], seen->ms[k]);
    fg_json_add(json, "ms", ms);
    fg_json_add(json, "box", floats(box, 4));
    fg_json_add(json, "landmarks", floats(seen->landmarks.points[0], 2 * FG_LANDMARKS));
    fg_json_add_number(json, "norm", (double)seen->norm);
    fg_json_add(json, "embedding",
                floats(seen->vector, fg_card_template_dimension(&seen->cards[EMBEDDER])));
    return json;
}

static int print(const struct asked *asked, const struct seen *seen, struct fg_error *err)
{
    struct fg_json *json = described(asked, seen), *layers = fg_json_array();
    int r = 0;
    for (int k = 0; r == 0 && k < MODELS; k++)
        r = add_placement(layers, &seen->cards[k], &asked->accel, err);
    fg_json_add(json, "layers", layers);
    if (r == 0) {
        char *text = fg_json_print(json, true);
        puts(text);
        free(text);
    }
    fg_json_destroy(json);
    return r;
}

static int parse(int argc, char **argv, struct asked *ret)
{
    static const struct option rows[] = {
        {"engine", required_argument, NULL, 'e'}, {"backend-path", required_argument, NULL, 'b'},
        {"system", required_argument, NULL, 's'}, {"models", required_argument, NULL, 'm'},
        {"fp16", no_argument, NULL, 'f'},         {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", rows, NULL)) != -1;) {
        switch (option) {
        case 'e':
            ret->accel.engine = optarg;
            break;
        case 'b':
            ret->accel.backend_path = optarg;
            break;
        case 's':
            ret->system = optarg;
            break;
        case 'm':
            ret->models = optarg;
            break;
        case 'f':
            ret->accel.fp16 = true;
            break;
        default:
            return -EINVAL;
        }
    }
    ret->photo = argv[optind];
    return argc - optind == 1 ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct asked asked = {.accel.engine = "xnnpack", .system = "", .models = "models"};
    struct seen seen = {.engine = ""};
    struct fg_image image = {0};
    struct fg_error err = {""};
    if (parse(argc, argv, &asked) < 0) {
        fprintf(stderr, "photo_embed: [--engine E] [--fp16] [--backend-path DIR] [--system TEXT] "
                        "[--models DIR] PHOTO\n");
        return 2;
    }
    int r = read_cards(&asked, &seen, &err);
    if (r == 0)
        r = fg_image_load(&image, asked.photo, &err);
    if (r == 0)
        r = find(&asked, &image.frame, &seen, &err);
    if (r == 0)
        r = align(&asked, &image.frame, &seen, &err);
    if (r == 0)
        r = embed(&asked, &image.frame, &seen, &err);
    if (r == 0)
        r = print(&asked, &seen, &err);
    fg_image_finish(&image);
    if (r < 0)
        fprintf(stderr, "photo_embed: %s: %s\n", asked.accel.engine,
                err.text[0] ? err.text : strerror(-r));
    return r < 0;
}
