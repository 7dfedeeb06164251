// SPDX-License-Identifier: Apache-2.0
// What the programs that emulate a USB device for QEMU's usb-redir have in common:
//
//   NAME [--unplugged] --socket PATH --serial TEXT --control FIFO
//
// QEMU connects to the socket; the guest's own driver drives the device. Lines in the FIFO, which
// is made when it is absent, are commands: plug and unplug for the cable, quit, and the device's
// own.
#ifndef FG_USB_PROGRAM_H
#define FG_USB_PROGRAM_H

#include "common/error.h"
#include "tests/vm/usb_device.h"

#define FG_USB_WORDS 4 // of a command at most

struct fg_usb_program {
    const char *name;
    const struct fg_usb_kind *kind;
    void *context; // the device
    // Another command than those above. -EINVAL with a sentence.
    int (*obey)(void *context, char **words, unsigned count, struct fg_error *err);
};

// Until quit; the exit code.
int fg_usb_program_run(const struct fg_usb_program *program, int argc, char **argv);

#endif
