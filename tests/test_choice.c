// SPDX-License-Identifier: Apache-2.0
// Which engine runs a model, and what becomes of backends that do not work.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/backends.h"
#include "accel/engine.h"
#include "accel/graph.h"
#include "accel/isolate.h"
#include "tests/arm_nn.h"
#include "tests/reference.h"

// ---- a folder of backends, another for each test, since trials are kept by folder --------------

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/facegate-test-XXXXXX");
    setenv("FACEGATE_TRIAL_SECONDS", "5", 1);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    unsetenv("FG_TEST_BACKEND_TAKES");
    unsetenv("FG_TEST_BACKEND_FAILS");
    unsetenv("FG_TEST_BACKEND_RECORD");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void add_cpuref(void)
{
    char path[512];
    if (!find_backend("Arm_CpuRef_backend.so", path, sizeof path))
        fail_msg("Arm NN's CpuRef is not installed; make setup installs it");
    assert_true(copy_file(path, in_folder("Arm_CpuRef_backend.so")));
}

// The test backend under a name: "Test_Acc_backend.so" registers as TestAcc.
static void add_backend(const char *file)
{
    const char *build = getenv("FACEGATE_BUILD");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/backend_toy.so", build ? build : "build");
    // a copy: two names of one file would be one library to the loader
    assert_true(copy_file(path, in_folder(file)));
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

// ---- a small model: a convolution, a PReLU and a softmax ----------------------------------------

enum { CONV, PRELU, SOFTMAX };

static uint32_t add_tensor(struct fg_graph *graph, const char *name, unsigned n_dims,
                           const uint32_t *dims, unsigned seed)
{
    uint32_t t = 0;
    assert_int_equal(fg_graph_add_tensor(graph, name, FG_FLOAT32, n_dims, dims, &t, NULL), 0);
    if (seed) {
        assert_int_equal(fg_graph_make_constant(graph, t, NULL), 0);
        reference_fill(graph->tensors[t].data, fg_tensor_elements(&graph->tensors[t]), seed);
    }
    return t;
}

static struct fg_graph *make_graph(void)
{
    const uint32_t dims[] = {1, 6, 6, 4}, filter[] = {4, 3, 3, 4}, row[] = {4};
    struct fg_graph *graph = fg_graph_create();
    uint32_t x = add_tensor(graph, "in", 4, dims, 0);
    uint32_t conv = add_tensor(graph, "conv", 4, dims, 0);
    uint32_t prelu = add_tensor(graph, "prelu", 4, dims, 0);
    uint32_t out = add_tensor(graph, "out", 4, dims, 0);
    struct fg_node nodes[] = {
        {.op = FG_OP_CONV,
         .n_inputs = 3,
         .inputs = {x, add_tensor(graph, "filter", 4, filter, 3),
                    add_tensor(graph, "b", 1, row, 4)},
         .output = conv,
         .stride_h = 1,
         .stride_w = 1,
         .dilation_h = 1,
         .dilation_w = 1,
         .pad_before = {0, 1, 1},
         .pad_after = {0, 1, 1}},
        {.op = FG_OP_PRELU,
         .n_inputs = 2,
         .inputs = {conv, add_tensor(graph, "slopes", 1, row, 5)},
         .output = prelu},
        {.op = FG_OP_SOFTMAX, .n_inputs = 1, .inputs = {prelu}, .output = out, .beta = 1}};
    for (unsigned k = 0; k < 3; k++)
        assert_int_equal(fg_graph_add_node(graph, &nodes[k], NULL), 0);
    graph->inputs[graph->n_inputs++] = x;
    graph->outputs[graph->n_outputs++] = out;
    return graph;
}

// Opens the small model, runs it and checks its output; failing opens give their code.
static int open_model(const struct fg_accel_options *options, struct fg_accel **ret,
                      struct fg_error *err)
{
    struct fg_graph *graph = make_graph();
    *ret = NULL;
    int code = fg_accel_open(graph, options, ret, err);
    if (code == 0) {
        struct reference ref = {0};
        const struct fg_accel_tensor *in = fg_accel_input(*ret, 0);
        const struct fg_accel_tensor *out = fg_accel_output(*ret, 0);
        reference_fill(in->data, in->bytes / 4, 9);
        const float *inputs[] = {in->data};
        reference_run(&ref, graph, inputs);
        assert_int_equal(fg_accel_run(*ret), 0);
        struct reference_difference d =
            reference_compare(out->data, ref.values[graph->outputs[0]], out->bytes / 4);
        assert_true(d.relative < 1e-5);
        reference_finish(&ref);
    }
    fg_graph_destroy(graph);
    return code;
}

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' should say '%s'", text, part);
}

static void expect_backend(const struct fg_accel *accel, unsigned node, const char *backend)
{
    assert_string_equal(fg_accel_placement(accel, node).backend, backend);
}

// ---- children -----------------------------------------------------------------------------------

static int child(void *context, void *result)
{
    const char *how = context;
    printf("about to %s\n", how);
    fflush(stdout);
    if (!strcmp(how, "crash"))
        raise(SIGSEGV);
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "hang"))
        sleep(60);
    if (!strcmp(how, "exit"))
        _exit(3);
    if (!strcmp(how, "leave"))
        _exit(0);
    if (!strcmp(how, "refuse"))
        return -ENODEV;
    *(int *)result = 42;
    return 0;
}

static void children_fail_alone(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        int code;
        const char *text;
    } cases[] = {{"work", 0, ""},
                 {"crash", -EPROTO, "crashed: Segmentation fault"},
                 {"abort", -EPROTO, "crashed: Aborted"},
                 {"exit", -EPROTO, "ended with code 3"},
                 {"leave", -EPROTO, "ended without an answer"},
                 {"hang", -EPROTO, "gave no answer in 1 s"},
                 {"refuse", -ENODEV, "No such device"}};
    for (unsigned k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char said[64], want[64];
        int result = 0;
        struct fg_error err = {""};
        const struct fg_isolated isolated = {child, (void *)cases[k].how, 1, sizeof result};
        assert_int_equal(fg_isolate(&isolated, &result, said, sizeof said, &err), cases[k].code);
        assert_string_equal(err.text, cases[k].text);
        assert_int_equal(result, k == 0 ? 42 : 0);
        snprintf(want, sizeof want, "about to %s\n", cases[k].how);
        assert_int_equal(strncmp(said, want, strlen(want)), 0); // an emulator adds to it
    }
}

// ---- names --------------------------------------------------------------------------------------

static void refuses_names_it_does_not_know(void **state)
{
    (void)state;
    static const char *const names[] = {"abacus", "armnn:", "xnnpack:CpuAcc", "Armnn", "armnn "};
    struct fg_accel *accel = NULL;
    struct fg_error err = {""};
    for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
        struct fg_accel_options options = {.engine = names[k]};
        assert_int_equal(open_model(&options, &accel, &err), -EINVAL);
        expect_text(err.text, "is not known; auto, xnnpack, armnn");
        assert_null(accel);
    }
}

static void runs_what_is_asked_for(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    for (unsigned threads = 0; threads < 3; threads++) {
        struct fg_accel_options options = {.engine = "xnnpack", .threads = threads};
        assert_int_equal(open_model(&options, &accel, &err), 0);
        assert_string_equal(fg_accel_engine(accel), "xnnpack");
        assert_string_equal(fg_accel_reason(accel), "asked for");
        assert_int_equal(fg_accel_copies(accel), 0);
        fg_accel_close(accel);
    }
    struct fg_accel_options options = {.engine = "armnn:CpuRef", .backend_path = own_backends()};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "armnn:CpuRef");
    assert_int_equal(fg_accel_fallbacks(accel), 0);
    for (unsigned k = 0; k < fg_accel_placement_count(accel); k++)
        expect_backend(accel, k, "CpuRef");
    fg_accel_close(accel);
    fg_accel_close(NULL);
}

// On any machine: auto runs, and takes what the trials say.
static void auto_takes_what_works(void **state)
{
    (void)state;
    struct fg_backends backends;
    struct fg_accel *accel;
    struct fg_error err = {""};
    const char *want = "xnnpack";
    assert_int_equal(fg_backends_probe(own_backends(), &backends, &err), 0);
    for (unsigned k = 0; k < backends.count; k++)
        if (backends.list[k].works && backends.list[k].kind != FG_BACKEND_REFERENCE)
            want = "armnn:";
    struct fg_accel_options options = {.backend_path = own_backends()};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    expect_text(fg_accel_engine(accel), want);
    expect_text(fg_accel_reason(accel), "auto: Arm NN ");
    fg_accel_close(accel);
}

static void says_what_an_engine_can_not(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    struct fg_accel_options options = {.engine = "xnnpack", .fp16 = true, .fast_math = true};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    expect_text(fg_accel_reason(accel), "fp16");
    expect_text(fg_accel_reason(accel), "fast_math");
    fg_accel_close(accel);
}

// ---- the test backend ---------------------------------------------------------------------------

static void places_layers_by_preference(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    add_cpuref();
    add_backend("Test_Acc_backend.so");
    setenv("FG_TEST_BACKEND_TAKES", "conv,softmax", 1);
    struct fg_accel_options options = {.engine = "armnn:TestAcc,CpuRef", .backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "armnn:TestAcc,CpuRef");
    expect_backend(accel, CONV, "TestAcc");
    expect_backend(accel, PRELU, "CpuRef");
    expect_backend(accel, SOFTMAX, "TestAcc");
    assert_string_equal(fg_accel_placement(accel, CONV).note, "");
    assert_string_equal(fg_accel_placement(accel, PRELU).note,
                        "TestAcc: left to others by the test");
    assert_int_equal(fg_accel_fallbacks(accel), 1);
    fg_accel_close(accel);

    // the order is the preference
    options.engine = "armnn:CpuRef,TestAcc";
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "armnn:CpuRef");
    assert_int_equal(fg_accel_fallbacks(accel), 0);
    fg_accel_close(accel);
}

static void auto_prefers_an_accelerator(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    add_cpuref();
    add_backend("Test_Acc_backend.so"); // a name not known: an NPU
    add_backend("Gpu_Acc_backend.so");
    struct fg_accel_options options = {.backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "armnn:TestAcc");
    expect_text(fg_accel_reason(accel), "has a working NPU backend, TestAcc");
    fg_accel_close(accel);
}

static void auto_turns_to_xnnpack(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    add_cpuref();
    add_backend("Test_Acc_backend.so");
    setenv("FG_TEST_BACKEND_TAKES", "conv,activation", 1); // enough for a trial, not for the model
    struct fg_accel_options options = {.backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "xnnpack");
    expect_text(fg_accel_reason(accel), "TestAcc does not take the network");
    fg_accel_close(accel);
}

static void require_refuses_fallback(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    add_cpuref();
    add_backend("Test_Acc_backend.so");
    struct fg_accel_options options = {
        .engine = "armnn:TestAcc,CpuRef", .require = "TestAcc", .backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    fg_accel_close(accel);
    setenv("FG_TEST_BACKEND_TAKES", "conv,activation,softmax", 1);
    assert_int_equal(open_model(&options, &accel, &err), -ENOTSUP);
    expect_text(err.text, "TestAcc is required, but layer 1, PRELU 'prelu', runs on CpuRef: "
                          "TestAcc: left to others by the test");
    options = (struct fg_accel_options){.engine = "xnnpack", .require = "CpuAcc"};
    assert_int_equal(open_model(&options, &accel, &err), -ENOTSUP);
    expect_text(err.text, "CpuAcc is required, but layer 0, CONV_2D 'conv', runs on xnnpack");
    expect_text(err.text, "; engine xnnpack: asked for"); // why that one
    options.require = "xnnpack";
    assert_int_equal(open_model(&options, &accel, &err), 0);
    fg_accel_close(accel);
}

// A backend that fails, in each way: the others go on, and the reason is said.
static void survive(const char *how, const char *why)
{
    struct fg_accel *accel;
    struct fg_error err = {""};
    add_cpuref();
    add_backend("Test_Acc_backend.so");
    setenv("FG_TEST_BACKEND_FAILS", how, 1);
    struct fg_accel_options options = {.engine = "armnn:TestAcc,CpuRef", .backend_path = folder};
    if (open_model(&options, &accel, &err) < 0)
        fail_msg("%s: %s", how, err.text);
    assert_string_equal(fg_accel_engine(accel), "armnn:CpuRef");
    expect_text(fg_accel_reason(accel), "asked for; TestAcc");
    expect_text(fg_accel_reason(accel), why);
    fg_accel_close(accel);

    options.engine = "armnn:TestAcc";
    assert_int_equal(open_model(&options, &accel, &err), -ENODEV);
    expect_text(err.text, "no backend of Arm NN");
    expect_text(err.text, why);

    options.engine = "auto";
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "xnnpack");
    expect_text(fg_accel_reason(accel), why);
    fg_accel_close(accel);
}

static void survives_a_crash(void **state)
{
    (void)state;
    survive("crash-run", "crashed: Aborted");
}

static void survives_a_missing_device(void **state)
{
    (void)state;
    survive("context", "TestAcc");
}

static void survives_a_throw_when_asked(void **state)
{
    (void)state;
    survive("support", "TestAcc");
}

static void survives_a_throw_in_optimising(void **state)
{
    (void)state;
    survive("optimize", "TestAcc");
}

static void survives_a_throw_in_loading(void **state)
{
    (void)state;
    survive("workload", "TestAcc");
}

static void survives_a_hang(void **state)
{
    (void)state;
    setenv("FACEGATE_TRIAL_SECONDS", "1", 1);
    survive("hang", "gave no answer in 1 s");
}

static void survives_a_failing_run(void **state)
{
    (void)state;
    survive("run", "failed to run a trial network");
}

static void survives_wrong_results(void **state)
{
    (void)state;
    survive("wrong", "computed a trial network wrong");
}

// A backend that passes its trial and computes the model wrong, as a driver may with one layer.
static void refuses_what_disagrees(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_backends backends;
    struct fg_error err = {""};
    add_cpuref();
    add_backend("Test_Acc_backend.so");
    assert_int_equal(fg_backends_probe(folder, &backends, &err), 0);
    assert_true(backends.list[0].works && backends.list[1].works);
    struct fg_accel_options options = {.engine = "armnn:TestAcc", .backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    expect_text(fg_accel_reason(accel), "; agrees with xnnpack to ");
    fg_accel_close(accel);

    setenv("FG_TEST_BACKEND_FAILS", "wrong", 1);
    assert_int_equal(open_model(&options, &accel, &err), -EIO);
    expect_text(err.text, "armnn:TestAcc computes this model wrong: outputs[0] 'out' differs from "
                          "xnnpack's by ");
    options.engine = "auto";
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "xnnpack");
    expect_text(fg_accel_reason(accel), "auto: armnn:TestAcc computes this model wrong");
    fg_accel_close(accel);

    setenv("FG_TEST_BACKEND_FAILS", "run", 1);
    options.engine = "armnn:TestAcc";
    assert_int_equal(open_model(&options, &accel, &err), -EIO);
    expect_text(err.text, "armnn:TestAcc opened the model and failed to run it");
}

// ---- folders ------------------------------------------------------------------------------------

static void names_broken_libraries(void **state)
{
    (void)state;
    struct fg_backends backends;
    struct fg_error err = {""};
    add_cpuref();
    write_file("Test_Broken_backend.so", "this is no library\n");
    assert_int_equal(fg_backends_probe(folder, &backends, &err), 0);
    assert_int_equal(backends.count, 1); // CpuRef
    assert_true(backends.list[0].works);
    expect_text(backends.warnings, "Test_Broken_backend.so");
    struct fg_accel *accel;
    struct fg_accel_options options = {.engine = "armnn:TestBroken", .backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), -ENODEV);
    expect_text(err.text, "TestBroken is not installed, or its name is another");
    expect_text(err.text, "Test_Broken_backend.so");
}

// Arm NN loads all libraries of a folder, so one that crashes there takes Arm NN away, but not us.
static void refuse_to_load(const char *how, const char *why)
{
    struct fg_accel *accel;
    struct fg_error err = {""};
    add_cpuref();
    add_backend("Test_Acc_backend.so");
    setenv("FG_TEST_BACKEND_FAILS", how, 1);
    struct fg_accel_options options = {.engine = "armnn:CpuRef", .backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), -ENODEV);
    expect_text(err.text, why);
    expect_text(err.text, folder);
    options.engine = NULL;
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "xnnpack");
    expect_text(fg_accel_reason(accel), why);
    fg_accel_close(accel);
}

static void survives_a_library_that_crashes(void **state)
{
    (void)state;
    refuse_to_load("crash-on-load", "can not be loaded: crashed: Segmentation fault");
}

static void survives_a_library_that_aborts(void **state)
{
    (void)state;
    refuse_to_load("crash", "can not be loaded: crashed: Aborted");
}

static void survives_a_library_that_hangs(void **state)
{
    (void)state;
    setenv("FACEGATE_TRIAL_SECONDS", "1", 1);
    refuse_to_load("hang-on-load", "can not be loaded: gave no answer in 1 s");
}

static void refuses_folders_without_backends(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    struct fg_accel_options options = {.engine = "armnn", .backend_path = folder};
    assert_int_equal(open_model(&options, &accel, &err), -ENODEV);
    expect_text(err.text, "none is installed");
    options.backend_path = "/nonexistent";
    assert_int_equal(open_model(&options, &accel, &err), -ENOENT);
    options.engine = "auto"; // a folder that was named must be right
    assert_int_equal(open_model(&options, &accel, &err), -ENOENT);
    expect_text(err.text, "backend-path /nonexistent: No such file or directory");
    options.backend_path = "build";
    assert_int_equal(open_model(&options, &accel, &err), -EINVAL);
    expect_text(err.text, "backend-path build: not an absolute path");
}

static void hands_over_the_tuning_file(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    char record[160], tuning[160], line[200] = "", all[600] = "";
    snprintf(record, sizeof record, "%s", in_folder("record"));
    snprintf(tuning, sizeof tuning, "%s", in_folder("tuning"));
    add_cpuref();
    add_backend("Gpu_Acc_backend.so");
    setenv("FG_TEST_BACKEND_RECORD", record, 1);
    struct fg_accel_options options = {
        .engine = "armnn:GpuAcc,CpuRef", .backend_path = folder, .tuning = tuning};
    assert_int_equal(open_model(&options, &accel, &err), 0);
    assert_string_equal(fg_accel_engine(accel), "armnn:GpuAcc");
    FILE *file = fopen(record, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        strncat(all, line, sizeof all - strlen(all) - 1);
    fclose(file);
    expect_text(all, "GpuAcc TuningFile=");
    expect_text(all, tuning);

    // one runtime a process: another file can't be had while models are open
    struct fg_accel *other;
    options.tuning = NULL;
    assert_int_equal(open_model(&options, &other, &err), -EBUSY);
    expect_text(err.text, "give all models of a process the same");
    fg_accel_close(accel);
    assert_int_equal(open_model(&options, &other, &err), 0);
    fg_accel_close(other);
}

// ---- limits -------------------------------------------------------------------------------------

static void refuses_models_over_the_limit(void **state)
{
    (void)state;
    struct fg_accel *accel;
    struct fg_error err = {""};
    struct fg_graph *graph = make_graph();
    uint64_t need = fg_graph_memory(graph);
    fg_graph_destroy(graph);
    for (unsigned k = 0; k < 2; k++) {
        struct fg_accel_options options = {.engine = k ? "armnn:CpuRef" : "xnnpack",
                                           .backend_path = own_backends(),
                                           .memory = need - 1};
        assert_int_equal(open_model(&options, &accel, &err), -E2BIG);
        expect_text(err.text, "the model may need 1 MB of memory, 0 MB are allowed; raise "
                              "model-memory or take a smaller model");
        options.memory = need;
        assert_int_equal(open_model(&options, &accel, &err), 0);
        fg_accel_close(accel);
    }
}

static void refuses_unaligned_buffers(void **state)
{
    (void)state;
    static const struct fg_engine *const engines[] = {&fg_engine_xnnpack, &fg_engine_armnn};
    static _Alignas(64) char in[1024] = "", out[1024] = "";
    struct fg_graph *graph = make_graph();
    struct fg_engine_place *places = calloc(3, sizeof *places);
    char notes[64] = "";
    for (unsigned k = 0; k < 4; k++) {
        void *inputs[] = {&in[k % 2 ? 4 : 0]}, *outputs[] = {&out[k % 2 ? 0 : 4]};
        struct fg_accel_options options = {0};
        struct fg_engine_request request = {graph,   &options, "CpuRef", inputs,
                                            outputs, places,   notes,    sizeof notes};
        struct fg_error err = {""};
        void *model = NULL;
        assert_int_equal(engines[k / 2]->open(&request, &model, &err), -EINVAL);
        expect_text(err.text, k % 2 ? "the buffer of inputs[0] is not aligned to 64 bytes"
                                    : "the buffer of outputs[0] is not aligned to 64 bytes");
    }
    free(places);
    fg_graph_destroy(graph);
}

// ---- leaks --------------------------------------------------------------------------------------

static long resident_kb(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// Sanitizers hold freed memory back; LeakSanitizer decides there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static void cycle(const char *engine, unsigned count)
{
    struct fg_graph *graph = make_graph();
    struct fg_accel_options options = {.engine = engine, .backend_path = own_backends()};
    struct fg_error err = {""};
    long before = 0;
    for (unsigned k = 0; k < count; k++) {
        struct fg_accel *accel = NULL;
        assert_int_equal(fg_accel_open(graph, &options, &accel, &err), 0);
        assert_int_equal(fg_accel_run(accel), 0);
        fg_accel_close(accel);
        if (k == count / 10) // by then allocators hold what they keep
            before = resident_kb();
    }
    long grown = resident_kb() - before;
    fg_graph_destroy(graph);
    // a leak of 100 bytes a cycle would show as 900 kB
    if (!SANITIZED && grown > 700)
        fail_msg("%s: %ld kB more after %u cycles", engine, grown, count);
}

static void leaks_nothing(void **state)
{
    (void)state;
    // opening takes an emulated Arm NN 23.08 a tenth of a second
    const char *runner = getenv("FACEGATE_RUNNER");
    unsigned count = runner && strstr(runner, "qemu") ? 500 : 10000;
    cycle("xnnpack", count);
    cycle("armnn:CpuRef", count);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_fail_alone),
        cmocka_unit_test(refuses_names_it_does_not_know),
        cmocka_unit_test(runs_what_is_asked_for),
        cmocka_unit_test(auto_takes_what_works),
        cmocka_unit_test(says_what_an_engine_can_not),
        IN_FOLDER(places_layers_by_preference),
        IN_FOLDER(auto_prefers_an_accelerator),
        IN_FOLDER(auto_turns_to_xnnpack),
        IN_FOLDER(require_refuses_fallback),
        IN_FOLDER(survives_a_crash),
        IN_FOLDER(survives_a_missing_device),
        IN_FOLDER(survives_a_throw_when_asked),
        IN_FOLDER(survives_a_throw_in_optimising),
        IN_FOLDER(survives_a_throw_in_loading),
        IN_FOLDER(survives_a_hang),
        IN_FOLDER(survives_a_failing_run),
        IN_FOLDER(survives_wrong_results),
        IN_FOLDER(refuses_what_disagrees),
        IN_FOLDER(names_broken_libraries),
        IN_FOLDER(survives_a_library_that_crashes),
        IN_FOLDER(survives_a_library_that_aborts),
        IN_FOLDER(survives_a_library_that_hangs),
        IN_FOLDER(refuses_folders_without_backends),
        IN_FOLDER(hands_over_the_tuning_file),
        cmocka_unit_test(refuses_models_over_the_limit),
        cmocka_unit_test(refuses_unaligned_buffers),
        cmocka_unit_test(leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
