// SPDX-License-Identifier: Apache-2.0
// bench_accel: ours against ONNX Runtime on the same lowered network, one thread each, in
// alternating rounds of one run so that the machine's moods hit both. Prints a table and writes
// build/bench/accel.json.
//
// The peer is onnxruntime-node 1.20.1, called from JavaScript; the time of an empty network there
// is the price of that call, and is taken off the peer's times before the ratio.
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel/model.h"
#include "bench/onnx.h"
#include "common/clock.h"

#define FOLDER "build/bench"
#define ROUNDS 8
#define RUNS   40

struct peer {
    pid_t pid;
    FILE *to, *from;
};

struct times {
    double ms[ROUNDS * RUNS];
    unsigned n;
};

struct result {
    double ours, ort, ours_least, ort_least, projected, cosine;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_accel: %s\n", what);
    exit(1);
}

static void check(int r, const struct fg_error *err)
{
    if (r < 0)
        die(err->text);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(struct times *t, double *ret_least)
{
    if (!t->n)
        die("no times came back");
    qsort(t->ms, t->n, sizeof t->ms[0], by_size);
    *ret_least = t->ms[0];
    return t->ms[t->n / 2];
}

// ---- the peer -----------------------------------------------------------------------------------

static void peer_start(struct peer *peer, const char *model, const char *shape)
{
    int in[2], out[2];
    char line[16];
    if (pipe(in) < 0 || pipe(out) < 0 || (peer->pid = fork()) < 0)
        die(strerror(errno));
    if (peer->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        setenv("FG_ORT_ROOT", FOLDER, 0);
        setenv("FG_ORT_SHAPE", shape, 1);
        execlp("node", "node", "bench/ort.mjs", model, FOLDER "/in.f32", FOLDER "/out.f32",
               (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    peer->to = fdopen(in[1], "w");
    peer->from = fdopen(out[0], "r");
    if (!fgets(line, sizeof line, peer->from))
        die("the peer did not start: npm install --prefix " FOLDER
            " --ignore-scripts onnxruntime-node@1.20.1");
}

static void peer_run(struct peer *peer, unsigned runs, struct times *times)
{
    fprintf(peer->to, "%u\n", runs);
    fflush(peer->to);
    for (int c = fgetc(peer->from); c != '\n'; c = fgetc(peer->from)) { // '[', ',' or ']'
        double ms;
        if (c == EOF)
            die("the peer ended early");
        if (c != ']' && fscanf(peer->from, "%lf", &ms) == 1 && times)
            times->ms[times->n++] = ms;
    }
}

static void peer_stop(struct peer *peer)
{
    fclose(peer->to);
    fclose(peer->from);
    waitpid(peer->pid, NULL, 0);
}

// ---- files for the peer -------------------------------------------------------------------------

static void save(const char *path, const float *values, size_t count)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(values, sizeof *values, count, f) != count || fclose(f))
        die("could not write the input file in " FOLDER);
}

// Fills our input with fixed noise and writes the same picture for the peer, planes apart.
static void make_input(const struct fg_accel_tensor *in)
{
    size_t cells = (size_t)in->dims[1] * in->dims[2], n = in->bytes / sizeof(float);
    float *ours = in->data, *planes = malloc(in->bytes);
    uint32_t state = 1;
    for (size_t k = 0; planes && k < n; k++) {
        state = state * 1664525u + 1013904223u;
        ours[k] = (float)(state >> 8) / 8388608.0f - 1.0f;
        planes[k % in->dims[3] * cells + k / in->dims[3]] = ours[k];
    }
    save(FOLDER "/in.f32", planes, n);
    free(planes);
}

// The least cosine between an output of ours and the peer's.
static double compare(const struct fg_accel *accel)
{
    FILE *f = fopen(FOLDER "/out.f32", "rb");
    double least = 1;
    for (unsigned k = 0; f && k < fg_accel_output_count(accel); k++) {
        const struct fg_accel_tensor *out = fg_accel_output(accel, k);
        const float *a = out->data;
        float *b = malloc(out->bytes);
        double ab = 0, aa = 0, bb = 0;
        if (!b || fread(b, 1, out->bytes, f) != out->bytes)
            die("the peer's outputs are too short");
        for (size_t i = 0; i < out->bytes / sizeof *a; i++) {
            ab += (double)a[i] * b[i];
            aa += (double)a[i] * a[i];
            bb += (double)b[i] * b[i];
        }
        least = fmin(least, ab / sqrt(aa * bb));
        free(b);
    }
    if (!f)
        die("the peer wrote no outputs");
    fclose(f);
    return least;
}

// ---- measuring ----------------------------------------------------------------------------------

static void run_ours(struct fg_accel *accel, unsigned runs, struct times *times)
{
    for (unsigned k = 0; k < runs; k++) {
        uint64_t start = fg_monotonic_ns();
        if (fg_accel_run(accel) < 0)
            die("our engine failed");
        if (times)
            times->ms[times->n++] = (double)(fg_monotonic_ns() - start) / 1e6;
    }
}

static void shape_text(const struct fg_accel_tensor *in, char *text, size_t size)
{
    snprintf(text, size, "1x%ux%ux%u", in->dims[3], in->dims[1], in->dims[2]);
}

// What a call of the peer costs by itself: a network of one RELU on four numbers.
static double call_cost(void)
{
    const uint32_t dims[] = {1, 4};
    struct fg_error err = {""};
    struct fg_graph *graph = fg_graph_create();
    struct fg_node relu = {.op = FG_OP_RELU, .n_inputs = 1};
    struct times times = {.n = 0};
    struct peer peer = {0};
    double least;
    if (!graph)
        die("no memory");
    check(fg_graph_add_tensor(graph, "in", FG_FLOAT32, 2, dims, &relu.inputs[0], &err), &err);
    check(fg_graph_add_tensor(graph, "out", FG_FLOAT32, 2, dims, &relu.output, &err), &err);
    check(fg_graph_add_node(graph, &relu, &err), &err);
    graph->inputs[0] = relu.inputs[0];
    graph->outputs[0] = relu.output;
    graph->n_inputs = graph->n_outputs = 1;
    check(fg_onnx_write(graph, FOLDER "/empty.onnx", &err), &err);
    save(FOLDER "/in.f32", (const float[]){1, 2, 3, 4}, 4);
    peer_start(&peer, FOLDER "/empty.onnx", "1x4");
    peer_run(&peer, RUNS, NULL);
    for (unsigned round = 0; round < ROUNDS; round++)
        peer_run(&peer, RUNS, &times);
    peer_stop(&peer);
    fg_graph_destroy(graph);
    return median(&times, &least);
}

static void measure(const char *path, double cost, struct result *ret)
{
    struct fg_card card;
    struct fg_error err = {""};
    struct fg_graph *graph = NULL;
    struct fg_accel *accel = NULL, *projected = NULL;
    static struct times ours, ort, ours_projected;
    struct peer peer = {0};
    char shape[40];
    ours.n = ort.n = ours_projected.n = 0;
    check(fg_card_read(path, &card, &err), &err);
    if (card.project)
        check(fg_model_open(&card, NULL, &projected, &err), &err);
    card.project = 0; // the peer's network ends as the file does, so ours has to
    check(fg_model_load(&card, &graph, &err), &err);
    check(fg_accel_open(graph, NULL, &accel, &err), &err);
    check(fg_onnx_write(graph, FOLDER "/model.onnx", &err), &err);
    fg_graph_destroy(graph);
    make_input(fg_accel_input(accel, 0));
    shape_text(fg_accel_input(accel, 0), shape, sizeof shape);
    peer_start(&peer, FOLDER "/model.onnx", shape);
    run_ours(accel, RUNS, NULL); // both warm
    peer_run(&peer, RUNS, NULL);
    ret->cosine = compare(accel);
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_ours(accel, RUNS, &ours);
        peer_run(&peer, RUNS, &ort);
        if (projected)
            run_ours(projected, RUNS, &ours_projected);
    }
    peer_stop(&peer);
    ret->ours = median(&ours, &ret->ours_least);
    ret->ort = median(&ort, &ret->ort_least) - cost;
    ret->ort_least -= cost;
    double least;
    ret->projected = projected ? median(&ours_projected, &least) : 0;
    fg_accel_close(accel);
    fg_accel_close(projected);
    if (!(ret->cosine > 0.9999))
        die("our outputs and the peer's disagree");
}

static void print_row(const char *name, const struct result *r)
{
    printf("%-16s %8.3f %8.3f %8.3f %8.3f %8.3f %8.3f   %.7f\n", name, r->ours, r->ort,
           r->ours / r->ort, r->ours_least, r->ort_least, r->ours_least / r->ort_least, r->cosine);
}

static void write_json(const struct result *mobile, const struct result *blaze, double cost)
{
    FILE *f = fopen(FOLDER "/accel.json", "w");
    if (!f)
        die("could not write " FOLDER "/accel.json");
    fprintf(f, "{\"mobilefacenet_ours_over_ort\": %.4f, \"blazeface_ours_over_ort\": %.4f, ",
            mobile->ours / mobile->ort, blaze->ours / blaze->ort);
    fprintf(f, "\"mobilefacenet_ours_ms\": %.4f, \"mobilefacenet_ort_ms\": %.4f, ", mobile->ours,
            mobile->ort);
    fprintf(f, "\"mobilefacenet_ours_least_ms\": %.4f, \"mobilefacenet_ort_least_ms\": %.4f, ",
            mobile->ours_least, mobile->ort_least);
    fprintf(f, "\"mobilefacenet_projected_ms\": %.4f, ", mobile->projected);
    fprintf(f, "\"blazeface_ours_ms\": %.4f, \"blazeface_ort_ms\": %.4f, ", blaze->ours,
            blaze->ort);
    fprintf(f, "\"blazeface_ours_least_ms\": %.4f, \"blazeface_ort_least_ms\": %.4f, ",
            blaze->ours_least, blaze->ort_least);
    fprintf(f, "\"ort_call_ms\": %.4f, \"rounds\": %d, \"runs\": %d}\n", cost, ROUNDS, RUNS);
    if (fclose(f))
        die("could not write " FOLDER "/accel.json");
}

int main(int argc, char **argv)
{
    struct result mobile = {0}, blaze = {0};
    if (argc > 1 && argc != 3)
        die("usage: bench_accel [EMBEDDER.card DETECTOR.card]");
    signal(SIGPIPE, SIG_IGN);
    mkdir("build", 0777);
    mkdir(FOLDER, 0777);
    double cost = call_cost();
    measure(argc == 3 ? argv[1] : "models/mobilefacenet.card", cost, &mobile);
    measure(argc == 3 ? argv[2] : "models/blazeface.card", cost, &blaze);
    printf("ms, one thread, %d rounds of %d runs; a call of the peer costs %.3f, taken off\n",
           ROUNDS, RUNS, cost);
    printf("%-16s %8s %8s %8s %8s %8s %8s   %s\n", "", "ours", "ort", "ratio", "least", "least",
           "ratio", "cosine");
    print_row("MobileFaceNet", &mobile);
    print_row("BlazeFace", &blaze);
    printf("MobileFaceNet projected to 64 dimensions: %.3f\n", mobile.projected);
    write_json(&mobile, &blaze, cost);
    return 0;
}
