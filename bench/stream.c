// SPDX-License-Identifier: Apache-2.0
#include "bench/stream.h"

#include "bench/crew.h"
#include "bench/flat.h"
#include "common/clock.h"

#define TRIALS       9
#define MOST_THREADS 2

// GCC's vector extension: each instruction set gets the same loop in its own registers.
typedef uint64_t lanes __attribute__((vector_size(64)));

static inline __attribute__((always_inline)) uint64_t add_lines(const uint8_t *memory, size_t bytes)
{
    lanes sums[4] = {{0}, {0}, {0}, {0}};
    for (size_t at = 0; at + 256 <= bytes; at += 256)
        for (size_t k = 0; k < 4; k++) {
            __builtin_prefetch(memory + at + 64 * k + FG_FLAT_AHEAD, 0, 2);
            sums[k] += *(const lanes *)(const void *)(memory + at + 64 * k);
        }
    sums[0] += sums[1] + sums[2] + sums[3];
    uint64_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += sums[0][k];
    return sum;
}

static uint64_t read_c(const uint8_t *memory, size_t bytes)
{
    return add_lines(memory, bytes);
}

#if defined __x86_64__
__attribute__((target("avx512f"))) static uint64_t read_avx512(const uint8_t *memory, size_t bytes)
{
    return add_lines(memory, bytes);
}

__attribute__((target("avx2"))) static uint64_t read_avx2(const uint8_t *memory, size_t bytes)
{
    return add_lines(memory, bytes);
}
#endif

struct reader {
    const char *name;
    uint64_t (*read)(const uint8_t *memory, size_t bytes);
};

static struct reader widest(void)
{
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return (struct reader){"AVX-512", read_avx512};
    if (__builtin_cpu_supports("avx2"))
        return (struct reader){"AVX2", read_avx2};
#endif
    return (struct reader){"C", read_c};
}

uint64_t fg_stream_read(const void *memory, size_t bytes)
{
    return widest().read(memory, bytes);
}

struct share {
    const uint8_t *memory;
    size_t bytes; // of a thread
    double rates[MOST_THREADS];
    uint64_t sums[MOST_THREADS];
};

// Again and again: what a cache can hold is in it after the first time.
static void read_share(void *context, unsigned worker)
{
    struct share *share = context;
    const uint8_t *memory = share->memory + worker * share->bytes;
    for (unsigned k = 0; k < TRIALS; k++) {
        const uint64_t start = fg_monotonic_ns();
        share->sums[worker] += fg_stream_read(memory, share->bytes);
        const double rate = (double)share->bytes / (double)(fg_monotonic_ns() - start);
        share->rates[worker] = rate > share->rates[worker] ? rate : share->rates[worker];
    }
}

double fg_stream_rate(const void *memory, size_t bytes, unsigned threads)
{
    struct share share = {.memory = memory, .bytes = bytes / threads / 4096 * 4096};
    double rate = 0;
    if (threads > MOST_THREADS || fg_crew_run(threads, read_share, &share) < 0)
        return 0;
    for (unsigned k = 0; k < threads; k++)
        rate += share.rates[k];
    return rate;
}

const char *fg_stream_kernels(void)
{
    return widest().name;
}
