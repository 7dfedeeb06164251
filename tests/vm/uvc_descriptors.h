// SPDX-License-Identifier: Apache-2.0
// What the emulated camera says of itself: a high-speed USB device with one UVC 1.1 function that
// streams over a bulk endpoint. From the USB Device Class Definition for Video Devices 1.1 and its
// MJPEG and uncompressed payload parts.
#ifndef FG_UVC_DESCRIPTORS_H
#define FG_UVC_DESCRIPTORS_H

#include "tests/vm/usb_device.h"

#define FG_UVC_VIDEO_CLASS     0x0e
#define FG_UVC_CONTROL         0 // interfaces
#define FG_UVC_STREAMING       1
#define FG_UVC_PACKET          512 // bytes
#define FG_UVC_ENDPOINT        0x81
#define FG_UVC_CAMERA_TERMINAL 1 // entities
#define FG_UVC_PROCESSING_UNIT 2

// The configuration with all that is in it; its length.
size_t fg_uvc_describe_configuration(uint8_t ret[FG_USB_ANSWER_BYTES]);

#endif
