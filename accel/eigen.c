// SPDX-License-Identifier: Apache-2.0
#include "accel/eigen.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SWEEPS 60

static void rotate_rows(double *p, double *q, unsigned n, double c, double s)
{
    for (unsigned k = 0; k < n; k++) {
        double x = p[k], y = q[k];
        p[k] = c * x - s * y;
        q[k] = s * x + c * y;
    }
}

static void rotate(double *a, double *vectors, unsigned n, unsigned p, unsigned q)
{
    double *row_p = a + (size_t)p * n, *row_q = a + (size_t)q * n;
    double apq = row_p[q], app = row_p[p], aqq = row_q[q];
    double theta = (aqq - app) / (2 * apq);
    double t = (theta < 0 ? -1.0 : 1.0) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    rotate_rows(row_p, row_q, n, c, s);
    // the columns hold the same numbers but for the 2 x 2 block
    row_p[p] = app - t * apq;
    row_q[q] = aqq + t * apq;
    row_p[q] = row_q[p] = 0;
    for (unsigned k = 0; k < n; k++) {
        a[(size_t)k * n + p] = row_p[k];
        a[(size_t)k * n + q] = row_q[k];
    }
    rotate_rows(vectors + (size_t)p * n, vectors + (size_t)q * n, n, c, s);
}

static double sweep(double *a, double *vectors, unsigned n, double tiny)
{
    double largest = 0;
    for (unsigned p = 0; p + 1 < n; p++)
        for (unsigned q = p + 1; q < n; q++) {
            double off = fabs(a[(size_t)p * n + q]);
            largest = off > largest ? off : largest;
            if (off > tiny)
                rotate(a, vectors, n, p, q);
        }
    return largest;
}

struct pair {
    double value;
    unsigned row;
};

static int by_value(const void *x, const void *y)
{
    const struct pair *a = x, *b = y;
    if (a->value != b->value)
        return a->value < b->value ? 1 : -1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static void copy_signed(double *to, const double *from, unsigned n)
{
    unsigned largest = 0;
    for (unsigned k = 1; k < n; k++)
        if (fabs(from[k]) > fabs(from[largest]))
            largest = k;
    for (unsigned k = 0; k < n; k++)
        to[k] = from[largest] < 0 ? -from[k] : from[k];
}

int fg_eigen(double *a, unsigned n, double *values, double *vectors)
{
    double *work = calloc((size_t)n * n, sizeof *work), scale = 0;
    struct pair *order = malloc(n * sizeof *order);
    if (!work || !order) {
        free(work);
        free(order);
        return -ENOMEM;
    }
    for (unsigned k = 0; k < n; k++) {
        work[(size_t)k * n + k] = 1;
        scale = fmax(scale, fabs(a[(size_t)k * n + k]));
    }
    double tiny = scale * 1e-18;
    for (unsigned k = 0; k < MAX_SWEEPS && sweep(a, work, n, tiny) > tiny; k++)
        ;
    for (unsigned k = 0; k < n; k++)
        order[k] = (struct pair){a[(size_t)k * n + k], k};
    qsort(order, n, sizeof *order, by_value);
    for (unsigned k = 0; k < n; k++) {
        values[k] = order[k].value;
        copy_signed(vectors + (size_t)k * n, work + (size_t)order[k].row * n, n);
    }
    free(order);
    free(work);
    return 0;
}
