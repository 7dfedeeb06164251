// SPDX-License-Identifier: Apache-2.0
#include "bench/kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define ROUNDS 20
#define RUNS   8

struct part {
    struct fg_accel *accel; // NULL: left out
    double ms[ROUNDS * RUNS];
};

// A tensor of `from` in the graph of one node; the constants with their values.
static int add_tensor(const struct fg_graph *from, uint32_t index, struct fg_graph *to,
                      uint32_t *ret, struct fg_error *err)
{
    const struct fg_tensor *t = &from->tensors[index];
    int r = fg_graph_add_tensor(to, t->name, t->type, t->n_dims, t->dims, ret, err);
    if (r < 0 || !t->data)
        return r;
    r = fg_graph_make_constant(to, *ret, err);
    if (r == 0)
        memcpy(to->tensors[*ret].data, t->data, t->bytes);
    return r;
}

static int take_node(const struct fg_graph *from, unsigned index, struct fg_graph *to,
                     struct fg_error *err)
{
    struct fg_node node = from->nodes[index];
    int r = 0;
    for (unsigned k = 0; r == 0 && k < node.n_inputs; k++) {
        uint32_t was = node.inputs[k];
        if (was == FG_NO_TENSOR)
            continue;
        r = add_tensor(from, was, to, &node.inputs[k], err);
        if (r == 0 && !from->tensors[was].data)
            to->inputs[to->n_inputs++] = node.inputs[k];
    }
    if (r == 0)
        r = add_tensor(from, node.output, to, &node.output, err);
    to->outputs[to->n_outputs++] = node.output;
    return r < 0 ? r : fg_graph_add_node(to, &node, err);
}

static int open_part(const struct fg_graph *graph, unsigned index, struct part *part,
                     struct fg_error *err)
{
    const struct fg_accel_options options = {.engine = "xnnpack"};
    struct fg_graph *alone = fg_graph_create();
    int r = alone ? take_node(graph, index, alone, err) : fg_fail(err, -ENOMEM, "no memory");
    if (r == 0)
        r = fg_accel_open(alone, &options, &part->accel, err);
    fg_graph_destroy(alone);
    return r;
}

// Which nodes cost nothing only the engine of the whole graph knows.
static int open_parts(const struct fg_graph *graph, struct part *parts, struct fg_error *err)
{
    const struct fg_accel_options options = {.engine = "xnnpack"};
    struct fg_accel *whole = NULL;
    int r = fg_accel_open(graph, &options, &whole, err);
    for (unsigned i = 0; r == 0 && i < graph->n_nodes; i++)
        if (strcmp(fg_accel_placement(whole, i).backend, "alias") != 0)
            r = open_part(graph, i, &parts[i], err);
    fg_accel_close(whole);
    return r;
}

static int time_part(struct part *part, double *ms, struct fg_error *err)
{
    int r = fg_accel_run(part->accel); // brings its data back into the cache
    for (unsigned k = 0; r == 0 && k < RUNS; k++) {
        uint64_t start = fg_monotonic_ns();
        r = fg_accel_run(part->accel);
        ms[k] = (double)(fg_monotonic_ns() - start) / 1e6;
    }
    return r < 0 ? fg_fail(err, r, "a single node failed to run") : 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_up(const struct fg_graph *graph, struct part *parts, struct fg_kinds *ret)
{
    memset(ret, 0, sizeof *ret);
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        enum fg_op op = graph->nodes[i].op;
        if (!parts[i].accel)
            continue;
        qsort(parts[i].ms, ROUNDS * RUNS, sizeof parts[i].ms[0], by_size);
        double median = parts[i].ms[ROUNDS * RUNS / 2];
        ret->ms[op] += median;
        ret->sum_ms += median;
        ret->macs[op] += fg_graph_node_macs(graph, i);
        ret->count[op]++;
    }
}

int fg_kinds_measure(const struct fg_graph *graph, struct fg_kinds *ret, struct fg_error *err)
{
    struct part *parts = calloc(graph->n_nodes, sizeof *parts);
    int r = parts ? open_parts(graph, parts, err) : fg_fail(err, -ENOMEM, "no memory");
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; r == 0 && i < graph->n_nodes; i++)
            if (parts[i].accel)
                r = time_part(&parts[i], parts[i].ms + (size_t)round * RUNS, err);
    if (r == 0)
        add_up(graph, parts, ret);
    for (unsigned i = 0; parts && i < graph->n_nodes; i++)
        fg_accel_close(parts[i].accel);
    free(parts);
    return r;
}
