// SPDX-License-Identifier: Apache-2.0
// The emulated camera as a USB device: how it answers requests on endpoint 0. One thread.
#ifndef FG_UVC_DEVICE_H
#define FG_UVC_DEVICE_H

#include "tests/vm/uvc_stream.h"

#define FG_UVC_PROBE_BYTES  34  // of UVC 1.1
#define FG_UVC_ANSWER_BYTES 512 // most of one answer
#define FG_UVC_CONTROLS     7

struct fg_uvc_setup { // of a USB control transfer
    uint8_t type, request;
    uint16_t value, index, length;
};

struct fg_uvc_device {            // large
    const char *product, *serial; // borrowed
    uint8_t probe[FG_UVC_PROBE_BYTES];
    int32_t controls[FG_UVC_CONTROLS]; // their values, see uvc_device.c
    struct fg_uvc_stream stream;
};

void fg_uvc_device_init(struct fg_uvc_device *device, const char *product, const char *serial);
void fg_uvc_device_finish(struct fg_uvc_device *device);

// The answer's length (0 for a request that only tells), -EPIPE when it is refused. `in` are the
// request's bytes, if it has some.
int fg_uvc_device_request(struct fg_uvc_device *device, const struct fg_uvc_setup *setup,
                          const uint8_t *in, size_t in_length, uint8_t ret[FG_UVC_ANSWER_BYTES]);

#endif
