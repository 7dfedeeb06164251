// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a wish for a camera, in the names of libcamera's controls. Any thread.
#ifndef FG_LIBCAMERA_SETTINGS_H
#define FG_LIBCAMERA_SETTINGS_H

#include <stdbool.h>

#include "common/error.h"
#include "pipeline/source.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_LIBCAMERA_SETTINGS 32u

struct fg_libcamera_setting {
    char name[48];
    double value;
    bool if_there; // not needed on a camera that lacks it
};

struct fg_libcamera_settings {
    unsigned n;
    struct fg_libcamera_setting all[FG_LIBCAMERA_SETTINGS];
};

// Reads exposure, gain, focus and `controls` of a complete wish (camera_wish.h), in this order.
// -EINVAL: what libcamera cannot do on any camera, or is no control.
int fg_libcamera_settings_read(const struct fg_camera_wish *wish, struct fg_libcamera_settings *ret,
                               struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
