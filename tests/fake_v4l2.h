// SPDX-License-Identifier: Apache-2.0
// A camera's driver, played in memory behind pipeline/v4l2_device.h. It answers as the V4L2
// documentation says; a test has it lie by a function that sees each answer. Its buffers are
// memfds; ioctl(2) of this program takes DMA_BUF_IOCTL_SYNC on them and counts it.
// One camera at a time; only fake_v4l2_sync_depth is asked from other threads.
#ifndef FG_FAKE_V4L2_H
#define FG_FAKE_V4L2_H

#include <linux/videodev2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_PATH    "/dev/fake0"
#define FAKE_BUFFERS 32u

struct fake_mode {
    uint32_t pixelformat, width, height;
    uint32_t rates[3]; // whole frames a second; 0: no more
};

struct fake_control {
    uint32_t id, type, flags;
    const char *name;
    int64_t minimum, maximum, value;
    int64_t step;          // the driver rounds down to it; 0: 1
    uint32_t items;        // menu: bits of those that there are
    uint32_t inactive_for; // another control's id: inactive while that is not inactive_until
    int64_t inactive_until;
};

struct fake_buffer {
    int fd[2]; // memfd of each part
    size_t length[2];
    bool queued, done;
    struct v4l2_buffer answer;
    struct v4l2_plane planes[2];
};

struct fake_v4l2 {
    // What it is, set by the test before it opens.
    uint32_t capabilities; // device_caps; 0: VIDEO_CAPTURE (or _MPLANE) and STREAMING
    bool multiplanar;
    struct fake_mode modes[8]; // the end: no pixelformat
    bool stepwise;             // sizes from 160x120 to 4096x2160 by 16 and 8, 1 to 60 a second
    bool continuous;           // the same by any step
    bool lists_nothing;        // neither sizes nor rates
    uint32_t padding;          // bytes after each row
    uint32_t quantization, colorspace;
    bool no_export, no_rate, no_events, uncached;
    bool read_only;                      // buffers can't be mapped for writing
    const struct fake_control *controls; // the end: no id
    // Called after each request with the honest code and answer; may change both.
    int (*lie)(struct fake_v4l2 *fake, unsigned long request, void *argument, int code);
    // Called when a wait would sleep, e.g. to shoot a frame.
    void (*idle)(struct fake_v4l2 *fake);
    void *context;
    int busy_at; // a request's number (_IOC_NR) that says EBUSY; 0: none
    int open_code;
    uint64_t gone_at; // from this request on all say ENODEV; 0: never
    int sync_code;    // negative: DMA_BUF_IOCTL_SYNC fails

    // What happened.
    uint64_t requests;
    unsigned opened, closed, mapped, unmapped, stream_on, stream_off, exported;
    struct v4l2_format format;
    struct v4l2_fract interval;
    int64_t values[16]; // of the controls
    struct fake_buffer buffers[FAKE_BUFFERS];
    unsigned n_buffers;
    unsigned fifo[FAKE_BUFFERS], n_fifo; // queued, the oldest first
    unsigned done[FAKE_BUFFERS], n_done; // filled
    bool streaming, event_pending, poll_error;
    uint32_t sequence;
    int fd;
};

// What a frame has that is not as it should be.
struct fake_frame {
    uint8_t value;     // of each byte
    const void *bytes; // instead of `value`: the first part's
    size_t length;     // of `bytes`
    int64_t late_us;   // timestamp: so long before now
    uint32_t skip;     // frames lost before it
    uint32_t flags;    // instead of those of a good frame
    uint32_t cut;      // bytes missing at the end of the last part
    uint32_t offset;   // multi-planar: data_offset of each part
};

// Puts a camera with one mode, YUYV 64x48 at 30 a second, in the kernel's place.
void fake_v4l2_install(struct fake_v4l2 *fake);
void fake_v4l2_remove(struct fake_v4l2 *fake);

// Fills the oldest buffer that the driver has. False: it has none, the frame is lost.
bool fake_v4l2_shoot(struct fake_v4l2 *fake, const struct fake_frame *frame);

// Reads of dma-bufs that were begun and not ended; -1000 or less: ended without a beginning.
int fake_v4l2_sync_depth(void);
unsigned fake_v4l2_syncs(void); // begun

// Open descriptors of this process.
unsigned fake_v4l2_descriptors(void);

#endif
