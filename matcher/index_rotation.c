// SPDX-License-Identifier: Apache-2.0
#include "matcher/index_rotation.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
static void to_normal(const uint64_t *bits, double *ret, size_t count)
{
    for (size_t i = 0; i < count; i += 2) {
        double u = ((double)(bits[i] >> 11) + 0.5) * 0x1p-53;
        double v = ((double)(bits[i + 1] >> 11) + 0.5) * 0x1p-53;
        double length = sqrt(-2 * log(u)), angle = 2 * M_PI * v;
        ret[i] = length * cos(angle);
        ret[i + 1] = length * sin(angle);
    }
}

static void wipe_and_free(void *memory, size_t bytes)
{
    if (memory)
        explicit_bzero(memory, bytes);
    free(memory);
}

// ---- reflections -------------------------------------------------------------------------------

// The reflection that takes the direction of `v` to that of the first axis, in place of `v`: its
// normal. Returns the sign that the first axis comes back with.
static double to_normal_of_reflection(double *v, unsigned n)
{
    double squares = 0;
    for (unsigned i = 0; i < n; i++)
        squares += v[i] * v[i];
    double length = sqrt(squares), sign = v[0] >= 0 ? 1 : -1;
    v[0] += sign * length;                        // away from cancelling
    double scale = 1 / sqrt(length * fabs(v[0])); // the new square is twice that product
    for (unsigned i = 0; i < n; i++)
        v[i] *= scale; // so that x - v <v, x> is the reflection
    return -sign;
}

// The block's columns, reflected: block - v (v block). `work` holds n numbers.
static void reflect(double *block, size_t stride, const double *v, unsigned n, double *work)
{
    memset(work, 0, n * sizeof *work);
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < n; k++)
            work[k] += v[i] * block[i * stride + k];
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < n; k++)
            block[i * stride + k] -= v[i] * work[k];
}

// From a random rotation of the last k - 1 axes to one of the last k: the new axis goes to a random
// direction. `normal` is used up, n numbers for each step.
static void compose(double *matrix, unsigned n, double *normal, double *work)
{
    memset(matrix, 0, (size_t)n * n * sizeof *matrix);
    for (unsigned k = 1; k <= n; k++, normal += n) {
        double *block = matrix + (size_t)(n - k) * n + (n - k);
        block[0] = to_normal_of_reflection(normal, k);
        reflect(block, n, normal, k, work);
    }
}

int fg_rotation_draw(float *matrix, unsigned dimension, uint64_t seed)
{
    size_t count = (size_t)dimension * dimension, bytes = count * sizeof(double);
    uint64_t *bits = malloc(bytes);
    double *normal = malloc(bytes), *rotation = malloc(bytes + dimension * sizeof(double));
    int r = bits && normal && rotation ? random_bits(bits, count, seed) : -ENOMEM;
    if (r == 0) {
        to_normal(bits, normal, count);
        compose(rotation, dimension, normal, rotation + count);
        for (size_t i = 0; i < count; i++)
            matrix[i] = (float)rotation[i];
    }
    wipe_and_free(bits, bytes);
    wipe_and_free(normal, bytes);
    wipe_and_free(rotation, bytes);
    return r;
}
