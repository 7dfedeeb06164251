// SPDX-License-Identifier: Apache-2.0
// facegate engines: which engines and backends there are, which work here, and which is taken.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/backends.h"
#include "accel/graph.h"
#include "common/json.h"
#include "tools/command.h"

static const char help[] =
    "facegate engines: what can run the networks on this machine\n"
    "\n"
    "  facegate engines [option ...]\n"
    "\n"
    "Tries the xnnpack engine and each backend of Arm NN on a tiny network and says what works,\n"
    "what not and why, and what --engine takes here.\n"
    "\n" FG_ENGINE_HELP "  --json, --help\n"
    "\n"
    "Exit codes: 0 something works, 1 nothing does, or --engine can't be had, 2 the command line\n"
    "is off.\n";

// What --engine stands for here, or one engine by itself.
struct trial {
    bool works;
    char engine[200], reason[480]; // reason: why this one, or why none
};

struct engines {
    struct fg_common common;
    struct fg_backends backends;
    struct fg_error no_armnn; // why the backends could not be listed; "" when they were
    struct trial xnnpack, asked;
};

// One layer on 64 values.
static struct fg_graph *tiny_graph(struct fg_error *err)
{
    static const uint32_t dims[] = {1, 4, 4, 4};
    struct fg_graph *graph = fg_graph_create();
    uint32_t in = 0, out = 0;
    if (!graph || fg_graph_add_tensor(graph, "in", FG_FLOAT32, 4, dims, &in, err) < 0 ||
        fg_graph_add_tensor(graph, "out", FG_FLOAT32, 4, dims, &out, err) < 0)
        goto fail;
    const struct fg_node node = {.op = FG_OP_RELU, .n_inputs = 1, .inputs = {in}, .output = out};
    if (fg_graph_add_node(graph, &node, err) < 0)
        goto fail;
    graph->inputs[0] = in;
    graph->outputs[0] = out;
    graph->n_inputs = graph->n_outputs = 1;
    return graph;
fail:
    fg_graph_destroy(graph);
    return NULL;
}

static void try_engine(const struct fg_accel_options *options, struct trial *ret)
{
    struct fg_error err = {"out of memory"};
    struct fg_accel *accel = NULL;
    struct fg_graph *graph = tiny_graph(&err);
    int code = graph ? fg_accel_open(graph, options, &accel, &err) : -ENOMEM;
    if (code == 0 && (code = fg_accel_run(accel)) < 0)
        fg_fail(&err, code, "%s opened a network and failed to run it", fg_accel_engine(accel));
    ret->works = code == 0;
    snprintf(ret->engine, sizeof ret->engine, "%s", accel ? fg_accel_engine(accel) : "");
    snprintf(ret->reason, sizeof ret->reason, "%s", code == 0 ? fg_accel_reason(accel) : err.text);
    fg_accel_close(accel);
    fg_graph_destroy(graph);
}

static int look(struct engines *e, struct fg_error *err)
{
    const struct fg_accel_options *options = &e->common.vision.accel;
    static const struct fg_accel_options xnnpack = {.engine = "xnnpack"};
    int code = fg_backends_probe(options->backend_path, &e->backends, &e->no_armnn);
    if (code == -ENOENT) { // what the operator named is not there
        *err = e->no_armnn;
        return code;
    }
    if (code < 0 && !e->no_armnn.text[0])
        fg_fail(&e->no_armnn, code, "%s", strerror(-code));
    try_engine(&xnnpack, &e->xnnpack);
    try_engine(options, &e->asked);
    return 0;
}

static const char *const kinds[] = {"NPU", "GPU", "CPU", "reference"};

static bool something_works(const struct engines *e)
{
    bool works = e->xnnpack.works;
    for (unsigned i = 0; i < e->backends.count; i++)
        works |= e->backends.list[i].works;
    return works;
}

static void print_text(const struct engines *e)
{
    const struct fg_backends *b = &e->backends;
    printf("%-20s  %-9s  %s\n", "engine", "kind", "here");
    printf("%-20s  %-9s  %s\n", "xnnpack", "CPU", e->xnnpack.works ? "works" : e->xnnpack.reason);
    for (unsigned i = 0; i < b->count; i++) {
        char name[48];
        snprintf(name, sizeof name, "armnn:%s", b->list[i].name);
        printf("%-20s  %-9s  %s\n", name, kinds[b->list[i].kind], b->list[i].text);
    }
    if (e->no_armnn.text[0])
        printf("\nArm NN: %s\n", e->no_armnn.text);
    else
        printf("\nArm NN %s%s%s\n", b->version, b->warnings[0] ? " warns: " : "", b->warnings);
    if (e->asked.works)
        printf("--engine %s takes %s: %s\n", e->common.engine.engine, e->asked.engine,
               e->asked.reason);
}

static void add_engine(struct fg_json *array, const char *prefix, const char *name,
                       const char *kind, bool works, const char *text)
{
    char whole[48];
    struct fg_json *engine = fg_json_object();
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    fg_json_add_string(engine, "name", whole);
    fg_json_add_string(engine, "kind", kind);
    fg_json_add_bool(engine, "works", works);
    fg_json_add_string(engine, "text", text);
    fg_json_add(array, NULL, engine);
}

static void print_json(const struct engines *e)
{
    struct fg_json *json = fg_json_object(), *array = fg_json_array();
    const struct fg_backends *b = &e->backends;
    add_engine(array, "", "xnnpack", "CPU", e->xnnpack.works,
               e->xnnpack.works ? "works" : e->xnnpack.reason);
    for (unsigned i = 0; i < b->count; i++)
        add_engine(array, "armnn:", b->list[i].name, kinds[b->list[i].kind], b->list[i].works,
                   b->list[i].text);
    fg_json_add(json, "engines", array);
    if (e->no_armnn.text[0]) {
        fg_json_add_string(json, "armnn_error", e->no_armnn.text);
    } else {
        fg_json_add_string(json, "armnn_version", b->version);
        fg_json_add_string(json, "armnn_warnings", b->warnings);
    }
    fg_json_add_string(json, "asked", e->common.engine.engine);
    if (e->asked.works)
        fg_json_add_string(json, "engine", e->asked.engine);
    fg_json_add_string(json, e->asked.works ? "reason" : "error", e->asked.reason);
    char *text = fg_json_print(json, true);
    puts(text);
    free(text);
    fg_json_destroy(json);
}

static int no_option(void *context, int option, const char *value)
{
    (void)context;
    (void)option;
    (void)value;
    return -EINVAL;
}

int fg_command_engines(int argc, char **argv)
{
    struct engines e = {.asked = {.works = false}};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, NULL, no_option, NULL, &e.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && argc != optind) {
        fprintf(stderr, "facegate engines: %s: takes no operand; see facegate engines --help\n",
                argv[optind]);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    code = look(&e, &err);
    if (code < 0)
        return fg_command_failed(argv[0], code, &err);
    if (e.common.json)
        print_json(&e);
    else
        print_text(&e);
    if (!e.asked.works)
        fprintf(stderr, "facegate engines: %s\n", e.asked.reason);
    return e.asked.works && something_works(&e) ? FG_EXIT_OK : FG_EXIT_FAILURE;
}
