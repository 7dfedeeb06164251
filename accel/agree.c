// SPDX-License-Identifier: Apache-2.0
#include "accel/agree.h"

#include <errno.h>
#include <math.h>
#include <string.h>

// The same values at every start: a driver that errs on some shall err each time.
static void fill(const struct fg_accel *accel)
{
    uint32_t state = 1;
    for (unsigned k = 0; k < fg_accel_input_count(accel); k++) {
        const struct fg_accel_tensor *in = fg_accel_input(accel, k);
        float *values = in->data;
        for (size_t i = 0; i < in->bytes / sizeof *values; i++) {
            state = state * 1664525u + 1013904223u; // Numerical Recipes' generator
            values[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
        }
    }
}

static void clear(const struct fg_accel *accel)
{
    for (unsigned k = 0; k < fg_accel_input_count(accel); k++)
        memset(fg_accel_input(accel, k)->data, 0, fg_accel_input(accel, k)->bytes);
}

static double difference(const struct fg_accel_tensor *a, const struct fg_accel_tensor *b)
{
    const float *x = a->data, *y = b->data;
    size_t n = a->bytes / sizeof *x;
    double apart = 0, length = 1e-6 * (double)n; // of values that are all but 0
    for (size_t i = 0; i < n; i++) {
        apart += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        length += (double)y[i] * y[i];
    }
    return sqrt(apart / length);
}

static int compare(const struct fg_accel *accel, const struct fg_accel *second, double most,
                   double *ret, struct fg_error *err)
{
    *ret = 0;
    for (unsigned k = 0; k < fg_accel_output_count(accel); k++) {
        const struct fg_accel_tensor *out = fg_accel_output(accel, k);
        double d = difference(out, fg_accel_output(second, k));
        if (!(d <= most)) // or is no number
            return fg_fail(err, -EIO,
                           "%.80s computes this model wrong: outputs[%u] '%.60s' differs from "
                           "xnnpack's by %.3g of its length, %.3g may be; use another backend, or "
                           "engine = xnnpack",
                           fg_accel_engine(accel), k, out->name, d, most);
        *ret = fmax(*ret, d);
    }
    return 0;
}

int fg_agree(struct fg_accel *accel, const struct fg_graph *graph, double most,
             double *ret_difference, struct fg_error *err)
{
    const struct fg_accel_options options = {.engine = "xnnpack"};
    struct fg_accel *second = NULL;
    fill(accel);
    int r = fg_accel_run(accel);
    if (r < 0) {
        clear(accel);
        return fg_fail(err, r, "%.80s opened the model and failed to run it",
                       fg_accel_engine(accel));
    }
    r = fg_accel_open(graph, &options, &second, err);
    if (r == 0) {
        fill(second);
        r = fg_accel_run(second);
    }
    if (r == 0)
        r = compare(accel, second, most, ret_difference, err);
    else if (r != -ENOTSUP)
        fg_fail_prefix(err, r, "the comparison with xnnpack");
    fg_accel_close(second);
    clear(accel);
    return r;
}
