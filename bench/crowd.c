// SPDX-License-Identifier: Apache-2.0
#include "bench/crowd.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP 4096

void fg_crowd_id(uint32_t i, char ret[FG_SUBJECT_ID])
{
    snprintf(ret, FG_SUBJECT_ID, "badge-%08" PRIx32, i * 2654435761u); // Knuth's, one to one
}

static uint64_t next(uint64_t *state) // splitmix64 (Steele, Lea and Flood, 2014)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void fg_crowd_vector(uint32_t i, uint32_t dimension, float *ret)
{
    uint64_t state = i;
    double squares = 0;
    for (uint32_t k = 0; k < dimension; k++) {
        ret[k] = (float)((double)(next(&state) >> 11) * 0x1p-52 - 1.0);
        squares += (double)ret[k] * (double)ret[k];
    }
    for (uint32_t k = 0; k < dimension; k++)
        ret[k] = (float)((double)ret[k] / sqrt(squares));
}

static int make(uint32_t i, uint64_t model, uint32_t dimension, struct fg_subject *ret)
{
    float vector[FG_TEMPLATE_MAX];
    memset(ret, 0, sizeof *ret);
    fg_crowd_id(i, ret->id);
    fg_crowd_vector(i, dimension, vector);
    ret->model = model;
    ret->enrolled_s = 1700000000;
    return fg_subject_set_vectors(ret, vector, 1, dimension);
}

int fg_crowd_fill(struct fg_gallery *gallery, uint64_t model, uint32_t dimension, uint32_t first,
                  uint32_t end, struct fg_error *err)
{
    struct fg_subject *group = malloc(GROUP * sizeof *group);
    int r = group ? 0 : fg_fail(err, -ENOMEM, "out of memory");
    for (uint32_t at = first; at < end && r == 0; at += GROUP) {
        uint32_t n = end - at < GROUP ? end - at : GROUP;
        for (uint32_t i = 0; i < n && r == 0; i++)
            r = make(at + i, model, dimension, &group[i]);
        if (r == 0)
            r = fg_gallery_put_many(gallery, group, n, false, NULL, err);
    }
    free(group);
    return r;
}
