// SPDX-License-Identifier: Apache-2.0
// What facegate-camera is told: built-in values, then the configuration file, then options.
#ifndef FG_CAMERA_OPTIONS_H
#define FG_CAMERA_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/engine_options.h"
#include "pipeline/source.h"
#include "pipeline/zone.h"

// What of the picture wakes a lane that is asleep.
enum fg_camera_wake { FG_CAMERA_WAKE_NEVER, FG_CAMERA_WAKE_MOTION };

struct fg_camera_options {
    char camera[32]; // the instance; "": none
    char source[512], lane[32], id[32], probe[160], lane_socket[176];
    char models[256], detector[48], aligner[48], embedder[48];
    struct fg_engine_options engine;
    char trace[512];
    double rate; // frames a second; 0: a camera's 30, files as fast as they are taken
    char format[64], controls[256];
    uint32_t width, height, buffers; // wanted of a camera
    struct fg_control exposure, gain, focus;
    uint32_t stall_ms;     // no frame for so long: the camera stalled
    uint32_t inference_ms; // the longest that one frame may take; beyond, the watchdog starves
    float smallest;        // pixels
    float eye_distance;    // least, pixels, of a probe
    struct fg_zone zone;   // where faces are looked for
    struct fg_zone wake_zone;
    int wake;         // enum fg_camera_wake
    uint32_t squares; // of the first pass in one frame; 0: all
    uint32_t shot_ms; // between the probes of one track
    uint32_t frames;  // stop after; 0: no limit
    uint32_t wait_ms; // for a matcher before the first frame
    bool loop, verbose;
};

// Fills *ret from the program's arguments. 0: go on; 1: --help or --version was answered on
// standard output; -EINVAL: the command line is off; any other negative errno: the configuration
// file is. err says what.
int fg_camera_options_read(int argc, char **argv, struct fg_camera_options *ret,
                           struct fg_error *err);

#endif
