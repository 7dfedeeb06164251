// SPDX-License-Identifier: Apache-2.0
// Whether a driver's buffers are uncached: drivers do not say, so it is measured. Loads from
// uncached memory go one by one to the memory chips, tens of times slower than from a cache.
#include "pipeline/slow_memory.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define SAMPLE    (256u << 10) // bytes: it stays in the nearer caches, if it may be cached at all
#define ROUNDS    5            // the best counts: whatever else the machine does only adds
#define SLOWER    4u
#define SLOW_NS   200000u // for SAMPLE; under it nobody would notice
#define WORD_SIZE sizeof(uint64_t)

static uint64_t read_ns(const uint8_t *bytes, size_t length)
{
    uint64_t sum = 0;
    const uint64_t start = fg_monotonic_ns();
    for (size_t i = 0; i + WORD_SIZE <= length; i += WORD_SIZE) {
        uint64_t word;
        memcpy(&word, bytes + i, WORD_SIZE);
        sum += word;
    }
    // The sum is needed, so that the loads are.
    __asm__ volatile("" : : "r"(sum) : "memory");
    return fg_monotonic_ns() - start;
}

bool fg_memory_is_slow(const uint8_t *bytes, size_t length)
{
    uint64_t mapped = UINT64_MAX, cached = UINT64_MAX;
    const size_t sample = length < SAMPLE ? length : SAMPLE;
    uint8_t *copy = malloc(sample);
    if (!copy)
        return false;
    memcpy(copy, bytes, sample);
    for (int i = 0; i < ROUNDS; i++) {
        const uint64_t one = read_ns(bytes, sample), other = read_ns(copy, sample);
        mapped = one < mapped ? one : mapped;
        cached = other < cached ? other : cached;
    }
    explicit_bzero(copy, sample);
    free(copy);
    const uint64_t slow = (uint64_t)SLOW_NS * sample / SAMPLE;
    return mapped > slow && mapped > SLOWER * cached;
}
