// SPDX-License-Identifier: Apache-2.0
// Compares what photo_embed wrote on several engines and machines with one of them, the reference.
//
//   photo_compare [--summary FILE] REFERENCE.json OTHER.json ...   lines "ok ..." and "not ok ..."
//   photo_compare --table REFERENCE.json OTHER.json ...            a Markdown table
//
// An embedding must point the reference's way: a cosine above 0.99999, with fp16 at least 0.999.
// An engine named with its backend ("armnn:CpuAcc") must have run every layer there.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

#define LEAST_FP32 0.99999
#define LEAST_FP16 0.999

struct compared {
    double cosine, largest; // largest difference of one value
};

struct other {
    struct fg_json *json;
    struct compared compared;
    const char *backend; // that was asked for by name, or "" (xnnpack, auto)
    bool fp16;
    unsigned layers, elsewhere; // elsewhere: not on that backend
};

static int load(const char *path, struct fg_json **ret, struct fg_error *err)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    if (!file)
        return fg_fail(err, -errno, "%s: no result; see its log", path);
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    int r = fg_json_parse(text, length, ret, err);
    return r < 0 ? fg_fail_prefix(err, r, "%s", path) : 0;
}

static double at(const struct fg_json *embedding, size_t i)
{
    // printed and read again as a number of its own: fg_json reads numbers of objects only
    char *text = fg_json_print(fg_json_at(embedding, i), false);
    double value = strtod(text, NULL);
    free(text);
    return value;
}

static int compare(const struct fg_json *a, const struct fg_json *b, struct compared *ret)
{
    const struct fg_json *x = fg_json_get(a, "embedding"), *y = fg_json_get(b, "embedding");
    double xx = 0, yy = 0, xy = 0, largest = 0;
    size_t n = fg_json_count(x);
    if (n == 0 || n != fg_json_count(y))
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        double p = at(x, i), q = at(y, i);
        xx += p * p;
        yy += q * q;
        xy += p * q;
        largest = fmax(largest, fabs(p - q));
    }
    *ret = (struct compared){xy / sqrt(xx * yy), largest};
    return isfinite(ret->cosine) ? 0 : -EDOM;
}

// A node that costs nothing, a reshape, belongs to no backend.
static void count_layers(struct other *other)
{
    const struct fg_json *layers = fg_json_get(other->json, "layers");
    for (size_t i = 0; i < fg_json_count(layers); i++) {
        const char *runs_on = fg_json_get_string(fg_json_at(layers, i), "backend", "");
        other->layers++;
        other->elsewhere += strcmp(runs_on, other->backend) && strcmp(runs_on, "alias");
    }
}

static int load_other(const char *path, const struct fg_json *reference, struct other *ret,
                      struct fg_error *err)
{
    *ret = (struct other){.backend = ""};
    int r = load(path, &ret->json, err);
    if (r < 0)
        return r;
    const char *asked = fg_json_get_string(ret->json, "asked", "");
    const char *colon = strchr(asked, ':');
    ret->backend = colon ? colon + 1 : asked;
    ret->fp16 = fg_json_get_bool(ret->json, "fp16", false);
    count_layers(ret);
    r = compare(reference, ret->json, &ret->compared);
    if (r < 0)
        fg_json_destroy(ret->json);
    return r < 0 ? fg_fail(err, r, "%s: its embedding is no vector like the reference's", path) : 0;
}

static bool judge(const struct other *other)
{
    double cosine = other->compared.cosine;
    bool near = other->fp16 ? cosine >= LEAST_FP16 : cosine > LEAST_FP32;
    bool placed = other->layers > 0 && other->elsewhere == 0;
    printf("%s %s%s, %s: cosine %.9f, largest difference %.2g; %u of %u layers on %s\n",
           near && placed ? "ok" : "not ok", fg_json_get_string(other->json, "asked", ""),
           other->fp16 ? " fp16" : "", fg_json_get_string(other->json, "system", ""), cosine,
           other->compared.largest, other->layers - other->elsewhere, other->layers,
           other->backend);
    return near && placed;
}

// "armnn:CpuAcc" with fp16: cos_cpuacc_fp16
static void key_of(const struct other *other, char *ret, size_t size)
{
    snprintf(ret, size, "cos_%s%s", other->backend, other->fp16 ? "_fp16" : "");
    for (char *c = ret; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
}

static void add_counts(struct fg_json *summary, const struct fg_json *layers)
{
    struct fg_json *counts = fg_json_object();
    for (size_t i = 0; i < fg_json_count(layers); i++) {
        const char *backend = fg_json_get_string(fg_json_at(layers, i), "backend", "");
        unsigned n = 0;
        if (fg_json_get(counts, backend))
            continue;
        for (size_t k = i; k < fg_json_count(layers); k++)
            n += !strcmp(fg_json_get_string(fg_json_at(layers, k), "backend", ""), backend);
        fg_json_add_number(counts, backend, n);
    }
    fg_json_add(summary, "placement", counts);
}

static void add_layers(struct fg_json *summary, const struct fg_json *layers)
{
    static const char *const names[] = {"model", "layer", "op", "backend", "note"};
    struct fg_json *list = fg_json_array();
    for (size_t i = 0; i < fg_json_count(layers); i++) {
        struct fg_json *layer = fg_json_object();
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            fg_json_add_string(layer, names[k],
                               fg_json_get_string(fg_json_at(layers, i), names[k], ""));
        fg_json_add(list, NULL, layer);
    }
    fg_json_add(summary, "layers", list);
}

static void add_to_summary(struct fg_json *summary, const struct other *other)
{
    char key[80];
    key_of(other, key, sizeof key);
    fg_json_add_number(summary, key, other->compared.cosine);
    if (strchr(fg_json_get_string(other->json, "asked", ""), ':') && !other->fp16) {
        add_counts(summary, fg_json_get(other->json, "layers"));
        add_layers(summary, fg_json_get(other->json, "layers"));
    }
}

static int write_summary(const struct fg_json *summary, const char *path)
{
    char *text = fg_json_print(summary, true);
    FILE *file = fopen(path, "w");
    bool good = file && fprintf(file, "%s\n", text) > 0;
    if (file && fclose(file) != 0)
        good = false;
    free(text);
    if (!good)
        fprintf(stderr, "photo_compare: can not write %s: %s\n", path, strerror(errno));
    return good ? 0 : -EIO;
}

static int check_all(const struct fg_json *reference, char **paths, int n, const char *summary_path)
{
    struct fg_json *summary = fg_json_object();
    int bad = 0;
    for (int i = 0; i < n; i++) {
        struct fg_error err = {""};
        struct other other;
        if (load_other(paths[i], reference, &other, &err) < 0) {
            printf("not ok %s\n", err.text);
            bad++;
            continue;
        }
        bad += !judge(&other);
        add_to_summary(summary, &other);
        fg_json_destroy(other.json);
    }
    if (summary_path && write_summary(summary, summary_path) < 0)
        bad++;
    fg_json_destroy(summary);
    return bad > 0;
}

static int print_table(const struct fg_json *reference, char **paths, int n)
{
    int bad = 0;
    printf("| engine | system | cosine to %s on %s | largest difference |\n|---|---|---|---|\n",
           fg_json_get_string(reference, "asked", ""), fg_json_get_string(reference, "system", ""));
    for (int i = 0; i < n; i++) {
        struct fg_error err = {""};
        struct other other;
        if (load_other(paths[i], reference, &other, &err) < 0) {
            fprintf(stderr, "photo_compare: %s\n", err.text);
            bad++;
            continue;
        }
        printf("| %s%s | %s | %.9f | %.1e |\n", fg_json_get_string(other.json, "asked", ""),
               other.fp16 ? " fp16" : "", fg_json_get_string(other.json, "system", ""),
               other.compared.cosine, other.compared.largest);
        fg_json_destroy(other.json);
    }
    return bad > 0;
}

int main(int argc, char **argv)
{
    const char *summary = NULL;
    struct fg_json *reference;
    struct fg_error err = {""};
    bool table = argc > 1 && !strcmp(argv[1], "--table");
    int next = table ? 2 : 1;
    if (argc > 2 && !strcmp(argv[1], "--summary")) {
        summary = argv[2];
        next = 3;
    }
    if (argc - next < 2) {
        fprintf(stderr, "photo_compare: [--table | --summary FILE] REFERENCE OTHER ...\n");
        return 2;
    }
    if (load(argv[next], &reference, &err) < 0) {
        fprintf(stderr, "photo_compare: %s\n", err.text);
        return 1;
    }
    int bad = table ? print_table(reference, argv + next + 1, argc - next - 1)
                    : check_all(reference, argv + next + 1, argc - next - 1, summary);
    fg_json_destroy(reference);
    return bad;
}
