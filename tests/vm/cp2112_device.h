// SPDX-License-Identifier: Apache-2.0
// An emulated CP2112, Silicon Laboratories' USB chip with eight lines, as Linux' hid-cp2112 knows
// it: how it answers the requests of its class. Its SMBus is not there. One thread.
#ifndef FG_CP2112_DEVICE_H
#define FG_CP2112_DEVICE_H

#include "tests/vm/cp2112_lines.h"
#include "tests/vm/usb_device.h"

#define FG_CP2112_SMBUS_BYTES 13

struct fg_cp2112 {
    struct fg_cp2112_lines lines;
    // as they were set
    uint8_t push_pull, special, divider, smbus[FG_CP2112_SMBUS_BYTES];
};

extern const struct fg_usb_kind fg_cp2112_kind; // its context is a struct fg_cp2112

void fg_cp2112_init(struct fg_cp2112 *chip);

#endif
