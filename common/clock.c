// SPDX-License-Identifier: Apache-2.0
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t fg_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t fg_realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

static struct timespec timespec_of(uint64_t t_ns)
{
    return (struct timespec){.tv_sec = (time_t)(t_ns / 1000000000u),
                             .tv_nsec = (long)(t_ns % 1000000000u)};
}

struct timespec fg_deadline(int timeout_ms)
{
    return timespec_of(fg_monotonic_ns() + (uint64_t)timeout_ms * 1000000u);
}

void fg_sleep_until_ns(uint64_t t_ns)
{
    struct timespec t = timespec_of(t_ns);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

uint64_t fg_boot_number(void)
{
    char text[40];
    uint64_t hash = 1469598103934665603u; // FNV-1a, 64 bits
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file)
        return 0;
    char *line = fgets(text, sizeof text, file);
    fclose(file);
    if (!line)
        return 0;
    for (; *line; line++)
        hash = (hash ^ (unsigned char)*line) * 1099511628211u;
    return hash ? hash : 1;
}

uint64_t fg_random_u64(void)
{
    uint64_t value;
    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        abort();
    return value;
}
