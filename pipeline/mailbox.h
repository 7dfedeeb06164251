// SPDX-License-Identifier: Apache-2.0
// One slot between capture and inference: the newest frame wins, the displaced one is released
// and counted, nothing ever queues up.
#ifndef FG_MAILBOX_H
#define FG_MAILBOX_H

#include <stdint.h>

#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_mailbox;

int fg_mailbox_create(struct fg_mailbox **ret);
// Releases a frame still inside. Accepts NULL.
void fg_mailbox_destroy(struct fg_mailbox *box);

// Capture thread. Takes the caller's reference; a frame already inside is released and counted as
// displaced, and so is one that comes after fg_mailbox_close.
void fg_mailbox_put(struct fg_mailbox *box, struct fg_frame *frame);

// Capture thread: releases a frame inside; it counts as displaced.
void fg_mailbox_drop(struct fg_mailbox *box);

// Capture thread: waits until the box is empty (for sources that must not lose frames), at most
// timeout_ms (-1: for ever). 0, -ETIMEDOUT, or -ECANCELED after fg_mailbox_close.
int fg_mailbox_wait_empty(struct fg_mailbox *box, int timeout_ms);

// Inference thread. The reference passes to the caller. Waits at most timeout_ms (-1: for ever).
// 0, -ETIMEDOUT, or -ECANCELED when closed and empty.
int fg_mailbox_take(struct fg_mailbox *box, int timeout_ms, struct fg_frame **ret);

// No more frames will come: wakes both sides. Any thread.
void fg_mailbox_close(struct fg_mailbox *box);

uint64_t fg_mailbox_displaced(const struct fg_mailbox *box);

#ifdef __cplusplus
}
#endif
#endif
