// SPDX-License-Identifier: Apache-2.0
// The cable between the emulated camera and QEMU: usb-redir's protocol on a connected socket.
// One thread.
#ifndef FG_UVC_REDIR_H
#define FG_UVC_REDIR_H

#include "tests/vm/uvc_device.h"

struct fg_uvc_redir;

// `fd` is a connection of QEMU's chardev; it is taken, also on failure. The device is borrowed.
// Success: *ret owned by the caller.
int fg_uvc_redir_open(int fd, struct fg_uvc_device *device, struct fg_uvc_redir **ret,
                      struct fg_error *err);
void fg_uvc_redir_close(struct fg_uvc_redir *redir); // accepts NULL

int fg_uvc_redir_fd(const struct fg_uvc_redir *redir);
// What to poll(2) for, and how long at most.
short fg_uvc_redir_events(const struct fg_uvc_redir *redir);
int fg_uvc_redir_wait_ms(const struct fg_uvc_redir *redir);

// Plugs the camera in or out, as soon as QEMU is ready.
void fg_uvc_redir_plug(struct fg_uvc_redir *redir, bool in);

// Does what there is to do, after poll. -EPIPE: QEMU is gone.
int fg_uvc_redir_work(struct fg_uvc_redir *redir, short events);

#endif
