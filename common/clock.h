// SPDX-License-Identifier: Apache-2.0
// The two clocks: CLOCK_MONOTONIC for durations (and what cameras stamp), CLOCK_REALTIME for
// validity windows and records.
#ifndef FG_CLOCK_H
#define FG_CLOCK_H

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

uint64_t fg_monotonic_ns(void); // CLOCK_MONOTONIC, nanoseconds
uint64_t fg_realtime_ns(void);  // CLOCK_REALTIME, nanoseconds since 1970

// Sleeps until CLOCK_MONOTONIC reaches t_ns; returns at once when it is past, or early on a signal.
void fg_sleep_until_ns(uint64_t t_ns);

// CLOCK_MONOTONIC timeout_ms from now, for waits that take an absolute time. timeout_ms >= 0.
struct timespec fg_deadline(int timeout_ms);

// A number for this boot of this machine (from /proc/sys/kernel/random/boot_id; 0 when that can't
// be read). Two processes with the same non-zero number can compare their monotonic times.
uint64_t fg_boot_number(void);

// Fills 8 random bytes (getrandom). Aborts only if the kernel has none to give.
uint64_t fg_random_u64(void);

#ifdef __cplusplus
}
#endif
#endif
