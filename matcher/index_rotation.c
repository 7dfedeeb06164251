// SPDX-License-Identifier: Apache-2.0
#include "matcher/index_rotation.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

typedef double lanes __attribute__((vector_size(64), may_alias));
#define LANES 8

// ---- random numbers ----------------------------------------------------------------------------

static int system_random(uint8_t *ret, size_t length)
{
    while (length > 0) {
        ssize_t n = getrandom(ret, length, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EIO;
        ret += n;
        length -= (size_t)n;
    }
    return 0;
}

static uint64_t splitmix(uint64_t *state) // Steele, Lea and Flood, 2014
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int random_bits(uint64_t *ret, size_t count, uint64_t seed)
{
    if (seed == 0)
        return system_random((uint8_t *)ret, count * sizeof *ret);
    for (size_t i = 0; i < count; i++)
        ret[i] = splitmix(&seed);
    return 0;
}

// Normal numbers in place of random bits, pair by pair (Box and Muller, 1958).
static void to_normal(uint64_t *bits, double *ret, size_t count)
{
    for (size_t i = 0; i < count; i += 2) {
        double u = ((double)(bits[i] >> 11) + 0.5) * 0x1p-53;
        double v = ((double)(bits[i + 1] >> 11) + 0.5) * 0x1p-53;
        double length = sqrt(-2 * log(u)), angle = 2 * M_PI * v;
        ret[i] = length * cos(angle);
        ret[i + 1] = length * sin(angle);
    }
}

// ---- orthogonal rows ---------------------------------------------------------------------------

static double dot(const double *a, const double *b, unsigned n)
{
    const lanes *x = (const lanes *)(const void *)a, *y = (const lanes *)(const void *)b;
    lanes sum = {0};
    for (unsigned i = 0; i < n / LANES; i++)
        sum += x[i] * y[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static void subtract(double *a, const double *b, double times, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        a[i] -= times * b[i];
}

static void scale_to_one(double *a, unsigned n)
{
    double length = sqrt(dot(a, a, n));
    for (unsigned i = 0; i < n; i++)
        a[i] /= length;
}

// Twice: once leaves what the first pass's rounding was (Giraud and Langou, 2005).
static void make_orthogonal(double *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        double *row = rows + (size_t)i * n;
        for (unsigned k = 0; k < 2 * i; k++) {
            const double *other = rows + (size_t)(k % i) * n;
            subtract(row, other, dot(row, other, n), n);
        }
        scale_to_one(row, n);
    }
}

int fg_rotation_draw(float *matrix, unsigned dimension, uint64_t seed)
{
    size_t count = (size_t)dimension * dimension, bytes = count * sizeof(double);
    uint64_t *bits = malloc(bytes);
    double *rows = aligned_alloc(sizeof(lanes), bytes);
    int r = bits && rows ? random_bits(bits, count, seed) : -ENOMEM;
    if (r == 0) {
        to_normal(bits, rows, count);
        make_orthogonal(rows, dimension);
        for (size_t i = 0; i < count; i++)
            matrix[i] = (float)rows[i];
    }
    if (bits)
        explicit_bzero(bits, bytes);
    if (rows)
        explicit_bzero(rows, bytes);
    free(bits);
    free(rows);
    return r;
}
