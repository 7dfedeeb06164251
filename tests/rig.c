// SPDX-License-Identifier: Apache-2.0
#include "tests/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "demo/picture.h"
#include "pipeline/image.h"
#include "pipeline/vision.h"
#include "tools/child.h"

#define ARGS  40
#define PATHS 16384

static char folder[64];
static struct fg_child matcher;
static char *paths[PATHS]; // of rig_path
static unsigned n_paths;
char *rig_out, *rig_err;

// ---- files -------------------------------------------------------------------------------------

const char *rig_path(const char *format, ...)
{
    char *name, *path;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&name, format, args);
    va_end(args);
    assert_true(length >= 0 && asprintf(&path, "%s/%s", folder, name) >= 0);
    free(name);
    assert_true(n_paths < PATHS);
    return paths[n_paths++] = path;
}

void rig_make_folder(const char *path)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        fail_msg("%s: %s", path, strerror(errno));
}

void rig_write(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

char *rig_read(const char *path)
{
    char *text = NULL;
    size_t length = 0;
    char block[4096];
    FILE *file = fopen(path, "r"), *memory = open_memstream(&text, &length);
    assert_non_null(memory);
    for (size_t n; file && (n = fread(block, 1, sizeof block, file)) > 0;)
        fwrite(block, 1, n, memory);
    if (file)
        fclose(file);
    fclose(memory);
    return text;
}

// ---- models ------------------------------------------------------------------------------------

static const char calibration[] =
    "\n[calibration]\ndataset = none\nimpostor_pairs = 1000000000\ngenuine_pairs = 1000\n"
    "score_0.4 = 3.4e-3 0.011\nscore_0.5 = 2.5e-4 0.03\nscore_0.6 = 7.9e-6 0.1\n"
    "score_0.7 = 1e-7 0.3\n";

bool rig_has_models(void)
{
    return access("models/MobileFaceNet.tflite", R_OK) == 0 &&
           access("models/onet.tflite", R_OK) == 0 &&
           access("models/face_detection_short_range.tflite", R_OK) == 0 &&
           access("models/sample1.jpg", R_OK) == 0 && access("models/sample6.jpg", R_OK) == 0;
}

static void copy_card(const char *name)
{
    char from[64], *text, *whole;
    snprintf(from, sizeof from, "models/%s", name);
    text = rig_read(from);
    bool calibrated = strstr(text, "[calibration]") || !strstr(text, "[embedder]");
    assert_true(asprintf(&whole, "%s%s", text, calibrated ? "" : calibration) > 0);
    rig_write(rig_path("models/%s", name), whole, strlen(whole));
    free(whole);
    free(text);
}

static void link_model(const char *name)
{
    char *from = realpath("models", NULL), *path;
    assert_non_null(from);
    assert_true(asprintf(&path, "%s/%s", from, name) > 0);
    assert_int_equal(symlink(path, rig_path("models/%s", name)), 0);
    free(path);
    free(from);
}

void rig_open(void)
{
    snprintf(folder, sizeof folder, "/tmp/facegate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    rig_make_folder(rig_path("models"));
    copy_card("blazeface.card");
    copy_card("onet.card");
    copy_card("mobilefacenet.card");
    link_model("MobileFaceNet.tflite");
    link_model("onet.tflite");
    link_model("face_detection_short_range.tflite");
    char text[128];
    setenv("FACEGATE_MODELS", rig_path("models"), 1);
    snprintf(text, sizeof text, "ipc://%s/control", folder);
    setenv("FACEGATE_CONTROL", text, 1);
    snprintf(text, sizeof text, "ipc://%s/decision", folder);
    setenv("FACEGATE_DECISION", text, 1);
    setenv("TZ", "UTC", 1);
}

void rig_close(void)
{
    char command[128];
    rig_stop_matcher();
    free(rig_out);
    free(rig_err);
    rig_out = rig_err = NULL;
    while (n_paths > 0)
        free(paths[--n_paths]);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

// ---- programs ----------------------------------------------------------------------------------

static const char *program(const char *name)
{
    static char path[512];
    const char *build = getenv("FACEGATE_BUILD");
    snprintf(path, sizeof path, "%s/%s", build && build[0] ? build : "build", name);
    if (access(path, X_OK) < 0)
        fail_msg("%s: not built; name the folder with FACEGATE_BUILD", path);
    return path;
}

const char *rig_program(const char *name)
{
    assert_true(n_paths < PATHS);
    paths[n_paths] = strdup(program(name));
    assert_non_null(paths[n_paths]);
    return paths[n_paths++];
}

void rig_start_matcher(void)
{
    rig_start_matcher_with("profiles/demo.ini", NULL);
}

void rig_start_matcher_with(const char *profile, const char *const *more)
{
    char probe[128], decision[128], control[128];
    struct fg_error err = {""};
    snprintf(probe, sizeof probe, "ipc://%s/probe", folder);
    snprintf(decision, sizeof decision, "ipc://%s/decision", folder);
    snprintf(control, sizeof control, "ipc://%s/control", folder);
    const char *argv[ARGS] = {program("facegate-matcher"),
                              "--gallery",
                              rig_path("gallery"),
                              "--profile",
                              profile,
                              "--model",
                              rig_path("models/mobilefacenet.card"),
                              "--key",
                              rig_path("key"),
                              "--make-key",
                              "--probe",
                              probe,
                              "--decision",
                              decision,
                              "--control",
                              control};
    unsigned n = 0;
    while (argv[n])
        n++;
    while (more && *more && n < ARGS - 1)
        argv[n++] = *more++;
    if (fg_child_start(&matcher, argv, rig_path("matcher.log"), &err) < 0)
        fail_msg("%s", err.text);
    if (rig_run("status", "--timeout-ms", "20000") != 0) {
        char *log = rig_read(rig_path("matcher.log"));
        fail_msg("%s%s", rig_err, log);
        free(log);
    }
}

void rig_stop_matcher(void)
{
    fg_child_stop(&matcher);
}

pid_t rig_matcher(void)
{
    return matcher.pid;
}

void rig_kill_matcher(void)
{
    kill(matcher.pid, SIGKILL);
    fg_child_wait(&matcher, 5000);
}

static void become(const char *const *argv, pid_t parent, const char *out, const char *err)
{
    int fds[2] = {open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600),
                  open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600)};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || fds[0] < 0 || fds[1] < 0 || dup2(fds[0], 1) < 0 ||
        dup2(fds[1], 2) < 0)
        _exit(99);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(98);
}

static pid_t begin(const char *const *words, const char *out, const char *err)
{
    const char *argv[ARGS] = {program("facegate")};
    for (unsigned i = 0; i < ARGS - 2 && words[i]; i++)
        argv[i + 1] = words[i];
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(argv, parent, out, err);
    return pid;
}

int rig_end(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int rig_run_words(const char *const *words)
{
    const char *out = rig_path("stdout"), *err = rig_path("stderr");
    int code = rig_end(begin(words, out, err));
    free(rig_out);
    free(rig_err);
    rig_out = rig_read(out);
    rig_err = rig_read(err);
    return code;
}

pid_t rig_begin_words(const char *const *words)
{
    return begin(words, rig_path("background.out"), rig_path("background.err"));
}

struct fg_json *rig_json(void)
{
    struct fg_json *json = NULL;
    struct fg_error err = {""};
    if (fg_json_parse(rig_out, strlen(rig_out), &json, &err) < 0)
        fail_msg("%s in: %s (standard error: %s)", err.text, rig_out, rig_err);
    return json;
}

// ---- pictures ----------------------------------------------------------------------------------

static void write_jpeg(const struct fg_picture *picture, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_int_equal(fg_image_encode_jpeg(picture->rgb, picture->width, picture->height,
                                          picture->width * 3, 92, &bytes, &length, NULL),
                     0);
    rig_write(path, (const char *)bytes, length);
    free(bytes);
}

static void cut(const struct fg_picture *from, const struct fg_face *face, double margin,
                double gain, const char *path)
{
    struct fg_picture to = {0};
    const int side = (int)((double)face->width * (1 + 2 * margin));
    const int left = (int)face->x - side / 2, top = (int)face->y - side / 2;
    assert_int_equal(fg_picture_init(&to, (uint32_t)side, (uint32_t)side), 0);
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            int fx = left + x, fy = top + y;
            if (fx < 0 || fy < 0 || fx >= (int)from->width || fy >= (int)from->height)
                continue;
            for (int c = 0; c < 3; c++) {
                double v = from->rgb[((size_t)fy * from->width + (size_t)fx) * 3 + (size_t)c];
                to.rgb[((size_t)y * to.width + (size_t)x) * 3 + (size_t)c] =
                    (uint8_t)(v * gain > 255 ? 255 : v * gain);
            }
        }
    }
    write_jpeg(&to, path);
    fg_picture_finish(&to);
}

bool rig_crop(unsigned sample, unsigned face, double margin, double gain, const char *path)
{
    static struct fg_vision *vision; // opened once, for all tests; ends with the program
    struct fg_face faces[FG_FACES_MAX];
    struct fg_image image = {0};
    struct fg_picture picture = {0};
    struct fg_error err = {""};
    const struct fg_vision_options options = {.models = getenv("FACEGATE_MODELS")};
    char from[64];
    snprintf(from, sizeof from, "models/sample%u.jpg", sample);
    if ((!vision && fg_vision_open(&options, &vision, &err) < 0) ||
        fg_image_load(&image, from, &err) < 0)
        fail_msg("%s", err.text);
    int n = fg_detect_still(fg_vision_detector(vision), &image.frame, 40, faces, FG_FACES_MAX);
    bool there = n > (int)face;
    if (there) {
        assert_int_equal(fg_picture_from_frame(&image.frame, &picture), 0);
        cut(&picture, &faces[face], margin, gain, path);
    }
    fg_picture_finish(&picture);
    fg_image_finish(&image);
    return there;
}

void rig_noise(uint32_t width, uint32_t height, const char *path)
{
    struct fg_picture picture = {0};
    uint32_t random = 12345;
    assert_int_equal(fg_picture_init(&picture, width, height), 0);
    for (size_t i = 0; i < (size_t)width * height * 3; i++) {
        random = random * 1664525u + 1013904223u;
        picture.rgb[i] = (uint8_t)(96 + (random >> 26));
    }
    write_jpeg(&picture, path);
    fg_picture_finish(&picture);
}
