// SPDX-License-Identifier: Apache-2.0
// What the emulated CP2112 says of itself: a full-speed USB device with one HID interface. From the
// Device Class Definition for HID 1.11 and Silicon Laboratories' AN495.
#ifndef FG_CP2112_DESCRIPTORS_H
#define FG_CP2112_DESCRIPTORS_H

#include "tests/vm/usb_device.h"

#define FG_CP2112_HID_CLASS 3
#define FG_CP2112_FROM_HOST 0x01 // endpoints
#define FG_CP2112_TO_HOST   0x81
#define FG_CP2112_PACKET    64 // bytes

// Reports, by their numbers.
enum {
    FG_CP2112_DIRECTIONS = 0x02,
    FG_CP2112_GET_LINES,
    FG_CP2112_SET_LINES,
    FG_CP2112_VERSION,
    FG_CP2112_SMBUS,
    FG_CP2112_LOCK = 0x20,
    FG_CP2112_USB,
    FG_CP2112_MAKER,
    FG_CP2112_PRODUCT,
    FG_CP2112_SERIAL
};

// A report's bytes with its number in front, 0 when there is none such.
size_t fg_cp2112_report_bytes(unsigned report);

// The configuration with all that is in it, and what its reports are; their lengths.
size_t fg_cp2112_describe_configuration(uint8_t ret[FG_USB_ANSWER_BYTES]);
size_t fg_cp2112_describe_reports(uint8_t ret[FG_USB_ANSWER_BYTES]);

#endif
