// SPDX-License-Identifier: Apache-2.0
#include "bench/simulate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_MOST 64 // directions that people have in common
#define KIN_OF      10 // one person in so many has the other mean

enum stream { BASIS, MEANS, PEOPLE, STRANGERS, LOOKS };

struct fg_simulation {
    uint32_t dimension, shared;
    uint64_t seed;
    float shared_scale, own_scale;
    float *mean, *kin_mean; // [dimension]
    float *basis;           // [shared][dimension], orthonormal
};

// Squared lengths of the means, and the deviation of strangers' scores.
struct shape {
    double mean, kin, deviation; // kin: of what is added to the mean of some
};

static const struct {
    double dimension;
    struct shape shape;
} shapes[] = {{64, {.008, .32, .1435}}, {192, {.03, 0, .103}}, {512, {.03, 0, .0715}}};

// ---- chance -------------------------------------------------------------------------------------

// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t next(uint64_t *state)
{
    return mix(*state += 0x9e3779b97f4a7c15u);
}

static uint64_t start_of(const struct fg_simulation *s, enum stream stream, uint64_t number)
{
    return mix(mix(s->seed + (uint64_t)stream) + number);
}

// Box and Muller: two of them from 64 bits, at most 5.9 deviations out.
static void normal_pair(uint64_t *state, float *ret)
{
    const uint64_t bits = next(state);
    const float turn = (float)(bits & 0xffffff) * 0x1p-24f * 6.2831853f;
    const float radius = sqrtf(-2 * logf(((float)(bits >> 40) + .5f) * 0x1p-24f));
    ret[0] = radius * cosf(turn);
    ret[1] = radius * sinf(turn);
}

// `ret` has room for an even number.
static void normals(uint64_t *state, uint32_t count, float *ret)
{
    for (uint32_t i = 0; i < count; i += 2)
        normal_pair(state, ret + i);
}

// ---- vectors ------------------------------------------------------------------------------------

static double dot(const float *a, const float *b, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void scale_to(float *vector, uint32_t dimension, double length)
{
    const float scale = (float)(length / sqrt(dot(vector, vector, dimension)));
    for (uint32_t i = 0; i < dimension; i++)
        vector[i] *= scale;
}

static void add_scaled(float *to, const float *from, double scale, uint32_t dimension)
{
    const float factor = (float)scale;
    for (uint32_t i = 0; i < dimension; i++)
        to[i] += factor * from[i];
}

static void draw(const struct fg_simulation *s, uint64_t *state, float *ret)
{
    float own[FG_SIMULATION_MOST + 1], common[SHARED_MOST];
    const float *mean = next(state) % KIN_OF == 0 ? s->kin_mean : s->mean;
    normals(state, s->dimension, own);
    normals(state, s->shared, common);
    for (uint32_t i = 0; i < s->dimension; i++)
        ret[i] = mean[i] + s->own_scale * own[i];
    for (uint32_t k = 0; k < s->shared; k++)
        add_scaled(ret, s->basis + (size_t)k * s->dimension, (double)(s->shared_scale * common[k]),
                   s->dimension);
    scale_to(ret, s->dimension, 1);
}

void fg_simulation_person(const struct fg_simulation *simulation, uint64_t number, float *ret)
{
    uint64_t state = start_of(simulation, PEOPLE, number);
    draw(simulation, &state, ret);
}

void fg_simulation_stranger(const struct fg_simulation *simulation, uint64_t number, float *ret)
{
    uint64_t state = start_of(simulation, STRANGERS, number);
    draw(simulation, &state, ret);
}

static double cosine_of_look(const struct fg_simulation *s, uint64_t *state)
{
    float z[2];
    normal_pair(state, z);
    if (s->dimension > 64)
        return fmin(fmax(.6 + .1 * (double)z[0], .3), .95);
    // 1 - c is log-normal, a little shifted, with the mean and the deviation of LFW's
    const double shift = .03, mean = 1 - .742 + shift;
    const double variance = log(1 + .111 * .111 / (mean * mean));
    const double off = mean * exp(sqrt(variance) * (double)z[0] - variance / 2) - shift;
    return fmin(fmax(1 - off, -.5), .999);
}

float fg_simulation_look(const struct fg_simulation *simulation, uint64_t number,
                         const float *person, float *ret)
{
    const uint32_t d = simulation->dimension;
    uint64_t state = start_of(simulation, LOOKS, number);
    const double cosine = cosine_of_look(simulation, &state);
    draw(simulation, &state, ret);
    add_scaled(ret, person, -dot(ret, person, d) / dot(person, person, d), d);
    scale_to(ret, d, sqrt(1 - cosine * cosine));
    add_scaled(ret, person, cosine, d);
    return (float)cosine;
}

void fg_simulation_template(const struct fg_simulation *simulation, uint64_t number,
                            struct fg_template *ret)
{
    float vector[FG_SIMULATION_MOST];
    fg_simulation_person(simulation, number, vector);
    // a unit vector of a dimension that was checked: there is nothing to refuse
    if (fg_template_from_vector(vector, simulation->dimension, ret) < 0)
        abort();
}

// ---- making one ---------------------------------------------------------------------------------

// On the line through two rows of the table.
static struct shape shape_of(double dimension)
{
    const size_t k = dimension > shapes[1].dimension;
    const struct shape *a = &shapes[k].shape, *b = &shapes[k + 1].shape;
    const double at =
        log(dimension / shapes[k].dimension) / log(shapes[k + 1].dimension / shapes[k].dimension);
    const double inside = fmin(fmax(at, 0), 1);
    return (struct shape){a->mean + inside * (b->mean - a->mean),
                          a->kin + inside * (b->kin - a->kin),
                          a->deviation * pow(b->deviation / a->deviation, at)};
}

// With eigenvalues f/r + (1-f)/D and (1-f)/D the variance of a score is their sum of squares,
// 1/D + f^2 (1/r - 1/D), before the vectors, of mean square 1 + mean, are normalised.
static void choose_shares(struct fg_simulation *s, const struct shape *shape)
{
    const double own = 1.0 / s->dimension, shared = 1.0 / s->shared, grown = 1 + shape->mean;
    const double wanted =
        shape->deviation * shape->deviation * grown * grown - 2 * shape->mean * own;
    const double f = sqrt(fmin(fmax((wanted - own) / (shared - own), 0), 1));
    s->shared_scale = (float)sqrt(f * shared);
    s->own_scale = (float)sqrt((1 - f) * own);
}

// Gram and Schmidt, twice for the rounding.
static void make_basis(struct fg_simulation *s)
{
    const uint32_t d = s->dimension;
    uint64_t state = start_of(s, BASIS, 0);
    float vector[FG_SIMULATION_MOST + 1];
    for (uint32_t k = 0; k < s->shared; k++) {
        normals(&state, d, vector);
        for (unsigned twice = 0; twice < 2; twice++)
            for (uint32_t j = 0; j < k; j++) {
                const float *other = s->basis + (size_t)j * d;
                add_scaled(vector, other, -dot(vector, other, d), d);
            }
        scale_to(vector, d, 1);
        memcpy(s->basis + (size_t)k * d, vector, d * sizeof *vector);
    }
}

static void make_means(struct fg_simulation *s, const struct shape *shape)
{
    uint64_t state = start_of(s, MEANS, 0);
    normals(&state, s->dimension, s->mean);
    scale_to(s->mean, s->dimension, sqrt(shape->mean));
    normals(&state, s->dimension, s->kin_mean);
    scale_to(s->kin_mean, s->dimension, sqrt(shape->kin));
    add_scaled(s->kin_mean, s->mean, 1, s->dimension);
}

int fg_simulation_create(uint32_t dimension, uint64_t seed, struct fg_simulation **ret)
{
    if (dimension < FG_SIMULATION_LEAST || dimension > FG_SIMULATION_MOST)
        return -EINVAL;
    struct fg_simulation *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->dimension = dimension;
    s->shared = dimension / 2 < SHARED_MOST ? dimension / 2 : SHARED_MOST;
    s->seed = seed;
    s->mean = malloc((dimension + 1) * sizeof *s->mean);
    s->kin_mean = malloc((dimension + 1) * sizeof *s->kin_mean);
    s->basis = malloc((size_t)s->shared * dimension * sizeof *s->basis);
    if (!s->mean || !s->kin_mean || !s->basis) {
        fg_simulation_destroy(s);
        return -ENOMEM;
    }
    const struct shape shape = shape_of(dimension);
    choose_shares(s, &shape);
    make_basis(s);
    make_means(s, &shape);
    *ret = s;
    return 0;
}

void fg_simulation_destroy(struct fg_simulation *simulation)
{
    if (!simulation)
        return;
    free(simulation->mean);
    free(simulation->kin_mean);
    free(simulation->basis);
    free(simulation);
}
