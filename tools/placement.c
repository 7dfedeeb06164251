// SPDX-License-Identifier: Apache-2.0
#include "tools/placement.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BACKENDS_MOST 16

struct share {
    const char *backend;
    unsigned layers;
    uint64_t macs;
};

uint64_t fg_placement_macs(const struct fg_accel *accel)
{
    uint64_t macs = 0;
    for (unsigned i = 0; i < fg_accel_placement_count(accel); i++)
        macs += fg_accel_placement(accel, i).macs;
    return macs;
}

// By backend, in the order of their first layers; returns how many.
static unsigned add_up(const struct fg_accel *accel, struct share shares[BACKENDS_MOST])
{
    unsigned n = 0;
    for (unsigned i = 0; i < fg_accel_placement_count(accel); i++) {
        const struct fg_placement p = fg_accel_placement(accel, i);
        unsigned k = 0;
        while (k < n && strcmp(shares[k].backend, p.backend) != 0)
            k++;
        if (k == BACKENDS_MOST)
            continue;
        if (k == n)
            shares[n++] = (struct share){p.backend, 0, 0};
        shares[k].layers++;
        shares[k].macs += p.macs;
    }
    return n;
}

static void print_layers(const struct fg_accel *accel)
{
    printf("%4s  %-20s  %-10s  %12s  %s\n", "", "op", "runs on", "MACs", "layer");
    for (unsigned i = 0; i < fg_accel_placement_count(accel); i++) {
        struct fg_placement p = fg_accel_placement(accel, i);
        printf("%4u  %-20s  %-10s  %12" PRIu64 "  %s\n", i, p.op, p.backend, p.macs, p.layer);
        if (p.note[0])
            printf("%6s%s\n", "", p.note);
    }
}

static void print_shares(const struct fg_accel *accel)
{
    struct share shares[BACKENDS_MOST];
    const double total = (double)fg_placement_macs(accel);
    unsigned n = add_up(accel, shares);
    putchar('\n');
    for (unsigned k = 0; k < n; k++)
        printf("%-10s  %4u layers  %5.1f %% of %.1f M multiply-accumulates\n", shares[k].backend,
               shares[k].layers, total > 0 ? 100 * (double)shares[k].macs / total : 0,
               total * 1e-6);
}

void fg_placement_print(const struct fg_accel *accel)
{
    const unsigned fallbacks = fg_accel_fallbacks(accel);
    const int copies = fg_accel_copies(accel);
    print_layers(accel);
    print_shares(accel);
    if (fallbacks > 0)
        printf("%u of %u layers fell back; why stands below each\n", fallbacks,
               fg_accel_placement_count(accel));
    else
        printf("no layer fell back\n");
    if (copies == 0)
        printf("input and output tensors are used in place: zero-copy\n");
    else if (copies > 0)
        printf("input and output tensors are copied %d times a run\n", copies);
    else
        printf("whether input and output tensors are copied is not known\n");
}

static struct fg_json *backends_json(const struct fg_accel *accel)
{
    struct fg_json *array = fg_json_array();
    struct share shares[BACKENDS_MOST];
    unsigned n = add_up(accel, shares);
    for (unsigned k = 0; k < n; k++) {
        struct fg_json *backend = fg_json_object();
        fg_json_add_string(backend, "name", shares[k].backend);
        fg_json_add_number(backend, "layers", shares[k].layers);
        fg_json_add_number(backend, "macs", (double)shares[k].macs);
        fg_json_add(array, NULL, backend);
    }
    return array;
}

static struct fg_json *layers_json(const struct fg_accel *accel)
{
    struct fg_json *array = fg_json_array();
    for (unsigned i = 0; i < fg_accel_placement_count(accel); i++) {
        struct fg_placement p = fg_accel_placement(accel, i);
        struct fg_json *layer = fg_json_object();
        fg_json_add_string(layer, "layer", p.layer);
        fg_json_add_string(layer, "op", p.op);
        fg_json_add_string(layer, "backend", p.backend);
        fg_json_add_string(layer, "note", p.note);
        fg_json_add_number(layer, "macs", (double)p.macs);
        fg_json_add(array, NULL, layer);
    }
    return array;
}

void fg_placement_add(const struct fg_accel *accel, struct fg_json *json)
{
    const int copies = fg_accel_copies(accel);
    fg_json_add_string(json, "engine", fg_accel_engine(accel));
    fg_json_add_string(json, "reason", fg_accel_reason(accel));
    if (copies >= 0) {
        fg_json_add_bool(json, "zero_copy", copies == 0);
        fg_json_add_number(json, "copies", copies);
    }
    fg_json_add_number(json, "fallbacks", fg_accel_fallbacks(accel));
    fg_json_add(json, "backends", backends_json(accel));
    fg_json_add(json, "layers", layers_json(accel));
}
