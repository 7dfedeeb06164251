// SPDX-License-Identifier: Apache-2.0
// Whether a secret is still somewhere in this process's memory: any 16 bytes of it in a row, at any
// place. The secret itself is kept here masked, so that the search does not find its own.
#ifndef FG_MEMORY_SCAN_H
#define FG_MEMORY_SCAN_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Sanitizers reserve terabytes for what they know of each byte, and keep no byte itself there.
#define SCAN_LARGEST (UINT64_C(1) << 30)
enum { SCAN_RUN = 16, SCAN_MASK = 0xa5, SCAN_BITS = 20 };

struct scan {
    uint8_t *masked;
    size_t length;
    uint32_t *first, *next; // runs by the same hash; 0: none, else 1 + position
    char found[200];        // where the last search found something
};

static inline uint32_t scan_hash(const uint8_t *run, uint8_t mask)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | (uint8_t)(run[i] ^ mask);
    return (uint32_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SCAN_BITS));
}

// Runs of a few values stand in any program: they say nothing.
static inline bool scan_is_plain(const uint8_t *run)
{
    bool seen[256] = {false};
    int values = 0;
    for (int i = 0; i < SCAN_RUN; i++) {
        values += !seen[run[i]];
        seen[run[i]] = true;
    }
    return values < 8;
}

// The secret is the caller's to wipe.
static inline struct scan scan_create(const uint8_t *secret, size_t length)
{
    struct scan s = {.length = length};
    s.masked = malloc(length);
    s.first = calloc(1u << SCAN_BITS, sizeof *s.first);
    s.next = calloc(length, sizeof *s.next);
    if (!s.masked || !s.first || !s.next || length < SCAN_RUN)
        abort();
    for (size_t i = 0; i < length; i++)
        s.masked[i] = secret[i] ^ SCAN_MASK;
    for (size_t i = 0; i + SCAN_RUN <= length; i++) {
        if (scan_is_plain(s.masked + i))
            continue;
        uint32_t *list = &s.first[scan_hash(s.masked + i, SCAN_MASK)];
        s.next[i] = *list;
        *list = (uint32_t)i + 1;
    }
    return s;
}

static inline void scan_destroy(struct scan *s)
{
    free(s->masked);
    free(s->first);
    free(s->next);
}

static inline bool scan_has_run(const struct scan *s, const uint8_t *at)
{
    for (uint32_t i = s->first[scan_hash(at, 0)]; i; i = s->next[i - 1]) {
        int k = 0;
        while (k < SCAN_RUN && (at[k] ^ SCAN_MASK) == s->masked[i - 1 + (uint32_t)k])
            k++;
        if (k == SCAN_RUN)
            return true;
    }
    return false;
}

static inline bool scan_range(struct scan *s, int memory, uint64_t from, uint64_t to,
                              const char *line)
{
    static uint8_t chunk[1 << 16];
    for (uint64_t at = from; at < to; at += sizeof chunk - SCAN_RUN) {
        const uint64_t left = to - at;
        const ssize_t n =
            pread(memory, chunk, left < sizeof chunk ? left : sizeof chunk, (off_t)at);
        for (ssize_t i = 0; i + SCAN_RUN <= n; i++) {
            if (!scan_has_run(s, chunk + i))
                continue;
            snprintf(s->found, sizeof s->found, "%llx in %.150s", (unsigned long long)at + i, line);
            memset(chunk, 0, sizeof chunk); // the next search would find it here
            return true;
        }
    }
    memset(chunk, 0, sizeof chunk);
    return false;
}

// Searches what this process may write to.
static inline bool scan_finds(struct scan *s)
{
    static char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (!maps || memory < 0)
        abort();
    s->found[0] = 0;
    while (!found && fgets(line, sizeof line, maps)) {
        unsigned long long from, to;
        char rights[5];
        if (sscanf(line, "%llx-%llx %4s", &from, &to, rights) != 3 || rights[0] != 'r' ||
            rights[1] != 'w' || to - from > SCAN_LARGEST)
            continue;
        found = scan_range(s, memory, from, to, line);
    }
    close(memory);
    fclose(maps);
    return found;
}

#endif
