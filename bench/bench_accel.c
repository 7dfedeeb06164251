// SPDX-License-Identifier: Apache-2.0
// bench_accel: ours, ONNX Runtime and OpenCV on the same lowered network, one thread each on one
// core, in alternating rounds of one run so that the machine's moods hit all, and between them the
// core's peak of multiply-accumulates, which is the floor. Arm NN's CpuRef, a thousand times
// slower, runs after them. Outputs are compared with a float64 evaluation. Prints tables and
// writes build/bench/accel.json.
//
// The peers are called from JavaScript and Python; the time of an empty network there is the price
// of that call, and is taken off the peer's times.
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "accel/model.h"
#include "bench/contest.h"
#include "bench/onnx.h"
#include "bench/peak.h"
#include "bench/peer.h"
#include "common/clock.h"
#include "tests/reference.h"

#define FOLDER      "build/bench"
#define INPUT       FOLDER "/in.f32"
#define PEAK_TRIALS 4 // in a round
#define CPUREF_RUNS 2

// Debian's Python, because Debian's OpenCV is a module of that one.
static const struct fg_peer_job jobs[FG_CONTESTANTS] = {
    [FG_ORT] = {.command = "node", .script = "bench/ort.mjs", .output = FOLDER "/ort.f32"},
    [FG_OPENCV] = {.command = "/usr/bin/python3",
                   .script = "bench/opencv.py",
                   .output = FOLDER "/opencv.f32"},
};

struct bench {
    const struct fg_peak *peak;  // NULL: not known here
    double call[FG_CONTESTANTS]; // ms, of a peer
    struct fg_accel *accel;      // the network as the file has it
    struct fg_accel *projected;  // or NULL
    struct fg_peer peers[FG_CONTESTANTS];
    struct reference reference;
    const struct fg_graph *graph;
    struct fg_contest *contest;
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

// ---- the input, the same for all ----------------------------------------------------------------

static void save(const char *path, const float *values, size_t count)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(values, sizeof *values, count, f) != count || fclose(f))
        die("could not write the input file in " FOLDER);
}

// Fixed noise for us, and the same picture for the peers, planes apart.
static void make_input(const struct fg_accel_tensor *in)
{
    size_t cells = (size_t)in->dims[1] * in->dims[2], n = in->bytes / sizeof(float);
    float *ours = in->data, *planes = malloc(in->bytes);
    if (!planes)
        die("no memory");
    reference_fill(ours, n, 1);
    for (size_t k = 0; k < n; k++)
        planes[k % in->dims[3] * cells + k / in->dims[3]] = ours[k];
    save(INPUT, planes, n);
    free(planes);
}

// ---- outputs against float64 --------------------------------------------------------------------

static double cosine_of(const struct bench *b, unsigned output, const float *got)
{
    uint32_t tensor = b->graph->outputs[output];
    size_t n = fg_tensor_elements(&b->graph->tensors[tensor]);
    return reference_compare(got, b->reference.values[tensor], n).cosine;
}

static double cosine_of_accel(const struct bench *b, const struct fg_accel *accel)
{
    double least = 1;
    for (unsigned k = 0; k < fg_accel_output_count(accel); k++)
        least = fmin(least, cosine_of(b, k, fg_accel_output(accel, k)->data));
    return least;
}

static double cosine_of_peer(const struct bench *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    double least = 1;
    if (!f)
        die("a peer wrote no outputs");
    for (unsigned k = 0; k < b->graph->n_outputs; k++) {
        const struct fg_tensor *t = &b->graph->tensors[b->graph->outputs[k]];
        float *got = malloc(t->bytes);
        if (!got || fread(got, 1, t->bytes, f) != t->bytes)
            die("a peer's outputs are too short");
        least = fmin(least, cosine_of(b, k, got));
        free(got);
    }
    fclose(f);
    return least;
}

// ---- running ------------------------------------------------------------------------------------

static void run_ours(struct fg_accel *accel, unsigned runs, struct fg_samples *samples)
{
    for (unsigned k = 0; k < runs; k++) {
        uint64_t start = fg_monotonic_ns();
        if (fg_accel_run(accel) < 0)
            die("our engine failed");
        samples->values[samples->count++] = (double)(fg_monotonic_ns() - start) / 1e6;
    }
}

static void run_peer(struct fg_peer *peer, double call, struct fg_samples *samples)
{
    struct fg_error err = {""};
    double *ms = samples->values + samples->count;
    check(fg_peer_run(peer, FG_CONTEST_RUNS, ms, &err), &err);
    for (unsigned k = 0; k < FG_CONTEST_RUNS; k++)
        ms[k] -= call;
    samples->count += FG_CONTEST_RUNS;
}

static void run_peak(struct bench *b)
{
    struct fg_samples *samples = &b->contest->peak;
    for (unsigned k = 0; b->peak && k < PEAK_TRIALS; k++)
        samples->values[samples->count++] = fg_peak_measure(b->peak);
}

static void run_round(struct bench *b)
{
    run_peak(b);
    run_ours(b->accel, FG_CONTEST_RUNS, &b->contest->lanes[FG_OURS].ms);
    for (unsigned k = 0; k < FG_CONTESTANTS; k++)
        if (b->peers[k].to)
            run_peer(&b->peers[k], b->call[k], &b->contest->lanes[k].ms);
    if (b->projected)
        run_ours(b->projected, FG_CONTEST_RUNS, &b->contest->projected);
}

static void run_rounds(struct bench *b)
{
    run_round(b); // all warm
    for (unsigned k = 0; k < FG_CONTESTANTS; k++)
        b->contest->lanes[k].ms.count = 0;
    b->contest->peak.count = b->contest->projected.count = 0;
    for (unsigned round = 0; round < FG_CONTEST_ROUNDS; round++)
        run_round(b);
}

// What a call of a peer costs by itself: a network of one RELU on four numbers.
static double call_cost(enum fg_contestant who)
{
    struct fg_peer_job job = jobs[who];
    struct fg_error err = {""};
    struct fg_peer peer = {0};
    static struct fg_samples samples;
    job.model = FOLDER "/empty.onnx";
    job.input = INPUT;
    job.shape = "1x4";
    samples.count = 0;
    if (fg_peer_start(&peer, &job, &err) < 0)
        return 0; // it says why when it comes to the networks
    run_peer(&peer, 0, &samples);
    samples.count = 0;
    for (unsigned round = 0; round < FG_CONTEST_ROUNDS; round++)
        run_peer(&peer, 0, &samples);
    fg_peer_stop(&peer);
    return fg_samples_median(&samples);
}

static void write_empty(void)
{
    const uint32_t dims[] = {1, 4};
    struct fg_error err = {""};
    struct fg_graph *graph = fg_graph_create();
    struct fg_node relu = {.op = FG_OP_RELU, .n_inputs = 1};
    if (!graph)
        die("no memory");
    check(fg_graph_add_tensor(graph, "in", FG_FLOAT32, 2, dims, &relu.inputs[0], &err), &err);
    check(fg_graph_add_tensor(graph, "out", FG_FLOAT32, 2, dims, &relu.output, &err), &err);
    check(fg_graph_add_node(graph, &relu, &err), &err);
    graph->inputs[0] = relu.inputs[0];
    graph->outputs[0] = relu.output;
    graph->n_inputs = graph->n_outputs = 1;
    check(fg_onnx_write(graph, FOLDER "/empty.onnx", &err), &err);
    save(INPUT, (const float[]){1, 2, 3, 4}, 4);
    fg_graph_destroy(graph);
}

// ---- one network --------------------------------------------------------------------------------

static void start_peers(struct bench *b)
{
    const struct fg_accel_tensor *in = fg_accel_input(b->accel, 0);
    struct fg_error err = {""};
    char shape[40];
    snprintf(shape, sizeof shape, "1x%ux%ux%u", in->dims[3], in->dims[1], in->dims[2]);
    check(fg_onnx_write(b->graph, FOLDER "/model.onnx", &err), &err);
    for (unsigned k = 0; k < FG_CONTESTANTS; k++) {
        struct fg_lane *lane = &b->contest->lanes[k];
        struct fg_peer_job job = jobs[k];
        if (!job.command)
            continue;
        job.model = FOLDER "/model.onnx";
        job.input = INPUT;
        job.shape = shape;
        if (fg_peer_start(&b->peers[k], &job, &err) < 0)
            snprintf(lane->absent, sizeof lane->absent, "%s", err.text);
        else
            lane->cosine = cosine_of_peer(b, job.output);
    }
}

static void measure_cpuref(struct bench *b)
{
    const struct fg_accel_options options = {.engine = "armnn:CpuRef"};
    struct fg_lane *lane = &b->contest->lanes[FG_CPUREF];
    const struct fg_accel_tensor *in = fg_accel_input(b->accel, 0);
    struct fg_accel *accel = NULL;
    struct fg_error err = {""};
    if (fg_accel_open(b->graph, &options, &accel, &err) < 0) {
        snprintf(lane->absent, sizeof lane->absent, "%s", err.text);
        return;
    }
    memcpy(fg_accel_input(accel, 0)->data, in->data, in->bytes);
    run_ours(accel, CPUREF_RUNS, &lane->ms);
    lane->cosine = cosine_of_accel(b, accel);
    fg_accel_close(accel);
}

static void compute_reference(struct bench *b)
{
    const float *input = fg_accel_input(b->accel, 0)->data;
    reference_run(&b->reference, b->graph, &input);
    if (fg_accel_run(b->accel) < 0)
        die("our engine failed");
    b->contest->lanes[FG_OURS].cosine = cosine_of_accel(b, b->accel);
}

static void check_cosines(const struct fg_contest *contest)
{
    for (unsigned k = 0; k < FG_CONTESTANTS; k++)
        if (!contest->lanes[k].absent[0] && !(contest->lanes[k].cosine > 0.9999))
            die("an engine's outputs are not those of the float64 evaluation");
}

static void measure(struct bench *b, const char *path, struct fg_contest *contest)
{
    const struct fg_accel_options options = {.engine = "xnnpack"};
    struct fg_card card;
    struct fg_error err = {""};
    struct fg_graph *graph = NULL;
    check(fg_card_read(path, &card, &err), &err);
    if (card.project)
        check(fg_model_open(&card, &options, &b->projected, &err), &err);
    card.project = 0; // the peers' network ends as the file does, so ours has to
    check(fg_model_load(&card, &graph, &err), &err);
    check(fg_accel_open(graph, &options, &b->accel, &err), &err);
    b->graph = graph;
    b->contest = contest;
    contest->macs = fg_graph_macs(graph);
    make_input(fg_accel_input(b->accel, 0));
    compute_reference(b);
    start_peers(b);
    run_rounds(b);
    for (unsigned k = 0; k < FG_CONTESTANTS; k++)
        fg_peer_stop(&b->peers[k]);
    check(fg_kinds_measure(graph, &contest->kinds, &err), &err);
    measure_cpuref(b);
    check_cosines(contest);
    reference_finish(&b->reference);
    fg_accel_close(b->accel);
    fg_accel_close(b->projected);
    fg_graph_destroy(graph);
    b->accel = b->projected = NULL;
}

// ---- the whole ----------------------------------------------------------------------------------

// This process, and the peers after it, stay on the core where it runs now.
static int pin(void)
{
    cpu_set_t set;
    int core = sched_getcpu();
    CPU_ZERO(&set);
    CPU_SET(core < 0 ? 0 : core, &set);
    if (core < 0 || sched_setaffinity(0, sizeof set, &set) < 0)
        die("could not stay on one core");
    return core;
}

static void print_head(const struct bench *b, int core)
{
    printf("All on core %d, one thread each: xnnpack without a pool, ONNX Runtime 1 + 1 threads in "
           "sequence,\nOpenCV setNumThreads(1), CpuRef has no others. %d alternating rounds of %d "
           "runs (CpuRef: %d runs).\nA call of ONNX Runtime costs %.3f ms and one of OpenCV %.3f, "
           "taken off.\n",
           core, FG_CONTEST_ROUNDS, FG_CONTEST_RUNS, CPUREF_RUNS, b->call[FG_ORT],
           b->call[FG_OPENCV]);
}

static void print_peak(const struct bench *b, struct fg_contest *contest)
{
    if (b->peak)
        printf("The floor is the core's peak, %.1f GMAC/s (%s), measured between the engines.\n",
               fg_samples_median(&contest->peak), fg_peak_name(b->peak));
}

static void add_heads(const struct bench *b, struct fg_figures *figures, int core,
                      struct fg_contest *first)
{
    fg_figures_add(figures, "ort_call_ms", b->call[FG_ORT], "");
    fg_figures_add(figures, "opencv_call_ms", b->call[FG_OPENCV], "");
    fg_figures_add(figures, "rounds", FG_CONTEST_ROUNDS, "");
    fg_figures_add(figures, "runs", FG_CONTEST_RUNS, "");
    fg_figures_add(figures, "core", core, "");
    fg_figures_add(figures, "threads", 1, "");
    if (!first->lanes[FG_OURS].absent[0])
        fg_figures_add(figures, "cos_xnnpack", first->lanes[FG_OURS].cosine, "");
    if (!first->lanes[FG_CPUREF].absent[0])
        fg_figures_add(figures, "cos_armnn_cpuref", first->lanes[FG_CPUREF].cosine, "");
    if (b->peak) {
        fg_figures_add(figures, "peak_gmacs", fg_samples_median(&first->peak), "");
        fg_figures_add(figures, "peak_vector_bits", fg_peak_bits(b->peak), "");
    }
}

int main(void)
{
    static struct fg_contest contests[] = {{.key = "mobilefacenet", .title = "MobileFaceNet"},
                                           {.key = "blazeface", .title = "BlazeFace"},
                                           {.key = "onet", .title = "O-Net"}};
    static const char *const cards[] = {"models/mobilefacenet.card", "models/blazeface.card",
                                        "models/onet.card"};
    const unsigned n = sizeof contests / sizeof contests[0];
    struct bench b = {0};
    struct fg_error err = {""};
    struct fg_figures *figures = fg_figures_create();
    signal(SIGPIPE, SIG_IGN);
    mkdir("build", 0777);
    mkdir(FOLDER, 0777);
    int core = pin(), r = fg_peak_choose(&b.peak, &err);
    if (r < 0 && r != -ENOTSUP)
        die(err.text);
    write_empty();
    b.call[FG_ORT] = call_cost(FG_ORT);
    b.call[FG_OPENCV] = call_cost(FG_OPENCV);
    print_head(&b, core);
    for (unsigned k = 0; k < n; k++) {
        measure(&b, cards[k], &contests[k]);
        if (k == 0)
            print_peak(&b, &contests[k]);
        fg_contest_print(&contests[k]);
        fg_contest_add(&contests[k], figures);
        fflush(stdout);
    }
    add_heads(&b, figures, core, &contests[0]);
    r = fg_figures_write(figures, "accel", &err);
    fg_figures_destroy(figures);
    check(r, &err);
    return 0;
}
