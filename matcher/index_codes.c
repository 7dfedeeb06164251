// SPDX-License-Identifier: Apache-2.0
#include "matcher/index_codes.h"

#include <math.h>
#include <string.h>

// What float32 rotation and the templates' own scale may be wrong by, far from it: see
// docs/index.md.
#define SLACK 2e-4

#define BYTE_MOST 255

// ---- levels ------------------------------------------------------------------------------------

// Coordinates of a random unit vector are nearly normal with variance 1 / dimension. One and two
// bits: the quantiser with the least error for a normal variable (J. Max, Quantizing for minimum
// distortion, 1960, table I). Four: evenly spaced, table II.
#define TWO_BITS_INNER 0.4528
#define TWO_BITS_OUTER 1.510
#define TWO_BITS_EDGE  0.9816
#define FOUR_BITS_STEP 0.3352

static double level(unsigned bits, unsigned code)
{
    static const double two[] = {-TWO_BITS_OUTER, -TWO_BITS_INNER, TWO_BITS_INNER, TWO_BITS_OUTER};
    return bits == 1 ? (code ? 1.0 : -1.0) : bits == 2 ? two[code] : (code - 7.5) * FOUR_BITS_STEP;
}

static unsigned code_of(unsigned bits, double normal)
{
    if (bits == 1)
        return normal >= 0;
    if (bits == 2)
        return (normal >= -TWO_BITS_EDGE) + (normal >= 0) + (normal >= TWO_BITS_EDGE);
    double code = floor(normal / FOUR_BITS_STEP) + 8;
    return code < 0 ? 0 : code > 15 ? 15 : (unsigned)code;
}

// E[x L(x)] and E[L(x)^2] of a standard normal x, by the midpoint rule.
static void moments(unsigned bits, double *ret_agree, double *ret_square)
{
    double agree = 0, square = 0, all = 0, h = 1.0 / 256;
    for (double x = -6 + h / 2; x < 6; x += h) {
        double weight = exp(-x * x / 2), l = level(bits, code_of(bits, x));
        all += weight;
        agree += weight * x * l;
        square += weight * l * l;
    }
    *ret_agree = agree / all;
    *ret_square = square / all;
}

void fg_coding_init(struct fg_coding *coding, unsigned dimension, unsigned bits, double dismissal)
{
    double agree, square, root = sqrt(dimension);
    moments(bits, &agree, &square);
    *coding = (struct fg_coding){.dimension = dimension, .bits = bits, .reach = 1};
    coding->rows = (dimension * bits / 8 + 1) / 2 * 2;
    for (unsigned code = 0; code < 1u << bits; code++)
        coding->levels[code] = (float)(level(bits, code) / root);
    // Bytes for half to one and a half times the mean of a, and none to twice the mean of e.
    coding->agree_from = (float)(agree / 2);
    coding->agree_step = (float)(agree / BYTE_MOST);
    coding->stray_step = (float)(2 * sqrt(square - agree * agree) / BYTE_MOST);
    if (dismissal > 0 && dimension > 1)
        coding->reach = fmin(1, sqrt(-2 * log(dismissal) / (dimension - 1)));
}

// ---- templates ---------------------------------------------------------------------------------

void fg_code_clear(const struct fg_coding *coding, uint8_t *block, unsigned at)
{
    for (unsigned row = 0; row < coding->rows + 2; row++)
        block[(size_t)row * FG_BLOCK + at] = 0;
}

// The code bytes of a turned vector, and its <x, g> and <g, g>. `bits` is known to the compiler.
static inline void code_vector(const struct fg_coding *coding, unsigned bits, const float *turned,
                               uint8_t *code, double *ret_agree, double *ret_square)
{
    float root = sqrtf((float)coding->dimension);
    double agree = 0, square = 0;
    memset(code, 0, coding->rows);
    for (unsigned i = 0; i < coding->dimension; i++) {
        unsigned level_code = code_of(bits, (double)(turned[i] * root));
        double l = (double)coding->levels[level_code];
        agree += (double)turned[i] * l;
        square += l * l;
        code[i * bits / 8] |= (uint8_t)(level_code << i * bits % 8);
    }
    *ret_agree = agree;
    *ret_square = square;
}

bool fg_code_write(const struct fg_coding *coding, const float *turned, uint8_t *block, unsigned at)
{
    uint8_t code[FG_CODE_ROWS];
    double agree, square;
    if (coding->bits == 1)
        code_vector(coding, 1, turned, code, &agree, &square);
    else if (coding->bits == 2)
        code_vector(coding, 2, turned, code, &agree, &square);
    else
        code_vector(coding, 4, turned, code, &agree, &square);
    double stray = sqrt(fmax(0, square - agree * agree));
    // Rounded so that the threshold only ever falls.
    double agree_byte = floor((agree - (double)coding->agree_from) / (double)coding->agree_step);
    double stray_byte = ceil(stray / (double)coding->stray_step);
    if (!(agree_byte >= 0 && stray_byte <= BYTE_MOST)) {
        fg_code_clear(coding, block, at);
        return false;
    }
    for (unsigned row = 0; row < coding->rows; row++)
        block[(size_t)row * FG_BLOCK + at] = code[row];
    block[(size_t)coding->rows * FG_BLOCK + at] = (uint8_t)fmin(agree_byte, BYTE_MOST);
    block[(size_t)(coding->rows + 1) * FG_BLOCK + at] = (uint8_t)stray_byte;
    explicit_bzero(code, coding->rows);
    return true;
}

// ---- probes ------------------------------------------------------------------------------------

// The values that a nibble adds to <q, g>, by its 16 codes; returns the least.
static float nibble_values(const struct fg_coding *coding, const float *turned, unsigned nibble,
                           float values[16])
{
    unsigned each = 4 / coding->bits, first = nibble * each, mask = (1u << coding->bits) - 1;
    float least = 0;
    for (unsigned code = 0; code < 16; code++) {
        float sum = 0;
        for (unsigned k = 0; k < each && first + k < coding->dimension; k++)
            sum += coding->levels[code >> k * coding->bits & mask] * turned[first + k];
        values[code] = sum;
        least = code == 0 || sum < least ? sum : least;
    }
    return least;
}

static float largest(const float values[16])
{
    float most = values[0];
    for (unsigned code = 1; code < 16; code++)
        most = values[code] > most ? values[code] : most;
    return most;
}

// As fine as bytes allow: a row's two tables together stay within a byte, all within 16 bits.
static double choose_step(const struct fg_coding *coding, const float *turned)
{
    double widest = 0, sum = 0;
    float values[16];
    for (unsigned row = 0; row < coding->rows; row++) {
        double range = 0;
        for (unsigned k = 0; k < 2; k++) {
            float least = nibble_values(coding, turned, 2 * row + k, values);
            range += (double)(largest(values) - least);
        }
        widest = fmax(widest, range);
        sum += range;
    }
    double step = fmax(widest / (BYTE_MOST - 1), sum / (UINT16_MAX - (double)coding->rows));
    return step > 0 ? step : 1; // a probe of zeros
}

void fg_code_probe_init(struct fg_code_probe *probe, const struct fg_coding *coding,
                        const float *turned)
{
    float values[16];
    probe->step = choose_step(coding, turned);
    probe->base = probe->rounding = 0;
    for (unsigned nibble = 0; nibble < 2 * coding->rows; nibble++) {
        float least = nibble_values(coding, turned, nibble, values);
        double short_by = 0;
        for (unsigned code = 0; code < 16; code++) {
            double exact = (double)(values[code] - least) / probe->step;
            uint8_t rounded = (uint8_t)(exact + 0.5);
            probe->tables[nibble * 16 + code] = rounded;
            short_by = fmax(short_by, exact - rounded);
        }
        probe->base += (double)least;
        probe->rounding += short_by * probe->step;
    }
    probe->lookup = (struct fg_lookup){.tables = probe->tables, .rows = coding->rows};
}

static uint16_t to_u16(double value)
{
    return value <= 0 ? 0 : value >= UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

void fg_code_probe_aim(struct fg_code_probe *probe, const struct fg_coding *coding,
                       double threshold)
{
    double t = fmax(0, fmin(threshold, 1) - SLACK), spread = coding->reach * sqrt(1 - t * t);
    double from = t * (double)coding->agree_from - probe->base - probe->rounding - SLACK / 4;
    // The kernel drops a fraction of what stray adds: one less makes good for it.
    double floor_ = floor(from / probe->step) - 1;
    probe->lookup.floor = to_u16(floor_);
    probe->lookup.lift = to_u16(-floor_);
    probe->lookup.agree_weight = to_u16(floor(t * (double)coding->agree_step / probe->step * 256));
    double stray_weight = ceil(spread * (double)coding->stray_step / probe->step * 256);
    probe->lookup.stray_weight = to_u16(stray_weight);
    if (stray_weight > UINT16_MAX) // no unit vector has so fine a step; if one had, all survive
        probe->lookup.floor = probe->lookup.agree_weight = 0;
}
