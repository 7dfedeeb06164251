// SPDX-License-Identifier: Apache-2.0
#include "accel/accel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/agree.h"
#include "accel/choice.h"
#include "accel/engine.h"

struct fg_accel {
    const struct fg_engine *engine;
    void *model; // the engine's
    struct fg_accel_tensor *inputs, *outputs;
    unsigned n_inputs, n_outputs;
    struct fg_engine_place *places; // by node
    struct fg_placement *placement;
    unsigned n_placement;
    char name[200], reason[400];
};

void fg_engine_note(const struct fg_engine_request *request, const char *format, ...)
{
    size_t used = strlen(request->notes);
    va_list list;
    used += (size_t)snprintf(request->notes + used, request->notes_size - used, "; ");
    if (used >= request->notes_size)
        return;
    va_start(list, format);
    vsnprintf(request->notes + used, request->notes_size - used, format, list);
    va_end(list);
}

static int check_buffers(void *const *buffers, unsigned count, const char *what,
                         struct fg_error *err)
{
    for (unsigned k = 0; k < count; k++)
        if (!buffers[k] || (uintptr_t)buffers[k] % 64)
            return fg_fail(err, -EINVAL, "the buffer of %s[%u] is not aligned to 64 bytes", what,
                           k);
    return 0;
}

int fg_engine_check_buffers(const struct fg_engine_request *request, struct fg_error *err)
{
    int r = check_buffers(request->inputs, request->graph->n_inputs, "inputs", err);
    return r < 0 ? r : check_buffers(request->outputs, request->graph->n_outputs, "outputs", err);
}

static int make_tensor(const struct fg_tensor *from, struct fg_accel_tensor *to)
{
    size_t room = (from->bytes + FG_ENGINE_SLACK + 63) & ~(size_t)63;
    to->name = strdup(from->name);
    to->data = aligned_alloc(64, room);
    if (!to->name || !to->data)
        return -ENOMEM;
    memset(to->data, 0, room);
    to->type = from->type;
    to->n_dims = from->n_dims;
    memcpy(to->dims, from->dims, sizeof to->dims);
    to->scale = from->n_scales ? from->scales[0] : 0;
    to->zero_point = from->n_scales ? from->zero_points[0] : 0;
    to->bytes = from->bytes;
    return 0;
}

static int make_tensors(struct fg_accel *accel, const struct fg_graph *graph)
{
    int r = 0;
    accel->inputs = calloc(graph->n_inputs, sizeof *accel->inputs);
    accel->outputs = calloc(graph->n_outputs, sizeof *accel->outputs);
    if (!accel->inputs || !accel->outputs)
        return -ENOMEM;
    accel->n_inputs = graph->n_inputs;
    accel->n_outputs = graph->n_outputs;
    for (unsigned k = 0; r == 0 && k < graph->n_inputs; k++)
        r = make_tensor(&graph->tensors[graph->inputs[k]], &accel->inputs[k]);
    for (unsigned k = 0; r == 0 && k < graph->n_outputs; k++)
        r = make_tensor(&graph->tensors[graph->outputs[k]], &accel->outputs[k]);
    return r;
}

static int make_placement(struct fg_accel *accel, const struct fg_graph *graph)
{
    accel->placement = calloc(graph->n_nodes + 1u, sizeof *accel->placement);
    if (!accel->placement)
        return -ENOMEM;
    accel->n_placement = graph->n_nodes;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_placement *p = &accel->placement[i];
        p->layer = strdup(graph->tensors[graph->nodes[i].output].name);
        if (!p->layer)
            return -ENOMEM;
        p->op = fg_op_name(graph->nodes[i].op);
        p->backend = accel->places[i].backend;
        p->note = accel->places[i].note;
        p->macs = fg_graph_node_macs(graph, i);
    }
    return 0;
}

static int open_engine(struct fg_accel *accel, const struct fg_graph *graph,
                       const struct fg_accel_options *options, const struct fg_choice *choice,
                       struct fg_error *err)
{
    void *inputs[FG_GRAPH_MAX_ENDS], *outputs[FG_GRAPH_MAX_ENDS];
    for (unsigned k = 0; k < accel->n_inputs; k++)
        inputs[k] = accel->inputs[k].data;
    for (unsigned k = 0; k < accel->n_outputs; k++)
        outputs[k] = accel->outputs[k].data;
    snprintf(accel->reason, sizeof accel->reason, "%s", choice->reason);
    const struct fg_engine_request request = {.graph = graph,
                                              .options = options,
                                              .backends = choice->backends,
                                              .inputs = inputs,
                                              .outputs = outputs,
                                              .places = accel->places,
                                              .notes = accel->reason,
                                              .notes_size = sizeof accel->reason};
    accel->engine = choice->engine;
    return choice->engine->open(&request, &accel->model, err);
}

// "armnn:GpuAcc,CpuAcc": the engine and those of its backends that run a layer, in their order.
static void name_engine(struct fg_accel *accel, const struct fg_graph *graph,
                        const struct fg_choice *choice)
{
    size_t used = (size_t)snprintf(accel->name, sizeof accel->name, "%s", choice->engine->name);
    const char *names = choice->backends;
    char mark = ':';
    while (*names && used < sizeof accel->name) {
        size_t n = strcspn(names, ",");
        for (unsigned i = 0; i < graph->n_nodes && used < sizeof accel->name; i++) {
            const char *backend = accel->places[i].backend;
            if (strlen(backend) != n || strncmp(backend, names, n) != 0)
                continue;
            used += (size_t)snprintf(accel->name + used, sizeof accel->name - used, "%c%s", mark,
                                     backend);
            mark = ',';
            break;
        }
        names += n + (names[n] == ',');
    }
}

static int check_required(const struct fg_accel *accel, const char *require, struct fg_error *err)
{
    for (unsigned i = 0; require && require[0] && i < accel->n_placement; i++) {
        const struct fg_placement *p = &accel->placement[i];
        if (strcmp(p->backend, "alias") != 0 && strcmp(p->backend, require) != 0)
            return fg_fail(
                err, -ENOTSUP,
                "%.40s is required, but layer %u, %s '%.60s', runs on %s%s%.100s; engine "
                "%.60s: %.140s",
                require, i, p->op, p->layer, p->backend, p->note[0] ? ": " : "", p->note,
                accel->name, accel->reason);
    }
    return 0;
}

// Of an engine's outputs from xnnpack's: float32 rounding is 1e-5, a wrong kernel is near 1.
#define MOST_DIFFERENCE      .01
#define MOST_DIFFERENCE_HALF .1 // float16, fast maths

// The first run touches all memory and takes several times as long: nobody at a gate shall wait for
// it. It also shows now, not later, that the engine runs this model, and runs it right.
static int run_first(struct fg_accel *accel, const struct fg_graph *graph,
                     const struct fg_accel_options *options, struct fg_error *err)
{
    bool coarse = options->fp16 || options->fast_math;
    size_t used = strlen(accel->reason), room = sizeof accel->reason - used;
    double difference = 0;
    if (accel->engine == &fg_engine_xnnpack) {
        int r = fg_accel_run(accel);
        return r < 0 ? fg_fail(err, r, "xnnpack opened the model and failed to run it") : 0;
    }
    int r =
        fg_agree(accel, graph, coarse ? MOST_DIFFERENCE_HALF : MOST_DIFFERENCE, &difference, err);
    if (r == 0)
        snprintf(accel->reason + used, room, "; agrees with xnnpack to %.1g", difference);
    else if (r == -ENOTSUP)
        snprintf(accel->reason + used, room, "; not compared, xnnpack can't run this model");
    return r == -ENOTSUP ? 0 : r;
}

static int open_and_run(struct fg_accel *accel, const struct fg_graph *graph,
                        const struct fg_accel_options *options, const struct fg_choice *choice,
                        struct fg_error *err)
{
    int r = open_engine(accel, graph, options, choice, err);
    if (r < 0)
        return r;
    name_engine(accel, graph, choice);
    r = run_first(accel, graph, options, err);
    if (r < 0) {
        accel->engine->close(accel->model);
        accel->model = NULL;
    }
    return r;
}

// The engine chosen, or xnnpack where `auto` may go on with it.
static int open_chosen(struct fg_accel *accel, const struct fg_graph *graph,
                       const struct fg_accel_options *options, struct fg_error *err)
{
    struct fg_choice choice;
    struct fg_error why = {""};
    accel->places = calloc(graph->n_nodes + 1u, sizeof *accel->places);
    if (!accel->places || make_tensors(accel, graph) < 0)
        return fg_fail(err, -ENOMEM, "no memory for the model's tensors");
    int r = fg_choose(options, &choice, err);
    if (r < 0)
        return r;
    r = open_and_run(accel, graph, options, &choice, &why);
    if (choice.or_xnnpack && (r == -ENOTSUP || r == -EIO || r == -ENODEV)) {
        memset(accel->places, 0, (graph->n_nodes + 1u) * sizeof *accel->places);
        choice = (struct fg_choice){.engine = &fg_engine_xnnpack};
        snprintf(choice.reason, sizeof choice.reason, "auto: %.380s", why.text);
        r = open_and_run(accel, graph, options, &choice, &why);
    }
    if (r < 0)
        return fg_fail(err, r, "%s", why.text);
    if (make_placement(accel, graph) < 0)
        return fg_fail(err, -ENOMEM, "no memory for the placement report");
    return check_required(accel, options->require, err);
}

static int check_memory(const struct fg_graph *graph, uint64_t allowed, struct fg_error *err)
{
    uint64_t need = fg_graph_memory(graph);
    if (!allowed || need <= allowed)
        return 0;
    return fg_fail(err, -E2BIG,
                   "the model may need %" PRIu64 " MB of memory, %" PRIu64
                   " MB are allowed; raise model-memory or take a smaller model",
                   (need + 0xfffff) >> 20, allowed >> 20);
}

int fg_accel_open(const struct fg_graph *graph, const struct fg_accel_options *options,
                  struct fg_accel **ret, struct fg_error *err)
{
    static const struct fg_accel_options plain = {0};
    if (!options)
        options = &plain;
    int r = fg_graph_check(graph, err);
    if (r == 0)
        r = check_memory(graph, options->memory, err);
    if (r < 0)
        return r;
    struct fg_accel *accel = calloc(1, sizeof *accel);
    if (!accel)
        return fg_fail(err, -ENOMEM, "no memory for the model");
    r = open_chosen(accel, graph, options, err);
    if (r < 0) {
        fg_accel_close(accel);
        return r;
    }
    *ret = accel;
    return 0;
}

int fg_accel_run(struct fg_accel *accel)
{
    return accel->engine->run(accel->model);
}

static void zero_tensors(const struct fg_accel_tensor *tensors, unsigned count)
{
    for (unsigned k = 0; k < count; k++)
        explicit_bzero(tensors[k].data, tensors[k].bytes);
}

int fg_accel_wipe(struct fg_accel *accel)
{
    zero_tensors(accel->inputs, accel->n_inputs);
    int r = fg_accel_run(accel);
    zero_tensors(accel->outputs, accel->n_outputs);
    return r;
}

unsigned fg_accel_input_count(const struct fg_accel *accel)
{
    return accel->n_inputs;
}

unsigned fg_accel_output_count(const struct fg_accel *accel)
{
    return accel->n_outputs;
}

const struct fg_accel_tensor *fg_accel_input(const struct fg_accel *accel, unsigned index)
{
    return &accel->inputs[index];
}

const struct fg_accel_tensor *fg_accel_output(const struct fg_accel *accel, unsigned index)
{
    return &accel->outputs[index];
}

unsigned fg_accel_placement_count(const struct fg_accel *accel)
{
    return accel->n_placement;
}

struct fg_placement fg_accel_placement(const struct fg_accel *accel, unsigned index)
{
    return accel->placement[index];
}

unsigned fg_accel_fallbacks(const struct fg_accel *accel)
{
    unsigned n = 0;
    for (unsigned i = 0; i < accel->n_placement; i++)
        n += accel->placement[i].note[0] != '\0';
    return n;
}

int fg_accel_copies(const struct fg_accel *accel)
{
    return accel->engine->copies(accel->model);
}

const char *fg_accel_engine(const struct fg_accel *accel)
{
    return accel->name;
}

const char *fg_accel_reason(const struct fg_accel *accel)
{
    return accel->reason;
}

static void free_tensors(struct fg_accel_tensor *tensors, unsigned count)
{
    for (unsigned k = 0; tensors && k < count; k++) {
        free((char *)tensors[k].name);
        free(tensors[k].data);
    }
    free(tensors);
}

void fg_accel_close(struct fg_accel *accel)
{
    if (!accel)
        return;
    if (accel->model)
        accel->engine->close(accel->model);
    free_tensors(accel->inputs, accel->n_inputs);
    free_tensors(accel->outputs, accel->n_outputs);
    for (unsigned i = 0; accel->placement && i < accel->n_placement; i++)
        free((char *)accel->placement[i].layer);
    free(accel->placement);
    free(accel->places);
    free(accel);
}
