// SPDX-License-Identifier: Apache-2.0
// What the emulated camera says of itself: a high-speed USB device with one UVC 1.1 function that
// streams over a bulk endpoint. From the USB Device Class Definition for Video Devices 1.1 and its
// MJPEG and uncompressed payload parts.
#ifndef FG_UVC_DESCRIPTORS_H
#define FG_UVC_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

// pid.codes' numbers for tests.
#define FG_UVC_VENDOR          0x1209
#define FG_UVC_PRODUCT         0x0001
#define FG_UVC_RELEASE         0x0110
#define FG_UVC_CLASS           0xef // miscellaneous, with an interface association
#define FG_UVC_SUBCLASS        2
#define FG_UVC_PROTOCOL        1
#define FG_UVC_VIDEO_CLASS     0x0e
#define FG_UVC_CONTROL         0 // interfaces
#define FG_UVC_STREAMING       1
#define FG_UVC_ENDPOINT        0x81
#define FG_UVC_CAMERA_TERMINAL 1 // entities
#define FG_UVC_PROCESSING_UNIT 2

#define FG_UVC_TEXT_MOST    60 // characters of a string
#define FG_UVC_DEVICE_BYTES 18
#define FG_UVC_MOST_BYTES   512 // of a configuration
#define FG_UVC_STRING_BYTES (2 + 2 * FG_UVC_TEXT_MOST)

void fg_uvc_describe_device(uint8_t ret[FG_UVC_DEVICE_BYTES]);
// The configuration with all that is in it; its length.
size_t fg_uvc_describe_configuration(uint8_t ret[FG_UVC_MOST_BYTES]);
// String 0 (languages) with text NULL, else an ASCII text, cut to FG_UVC_TEXT_MOST; its length.
size_t fg_uvc_describe_string(const char *text, uint8_t ret[FG_UVC_STRING_BYTES]);

#endif
