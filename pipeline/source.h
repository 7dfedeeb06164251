// SPDX-License-Identifier: Apache-2.0
// Where frames come from. A source owns its pool and its memory; one thread at a time calls it.
//   file:PATH         a folder of JPEG and PNG pictures, one picture, an MJPEG or a Y4M file
//   v4l2:DEVICE       a camera by its device node, through the kernel's V4L2
//   libcamera:CAMERA  a camera through libcamera, by its id or its device node; none: the first
#ifndef FG_SOURCE_H
#define FG_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/frame.h"
#include "pipeline/stop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_source;

// One of a camera's controls.
struct fg_control {
    enum { FG_CONTROL_LEAVE, FG_CONTROL_AUTO, FG_CONTROL_VALUE } kind; // LEAVE: as it is
    double value;
};

struct fg_camera_wish {
    const char *formats;        // "NV12 YUYV UYVY MJPEG GREY", the best first; NULL or "": that
    uint32_t width, height;     // 0: 1280x720; the nearest that the camera has is taken
    double rate;                // frames a second; 0: 30; the nearest that the camera has
    uint32_t buffers;           // 3 to 16; 0: 4
    uint32_t stall_ms;          // no frame for so long: -ETIMEDOUT; 0: 2000
    struct fg_control exposure; // microseconds
    struct fg_control gain;     // as the camera counts: V4L2 its own steps, libcamera times
    struct fg_control focus;    // as the camera counts: V4L2 its own steps, libcamera dioptres
    const char *controls;       // further ones, "brightness=10 power_line_frequency=1", named as
                                // `v4l2-ctl -l` names them (libcamera: as `cam` does); NULL: none
};

struct fg_source_options {
    // Files.
    double rate; // frames a second, 0.001 to 1e6; 0: as fast as they are taken, none left out
    bool loop;   // start again at the end; the sequence goes on
    // All.
    uint64_t max_frames;        // stop after this many handed out; 0: no limit
    const struct fg_stop *stop; // borrowed; NULL: nobody stops it
    // Cameras. Strings are borrowed until the source is open.
    struct fg_camera_wish camera;
};

enum fg_source_memory { // where a frame's pixels lie
    FG_MEMORY_OWN,      // this program's: files, and what a decoder wrote
    FG_MEMORY_DMABUF,   // the driver's buffers, exported and mapped
    FG_MEMORY_MAPPED,   // the driver's buffers, mapped: it does not export
    FG_MEMORY_COPIED,   // copied once, since the driver's buffers are uncached
};

struct fg_source_info {
    const char *description; // "y4m 1280x720 I420", owned by the source
    const char *picture;     // "YUYV 1280x720", at most 31 bytes, owned by the source
    uint32_t width, height;  // of the first frame
    bool live;               // a camera: it can vanish, stall and come back
    enum fg_source_memory memory;
};

struct fg_source_counts {
    uint64_t broken; // frames that came with an error, too short or not decodable: not handed out
    uint64_t copied; // frame bytes written a second time (COPIED; stills that EXIF turns upright)
    uint64_t lost;   // frames that the driver's sequence shows and nobody saw
    // while fg_wipes(): pictures that stay in a driver's buffer until the next one comes into it,
    // as it can't be mapped for writing
    uint64_t unwiped;
};

// Success: *ret owned by the caller. Failure: negative errno and what is wrong with which file or
// device: -EINVAL (not a source, a broken first picture, not a capture device), -ENOENT and
// -ENODEV (not there), -EBUSY, -EACCES, -ENOTSUP a format that is not read, -EFBIG over the
// limits of image.h.
int fg_source_open(const char *spec, const struct fg_source_options *options,
                   struct fg_source **ret, struct fg_error *err);

void fg_source_info(const struct fg_source *source, struct fg_source_info *ret);

// Waits for the next frame (its time by `rate`, a free slot, the camera). Success: 0 and one
// reference passes to the caller (fg_frame_release). 1: the end, no frame. -ECANCELED once
// stopped. -EBADMSG: one broken frame, counted; the next call goes on. -ENOMEM.
// A file: -EIO: it has shrunk under us, it cannot go on.
// A camera, after which only fg_source_halt and fg_source_close may be called: -ENODEV it is
// unplugged or disconnected; -ETIMEDOUT it stalled; -EPROTO the driver said what cannot be (an
// index that is not ours); -EIO and others: as the driver said.
// With a rate, picture i of a file is due at t0 + i/rate (t0: the first call) and t_capture_ns is
// that time, before any decoding; whoever comes more than a frame late gets the picture that is
// due now, and the sequence (which counts due times) jumps. Without one, t_capture_ns is the time
// of the call. A camera's times and sequence are its driver's.
int fg_source_next(struct fg_source *source, struct fg_frame **ret, struct fg_error *err);

void fg_source_counts(const struct fg_source *source, struct fg_source_counts *ret); // any thread

// Ends capture: no further fg_source_next. Frames that were handed out stay readable.
void fg_source_halt(struct fg_source *source);
// After fg_source_halt: waits until all frames were released. 0, -ETIMEDOUT.
int fg_source_wait_idle(struct fg_source *source, int timeout_ms);

// All frames must be released. Accepts NULL.
void fg_source_close(struct fg_source *source);

// Whether the system still has the device of `spec`, so that opening it again may help. True for
// files.
bool fg_source_is_there(const char *spec);

#ifdef __cplusplus
}
#endif
#endif
