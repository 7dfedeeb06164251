// SPDX-License-Identifier: Apache-2.0
// One request to stop, seen by whoever works or waits in any thread.
#ifndef FG_STOP_H
#define FG_STOP_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_stop;

// 0 or negative errno (no descriptor, no memory).
int fg_stop_create(struct fg_stop **ret);
void fg_stop_destroy(struct fg_stop *stop); // accepts NULL

// Any thread, async-signal-safe. It stays set.
void fg_stop_set(struct fg_stop *stop);
bool fg_stop_is_set(const struct fg_stop *stop); // false for NULL
// Readable once set; for poll(2). -1 for NULL, which poll skips.
int fg_stop_fd(const struct fg_stop *stop);

// Sleeps at most ms. True when it was set.
bool fg_stop_sleep(const struct fg_stop *stop, int ms);

#ifdef __cplusplus
}
#endif
#endif
