// SPDX-License-Identifier: Apache-2.0
#include "demo/optics.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

uint64_t fg_random_next(struct fg_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double fg_random_unit(struct fg_random *random)
{
    return (double)(fg_random_next(random) >> 11) * 0x1p-53;
}

int fg_optics_init(struct fg_optics *optics, uint32_t width, uint32_t height, uint64_t seed)
{
    struct fg_random random = {seed};
    optics->scratch = (struct fg_picture){0};
    for (size_t i = 0; i < FG_NOISE_TABLE; i++) {
        // Eight bytes added: mean 1020, sigma 209.
        uint64_t word = fg_random_next(&random);
        int sum = -1020;
        for (int k = 0; k < 8; k++)
            sum += (int)(word >> 8 * k & 255);
        sum = sum * 32 / 209;
        optics->noise[i] = (int8_t)(sum < -127 ? -127 : sum > 127 ? 127 : sum);
    }
    return fg_picture_init(&optics->scratch, width, height);
}

void fg_optics_finish(struct fg_optics *optics)
{
    fg_picture_finish(&optics->scratch);
}

static uint32_t clamp_to(int64_t v, uint32_t size)
{
    return v < 0 ? 0 : v >= size ? size - 1 : (uint32_t)v;
}

// Adds `in`, shifted right by `shift` pixels, to the sums of one row.
static void add_shifted(const uint8_t *in, int shift, uint32_t width, uint16_t *sums)
{
    for (uint32_t x = 0; x < width; x++) {
        const uint8_t *p = in + 3 * (size_t)clamp_to((int64_t)x - shift, width);
        for (int c = 0; c < 3; c++)
            sums[3 * (size_t)x + c] = (uint16_t)(sums[3 * (size_t)x + c] + p[c]);
    }
}

void fg_optics_motion(struct fg_optics *optics, struct fg_picture *picture, double dx, double dy)
{
    const double length = sqrt(dx * dx + dy * dy);
    const int taps = length < 1 ? 1 : length > 15 ? 16 : (int)length + 1;
    if (taps == 1 || picture->width > 4096)
        return;
    const uint32_t w = picture->width, h = picture->height;
    const size_t stride = (size_t)w * 3;
    memcpy(optics->scratch.rgb, picture->rgb, stride * h);
    const unsigned inverse = 65536u / (unsigned)taps;
    for (uint32_t y = 0; y < h; y++) {
        uint16_t sums[3 * 4096];
        memset(sums, 0, stride * sizeof *sums);
        for (int k = 0; k < taps; k++) {
            double part = (double)k / (taps - 1) - .5;
            uint32_t row = clamp_to((int64_t)y - lrint(dy * part), h);
            add_shifted(optics->scratch.rgb + row * stride, (int)lrint(dx * part), w, sums);
        }
        for (size_t i = 0; i < stride; i++)
            picture->rgb[y * stride + i] = (uint8_t)((sums[i] * inverse + 32768) >> 16);
    }
}

static unsigned weighted(unsigned before, unsigned at, unsigned after, unsigned side)
{
    return (before * side + at * (256 - 2 * side) + after * side + 128) >> 8;
}

void fg_optics_defocus(struct fg_optics *optics, struct fg_picture *picture, double amount)
{
    const unsigned side = (unsigned)lrint(64 * (amount < 0 ? 0 : amount > 1 ? 1 : amount));
    if (side == 0)
        return;
    const uint32_t w = picture->width, h = picture->height;
    const size_t stride = (size_t)w * 3;
    for (uint32_t y = 0; y < h; y++) {
        const uint8_t *in = picture->rgb + y * stride;
        uint8_t *out = optics->scratch.rgb + y * stride;
        memcpy(out, in, stride);
        for (size_t i = 3; i + 3 < stride; i++)
            out[i] = (uint8_t)weighted(in[i - 3], in[i], in[i + 3], side);
    }
    for (uint32_t y = 0; y < h; y++) {
        const uint8_t *at = optics->scratch.rgb + y * stride;
        const uint8_t *up = y > 0 ? at - stride : at, *down = y + 1 < h ? at + stride : at;
        for (size_t i = 0; i < stride; i++)
            picture->rgb[y * stride + i] = (uint8_t)weighted(up[i], at[i], down[i], side);
    }
}

void fg_optics_expose(const struct fg_optics *optics, struct fg_picture *picture, double gain,
                      double gamma, double sigma, struct fg_random *random)
{
    int light[256];
    for (int i = 0; i < 256; i++)
        light[i] = (int)lrint(255 * gain * pow(i / 255.0, gamma));
    const int level = (int)lrint(sigma * 8); // the table's sigma of 32 times level / 256
    for (uint32_t y = 0; y < picture->height; y++) {
        size_t at = fg_random_next(random) % FG_NOISE_TABLE;
        uint8_t *p = picture->rgb + (size_t)y * picture->width * 3;
        for (uint32_t x = 0; x < picture->width; x++, p += 3, at = (at + 1) % FG_NOISE_TABLE) {
            int noise = (optics->noise[at] * level) / 256;
            for (int c = 0; c < 3; c++) {
                int v = light[p[c]] + noise;
                p[c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
    }
}
