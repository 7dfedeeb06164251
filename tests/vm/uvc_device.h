// SPDX-License-Identifier: Apache-2.0
// The emulated camera as a USB device: how it answers the requests of its class. One thread.
#ifndef FG_UVC_DEVICE_H
#define FG_UVC_DEVICE_H

#include "tests/vm/usb_device.h"
#include "tests/vm/uvc_stream.h"

#define FG_UVC_PROBE_BYTES 34 // of UVC 1.1
#define FG_UVC_CONTROLS    7

struct fg_uvc_device { // large
    uint8_t probe[FG_UVC_PROBE_BYTES];
    int32_t controls[FG_UVC_CONTROLS]; // their values, see uvc_device.c
    struct fg_uvc_stream stream;
};

extern const struct fg_usb_kind fg_uvc_kind; // its context is a struct fg_uvc_device

void fg_uvc_device_init(struct fg_uvc_device *device);
void fg_uvc_device_finish(struct fg_uvc_device *device);

#endif
