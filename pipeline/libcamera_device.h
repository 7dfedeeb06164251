// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a camera as libcamera runs it, in C. libcamera_device.cpp is the only file
// that knows libcamera; nothing is thrown out of it. One thread at a time calls these functions.
// libcamera's own thread, which runs only while a device is open or looked for, does no more than
// note what is finished.
//
// A buffer has the same number as the slot of the pool that shows it, and is libcamera's from
// `queue` until `take` gives it back.
#ifndef FG_LIBCAMERA_DEVICE_H
#define FG_LIBCAMERA_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/buffer_memory.h"
#include "pipeline/frame.h"
#include "pipeline/source.h"

#ifdef __cplusplus
extern "C" {
#endif

// What was agreed with the camera.
struct fg_libcamera_setup {
    char id[160], model[64];
    uint32_t fourcc;
    uint32_t width, height;
    uint32_t stride; // bytes from row to row, of each plane; MJPG: 0
    bool full_range;
    double rate; // frames a second; 0: libcamera does not say
    unsigned n_buffers, n_planes;
};

enum fg_arrival_state {
    FG_ARRIVAL_WHOLE,
    FG_ARRIVAL_BROKEN,    // the driver says so
    FG_ARRIVAL_CANCELLED, // libcamera did not get it filled; the rest is not set
};

struct fg_libcamera_arrival {
    unsigned buffer;
    enum fg_arrival_state state;
    bool with_controls; // it was to set some of the wish's controls
    uint32_t sequence;  // the driver's
    uint64_t t_ns;      // the driver's time, 0: none
    uint64_t t_done_ns; // CLOCK_MONOTONIC, when libcamera was done with it
    uint32_t bytes[3];  // of each plane's that are the picture's
};

// A table, so that tests can play a camera.
struct fg_libcamera_system {
    // `name`: an id of libcamera's, a device node under /dev/, or "": the first camera. The wish is
    // complete (camera_wish.h). Success: *ret_device is closed by the caller. Failure: -ENODEV no
    // such camera, -EBUSY it is in use, -ENOTSUP it has none of the formats, -EINVAL a control,
    // -EPROTO libcamera said what cannot be; others as libcamera said.
    int (*open)(const char *name, const struct fg_camera_wish *wish, void **ret_device,
                struct fg_libcamera_setup *ret_setup, struct fg_error *err);
    // Where a plane of a buffer lies. The descriptor is the device's.
    struct fg_plane_place (*place)(const void *device, unsigned buffer, unsigned plane);
    int (*start)(void *device, struct fg_error *err);
    // Hands a buffer to libcamera. -ENODEV once it is gone.
    int (*queue)(void *device, unsigned buffer, struct fg_error *err);
    // Readable when `take` has something new to say or the camera is gone; for poll(2).
    int (*fd)(const void *device);
    // False: nothing has come since.
    bool (*take)(void *device, struct fg_libcamera_arrival *ret);
    // libcamera says that the camera was unplugged.
    bool (*is_gone)(const void *device);
    // After it libcamera has no buffer, and `take` is not to be called. May be called twice.
    void (*stop)(void *device);
    void (*close)(void *device); // in any state
    bool (*is_there)(const char *name);
};

extern const struct fg_libcamera_system fg_libcamera_real;
// What the source uses; tests set it while no source is open.
extern const struct fg_libcamera_system *fg_libcamera_system;

#ifdef __cplusplus
}
#endif
#endif
