// SPDX-License-Identifier: Apache-2.0
// systemd's readiness protocol (sd_notify(3)) without libsystemd: one datagram to $NOTIFY_SOCKET.
#ifndef FG_NOTIFY_H
#define FG_NOTIFY_H

#ifdef __cplusplus
extern "C" {
#endif

// Sends STATE ("READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=..."). 1 when sent, 0 when not
// under systemd, negative errno on failure. Any thread. WATCHDOG and STATUS, which are said again,
// do not wait for a systemd that is busy: -EAGAIN.
int fg_notify(const char *state);

// Half of $WATCHDOG_USEC in nanoseconds, or 0 when there is no watchdog for this process.
unsigned long long fg_notify_watchdog_ns(void);

#ifdef __cplusplus
}
#endif
#endif
