// SPDX-License-Identifier: Apache-2.0
// The cable between an emulated device and QEMU: usb-redir's protocol on a connected socket.
// One thread.
#ifndef FG_USB_REDIR_H
#define FG_USB_REDIR_H

#include "common/error.h"
#include "tests/vm/usb_device.h"

struct fg_usb_redir;

// `fd` is a connection of QEMU's chardev; it is taken, also on failure. The device is borrowed;
// `name` (borrowed) starts lines on standard error. Success: *ret owned by the caller.
int fg_usb_redir_open(int fd, const struct fg_usb_device *device, const char *name,
                      struct fg_usb_redir **ret, struct fg_error *err);
void fg_usb_redir_close(struct fg_usb_redir *redir); // accepts NULL; the device loses its power

int fg_usb_redir_fd(const struct fg_usb_redir *redir);
// What to poll(2) for, and how long at most.
short fg_usb_redir_events(const struct fg_usb_redir *redir);
int fg_usb_redir_wait_ms(const struct fg_usb_redir *redir);

// Plugs the device in or out, as soon as QEMU is ready.
void fg_usb_redir_plug(struct fg_usb_redir *redir, bool in);

// Does what there is to do, after poll. -EPIPE: QEMU is gone.
int fg_usb_redir_work(struct fg_usb_redir *redir, short events);

#endif
