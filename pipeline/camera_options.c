// SPDX-License-Identifier: Apache-2.0
#include "pipeline/camera_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/wire.h"

#define AT(field) .offset = offsetof(struct fg_camera_options, field)
#define TEXT(field)                                                                                \
    .type = FG_CONF_STRING, AT(field), .size = sizeof((struct fg_camera_options *)0)->field

static int set_engine(void *target, const char *key, const char *value, struct fg_error *err)
{
    (void)key;
    return fg_engine_options_name(&((struct fg_camera_options *)target)->engine, value, err);
}

// "auto" or a number.
static int set_control(struct fg_control *control, const char *key, const char *value,
                       struct fg_error *err)
{
    char *end;
    if (strcmp(value, "auto") == 0) {
        *control = (struct fg_control){FG_CONTROL_AUTO, 0};
        return 0;
    }
    double number = strtod(value, &end);
    if (end == value || *end || !isfinite(number))
        return fg_fail(err, -EINVAL, "%s = %s: must be auto or a number", key, value);
    *control = (struct fg_control){FG_CONTROL_VALUE, number};
    return 0;
}

static int set_exposure(void *target, const char *key, const char *value, struct fg_error *err)
{
    return set_control(&((struct fg_camera_options *)target)->exposure, key, value, err);
}

static int set_gain(void *target, const char *key, const char *value, struct fg_error *err)
{
    return set_control(&((struct fg_camera_options *)target)->gain, key, value, err);
}

static int set_focus(void *target, const char *key, const char *value, struct fg_error *err)
{
    return set_control(&((struct fg_camera_options *)target)->focus, key, value, err);
}

static int set_zone(struct fg_zone *zone, const char *key, const char *value, struct fg_error *err)
{
    int code = fg_zone_read(value, zone, err);
    return code < 0 ? fg_fail_prefix(err, code, "%s = %s", key, value) : 0;
}

static int set_face_zone(void *target, const char *key, const char *value, struct fg_error *err)
{
    return set_zone(&((struct fg_camera_options *)target)->zone, key, value, err);
}

static int set_wake_zone(void *target, const char *key, const char *value, struct fg_error *err)
{
    return set_zone(&((struct fg_camera_options *)target)->wake_zone, key, value, err);
}

// As enum fg_camera_wake has them.
static const char *const wakes[] = {"never", "motion", NULL};

// Every key is also an option of the same name.
static const struct fg_conf_key keys[] = {
    {"camera", "source", TEXT(source)},
    {"camera", "lane", TEXT(lane)},
    {"camera", "id", TEXT(id)},
    {"camera", "probe", TEXT(probe)},
    {"camera", "lane-socket", TEXT(lane_socket)},
    {"camera", "models", TEXT(models)},
    {"camera", "detector", TEXT(detector)},
    {"camera", "aligner", TEXT(aligner)},
    {"camera", "embedder", TEXT(embedder)},
    FG_ENGINE_ROWS("camera", struct fg_camera_options, engine, set_engine),
    {"camera", "rate", FG_CONF_DOUBLE, AT(rate), .low = 0, .high = 1000},
    {"camera", "format", TEXT(format)},
    {"camera", "width", FG_CONF_U32, AT(width), .low = 64, .high = 16384},
    {"camera", "height", FG_CONF_U32, AT(height), .low = 64, .high = 16384},
    {"camera", "buffers", FG_CONF_U32, AT(buffers), .low = 3, .high = 16},
    {"camera", "exposure", FG_CONF_CALL, .call = set_exposure},
    {"camera", "gain", FG_CONF_CALL, .call = set_gain},
    {"camera", "focus", FG_CONF_CALL, .call = set_focus},
    {"camera", "controls", TEXT(controls)},
    {"camera", "stall-ms", FG_CONF_U32, AT(stall_ms), .low = 100, .high = 600000},
    {"camera", "inference-ms", FG_CONF_U32, AT(inference_ms), .low = 10, .high = 600000},
    {"camera", "smallest", FG_CONF_FLOAT, AT(smallest), .low = 16, .high = 2000},
    {"camera", "eye-distance", FG_CONF_FLOAT, AT(eye_distance), .low = 6, .high = 1000},
    {"camera", "zone", FG_CONF_CALL, .call = set_face_zone},
    {"camera", "wake", FG_CONF_CHOICE, AT(wake), .choices = wakes},
    {"camera", "wake-zone", FG_CONF_CALL, .call = set_wake_zone},
    {"camera", "squares", FG_CONF_U32, AT(squares), .low = 0, .high = 64},
    {"camera", "shot-ms", FG_CONF_U32, AT(shot_ms), .low = 20, .high = 10000},
    {"camera", "wait-ms", FG_CONF_U32, AT(wait_ms), .low = 0, .high = 600000},
    {"camera", "frames", FG_CONF_U32, AT(frames), .low = 0, .high = 4e9},
    {"camera", "loop", FG_CONF_BOOL, AT(loop)},
    {"camera", "trace", TEXT(trace)},
};
#define N_KEYS (sizeof keys / sizeof *keys)

static const char help[] =
    "facegate-camera: frames in, vectors out\n"
    "\n"
    "  facegate-camera --source SOURCE [option ...]\n"
    "  facegate-camera --camera NAME [--config FILE] [option ...]\n"
    "\n"
    "  --source v4l2:DEVICE       a camera, by its device node\n"
    "  --source libcamera:CAMERA  a camera through libcamera: its id, its node, or none: the "
    "first\n"
    "  --source file:PATH         a folder of JPEG and PNG pictures, a picture, MJPEG or Y4M\n"
    "  --camera NAME       an instance: source v4l2:/dev/facegate/NAME, id NAME, and the file\n"
    "                      camera@NAME.conf beside the --config file if it is there\n"
    "  --rate R            frames a second; 0 (as given): a camera's 30, a file's as taken\n"
    "  --format LIST       a camera's formats, the best first (NV12 YUYV UYVY MJPEG GREY)\n"
    "  --width N, --height N      the size wanted (1280x720)\n"
    "  --buffers N         frames in flight, 3 to 16 (4)\n"
    "  --exposure US, --gain N, --focus N   auto or a number; as the camera is when not given\n"
    "  --controls LIST     further ones: 'brightness=10 power_line_frequency=1'\n"
    "  --stall-ms MS       a camera without a frame for so long has stalled (2000)\n"
    "  --inference-ms MS   beyond it one frame's work starves the watchdog (5000)\n"
    "  --loop              start a file again at its end\n"
    "  --frames N          stop after N frames; 0 (as given): never\n"
    "  --lane NAME         the lane this camera looks at (1)\n"
    "  --id NAME           the camera's own name (camera)\n"
    "  --probe ENDPOINT    the matcher's socket (ipc:///run/facegate/probe/probe.sock)\n"
    "  --lane-socket ENDPOINT  what the matcher wants of the lane\n"
    "                      (lane.sock beside the probe socket)\n"
    "  --wait-ms MS        wait for a matcher before the first frame (2000)\n"
    "  --models FOLDER     the model cards (" FG_DATADIR "/models)\n"
    "  --detector NAME --aligner NAME --embedder NAME   cards in it, without .card\n"
    "  --engine NAME       auto, xnnpack, armnn or armnn:Backend,Backend,... (auto)\n"
    "  --require BACKEND   refuse to start unless it runs every layer\n"
    "  --threads N         of one network (1)\n"
    "  --fp16              compute in half precision where the backend can\n"
    "  --fast-math         let the backend use faster, less exact kernels\n"
    "  --tuning FILE       GpuAcc's tuning file: read, or written when it is absent\n"
    "  --backend-path DIR  Arm NN's dynamic backends (its own folder)\n"
    "  --model-memory MB   refuse a model that may need more; 0: no limit (1024)\n"
    "  --smallest PX       width of the smallest face to look for (90)\n"
    "  --eye-distance PX   least distance of the eyes for a probe (20)\n"
    "  --zone 'X Y W H'    look for faces there alone, in parts of the picture (all of it)\n"
    "  --wake WHEN         wake a lane that is asleep: never, or at motion (never)\n"
    "  --wake-zone 'X Y W H'  at motion there (all of the picture)\n"
    "  --squares N         first-pass squares in each frame, 0 for all (1)\n"
    "  --shot-ms MS        between two probes of one face (250)\n"
    "  --trace FILE        write one JSON line a frame: tracks and their boxes\n"
    "  --config FILE       an INI file, then FILE.d/*.conf; [camera] has a key for each option\n"
    "  --verbose, --help, --version\n"
    "\n"
    "Exit codes: 0 the source ended, SIGTERM came or the camera was unplugged, 1 it failed while\n"
    "running, 2 the command line is off, 75 the camera is busy, absent or does not come back, 78 "
    "a\n"
    "configuration, card, model or source is off. See facegate-camera(8).\n";

// An instance is called, and linked in /dev/facegate, by its name.
static void set_defaults(struct fg_camera_options *o, const char *camera)
{
    *o = (struct fg_camera_options){
        .lane = "1",
        .probe = "ipc:///run/facegate/probe/probe.sock",
        .models = FG_DATADIR "/models",
        .detector = "blazeface",
        .aligner = "onet",
        .embedder = "mobilefacenet",
        .engine = fg_engine_standard,
        .width = 1280,
        .height = 720,
        .buffers = 4,
        .stall_ms = 2000,
        .inference_ms = 5000,
        .id = "camera",
        .smallest = 90,
        .eye_distance = 20,
        .squares = 1,
        .shot_ms = 250,
        .wait_ms = 2000,
    };
    if (!camera[0])
        return;
    snprintf(o->camera, sizeof o->camera, "%s", camera);
    snprintf(o->id, sizeof o->id, "%s", camera);
    snprintf(o->source, sizeof o->source, "v4l2:/dev/facegate/%s", camera);
}

// Above the letters of short options.
enum { OPT_KEY = 256, OPT_CONFIG = 1000, OPT_CAMERA, OPT_VERBOSE, OPT_HELP, OPT_VERSION };

static void make_table(struct option *table)
{
    for (size_t i = 0; i < N_KEYS; i++)
        table[i] = (struct option){keys[i].key,
                                   keys[i].type == FG_CONF_BOOL ? no_argument : required_argument,
                                   NULL, OPT_KEY + (int)i};
    table[N_KEYS] = (struct option){"config", required_argument, NULL, OPT_CONFIG};
    table[N_KEYS + 1] = (struct option){"camera", required_argument, NULL, OPT_CAMERA};
    table[N_KEYS + 2] = (struct option){"verbose", no_argument, NULL, OPT_VERBOSE};
    table[N_KEYS + 3] = (struct option){"help", no_argument, NULL, OPT_HELP};
    table[N_KEYS + 4] = (struct option){"version", no_argument, NULL, OPT_VERSION};
}

static int bad_name(const char *option, const char *name, struct fg_error *err)
{
    return fg_fail(err, -EINVAL, "%s %s: 1 to %d letters, digits, dots, dashes or underscores",
                   option, name, FG_WIRE_NAME - 1);
}

static int one_option(int option, struct fg_camera_options *o, const char **config,
                      struct fg_error *err)
{
    if (option == OPT_CONFIG) {
        *config = optarg;
    } else if (option == OPT_CAMERA) {
        if (!fg_wire_name_ok(optarg))
            return bad_name("--camera", optarg, err);
        snprintf(o->camera, sizeof o->camera, "%s", optarg);
    } else if (option == OPT_VERBOSE) {
        o->verbose = true;
    } else if (option == OPT_HELP) {
        fputs(help, stdout);
        return 1;
    } else if (option == OPT_VERSION) {
        puts("facegate-camera " FG_VERSION);
        return 1;
    } else if (option >= OPT_KEY && option < OPT_KEY + (int)N_KEYS) {
        const struct fg_conf_key *key = &keys[option - OPT_KEY];
        int code = fg_conf_set(key, key->type == FG_CONF_BOOL ? "yes" : optarg, o, err);
        return code < 0 ? fg_fail_prefix(err, -EINVAL, "--%s", key->key) : 0;
    }
    return 0;
}

// getopt_long's '?': optopt is 0 for an unknown long option, a key's number when its value is
// missing (or not wanted), and a letter for a short option.
static int bad_option(char **argv, struct fg_error *err)
{
    const char *last = argv[optind - 1];
    if (optopt == 0)
        return fg_fail(err, -EINVAL, "%s: unknown or ambiguous option; see --help", last);
    if (optopt < 128 && isgraph(optopt))
        return fg_fail(err, -EINVAL, "-%c: unknown option; see --help", optopt);
    return fg_fail(err, -EINVAL, "%s: this option %s value; see --help", last,
                   strchr(last, '=') ? "takes no" : "needs a");
}

static int read_arguments(int argc, char **argv, struct fg_camera_options *o, const char **config,
                          struct fg_error *err)
{
    struct option table[N_KEYS + 6] = {0};
    int option, code = 0;
    make_table(table);
    optind = 0; // this runs twice: options win over the file, wherever --config stands
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, "", table, NULL)) != -1)
        code = option == '?' ? bad_option(argv, err) : one_option(option, o, config, err);
    if (code == 0 && optind < argc)
        code = fg_fail(err, -EINVAL, "%s: not an option; see --help", argv[optind]);
    return code;
}

static int check_name(const char *option, const char *name, struct fg_error *err)
{
    return fg_wire_name_ok(name) ? 0 : bad_name(option, name, err);
}

// An instance's own file, which need not be there, lies beside the one for all: camera@NAME.conf.
static int read_own_file(const char *config, struct fg_camera_options *o, struct fg_error *err)
{
    char path[4096];
    const char *slash = strrchr(config, '/');
    int folder = slash ? (int)(slash - config) + 1 : 0;
    int length = snprintf(path, sizeof path, "%.*scamera@%s.conf", folder, config, o->camera);
    if (length >= (int)sizeof path)
        return fg_fail(err, -ENAMETOOLONG, "%s: the path is too long", config);
    int code = fg_conf_read_all(path, keys, N_KEYS, o, err);
    return code == -ENOENT ? 0 : code;
}

static int read_files(const char *config, struct fg_camera_options *o, struct fg_error *err)
{
    int code = fg_conf_read_all(config, keys, N_KEYS, o, err);
    if (code == 0 && o->camera[0])
        code = read_own_file(config, o, err);
    return code == -EINVAL ? -EBADMSG : code; // the file is off, not the command line
}

// Where a matcher has it that says nothing else: lane.sock in the folder of the probes' socket.
static void place_lane_socket(struct fg_camera_options *o)
{
    const char *slash = strrchr(o->probe, '/');
    if (!o->lane_socket[0] && slash)
        snprintf(o->lane_socket, sizeof o->lane_socket, "%.*s/lane.sock", (int)(slash - o->probe),
                 o->probe);
}

int fg_camera_options_read(int argc, char **argv, struct fg_camera_options *ret,
                           struct fg_error *err)
{
    const char *config = NULL;
    set_defaults(ret, "");
    int code = read_arguments(argc, argv, ret, &config, err);
    if (code == 0 && (config || ret->camera[0])) {
        char camera[sizeof ret->camera];
        memcpy(camera, ret->camera, sizeof camera);
        set_defaults(ret, camera);
        code = config ? read_files(config, ret, err) : 0;
        if (code == 0)
            code = read_arguments(argc, argv, ret, &config, err);
    }
    place_lane_socket(ret);
    if (code == 0 && !ret->source[0])
        code = fg_fail(err, -EINVAL, "no --source and no --camera given; see --help");
    if (code == 0)
        code = check_name("--lane", ret->lane, err);
    if (code == 0)
        code = check_name("--id", ret->id, err);
    return code;
}
