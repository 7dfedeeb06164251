// SPDX-License-Identifier: Apache-2.0
// bench_sampler: from a 720p camera frame to a network's tensor: our sampler with the kernels of
// this processor and with those in C, libyuv the plain way (bench/plain.h; "whole" is the one that
// looks at every pixel, as ours does), and merely reading the frame, which is the floor. One
// thread, alternating rounds of one run so that the machine's moods hit all. Each call takes
// another of 64 frames, more than caches hold: they come from memory, as a camera's do. Prints a
// table and writes build/bench/sampler.json.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contest.h"
#include "bench/figures.h"
#include "bench/plain.h"
#include "common/clock.h"
#include "pipeline/sampler.h"
#include "pipeline/sampler_kernels.h"

#define WIDTH    1280u
#define HEIGHT   720u
#define FRAMES   64u
#define SIDE     128u // of the detector's tensor, which shows the frame 128 x 72
#define ROWS     72u
#define CROP     112u  // of the embedder's
#define FACE     200.0 // pixels
#define MOST_OFF 3.0   // grey levels, mean, of plain and ours: the same picture

enum contestant { OURS, IN_C, PLAIN, WHOLE, READ, WARP, WARP_IN_C, WARP_PLAIN, N_CONTESTANTS };

struct format {
    const char *key, *name;
    uint32_t fourcc;
    unsigned n_planes;
    struct {
        uint32_t stride, rows;
    } planes[3];
};

static const struct format formats[] = {
    {"yuyv", "YUYV", FG_FOURCC_YUYV, 1, {{WIDTH * 2, HEIGHT}}},
    {"uyvy", "UYVY", FG_FOURCC_UYVY, 1, {{WIDTH * 2, HEIGHT}}},
    {"nv12", "NV12", FG_FOURCC_NV12, 2, {{WIDTH, HEIGHT}, {WIDTH, HEIGHT / 2}}},
    {"i420",
     "I420",
     FG_FOURCC_YUV,
     3,
     {{WIDTH, HEIGHT}, {WIDTH / 2, HEIGHT / 2}, {WIDTH / 2, HEIGHT / 2}}},
    {"grey", "GREY", FG_FOURCC_GREY, 1, {{WIDTH, HEIGHT}}},
    {"rgb", "RGB", FG_FOURCC_RGB, 1, {{WIDTH * 3, HEIGHT}}},
};
#define N_FORMATS (sizeof formats / sizeof *formats)

static const struct fg_sample_form whole_form = {SIDE, SIDE, 127.5f, 127.5f, false, false};
static const struct fg_sample_form crop_form = {CROP, CROP, 127.5f, 127.5f, false, false};

struct bench {
    const struct format *format;
    struct fg_frame frames[FRAMES];
    uint8_t *memory;
    size_t frame_bytes;
    unsigned next;
    struct fg_sampler *sampler;
    struct fg_plain *plain;
    struct fg_affine map;
    float tensor[SIDE * SIDE * 3], other[SIDE * SIDE * 3];
    struct fg_samples us[N_CONTESTANTS];
};

static void die(const char *what)
{
    fprintf(stderr, "bench_sampler: %s\n", what);
    exit(1);
}

// ---- the frames ---------------------------------------------------------------------------------

// Smooth, so that plain and ours can be compared, with some noise; chroma near grey.
static void fill(const struct format *f, uint8_t *data, unsigned seed)
{
    uint32_t dice = seed + 1;
    for (unsigned p = 0; p < f->n_planes; p++)
        for (uint32_t y = 0; y < f->planes[p].rows; y++)
            for (uint32_t i = 0; i < f->planes[p].stride; i++) {
                dice = dice * 1664525u + 1013904223u;
                *data++ = (uint8_t)(90 + 40 * (y / 40 % 2) + i / 32 % 40 + (dice >> 29) + seed % 8);
            }
}

static void make_frames(struct bench *b)
{
    const struct format *f = b->format;
    b->frame_bytes = 0;
    for (unsigned p = 0; p < f->n_planes; p++)
        b->frame_bytes += (size_t)f->planes[p].stride * f->planes[p].rows;
    b->memory = aligned_alloc(4096, (FRAMES * b->frame_bytes + 4095) / 4096 * 4096);
    if (!b->memory)
        die("no memory");
    for (unsigned i = 0; i < FRAMES; i++) {
        struct fg_frame *frame = &b->frames[i];
        uint8_t *data = b->memory + i * b->frame_bytes;
        *frame = (struct fg_frame){.fourcc = f->fourcc, .width = WIDTH, .height = HEIGHT};
        frame->n_planes = f->n_planes;
        frame->chroma_shift_x = frame->chroma_shift_y = f->fourcc == FG_FOURCC_YUV;
        fill(f, data, i);
        for (unsigned p = 0; p < f->n_planes; p++) {
            const uint32_t length = f->planes[p].stride * f->planes[p].rows;
            frame->planes[p] = (struct fg_plane){data, f->planes[p].stride, length, -1, 0};
            data += length;
        }
        struct fg_error err;
        if (fg_frame_check(frame, &err) < 0)
            die(err.text);
    }
}

// ---- merely reading -----------------------------------------------------------------------------

typedef uint64_t lanes __attribute__((vector_size(64)));

static inline __attribute__((always_inline)) uint64_t add_lines(const uint8_t *data, size_t bytes)
{
    lanes sums[4] = {{0}, {0}, {0}, {0}};
    for (size_t at = 0; at + 256 <= bytes; at += 256)
        for (size_t k = 0; k < 4; k++)
            sums[k] += *(const lanes *)(const void *)(data + at + 64 * k);
    sums[0] += sums[1] + sums[2] + sums[3];
    uint64_t sum = 0;
    for (int k = 0; k < 8; k++)
        sum += sums[0][k];
    return sum;
}

#if defined __x86_64__
__attribute__((target("avx512f"))) static uint64_t read_avx512(const uint8_t *data, size_t bytes)
{
    return add_lines(data, bytes);
}

__attribute__((target("avx2"))) static uint64_t read_avx2(const uint8_t *data, size_t bytes)
{
    return add_lines(data, bytes);
}
#endif

static uint64_t read_widest(const uint8_t *data, size_t bytes)
{
    return add_lines(data, bytes);
}

typedef uint64_t reader(const uint8_t *data, size_t bytes);

static reader *widest_reader(void)
{
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return read_avx512;
    if (__builtin_cpu_supports("avx2"))
        return read_avx2;
#endif
    return read_widest;
}

static volatile uint64_t kept; // so that reading is not left out

// ---- the contestants ----------------------------------------------------------------------------

static void call(struct bench *b, enum contestant who, const struct fg_frame *frame, float *tensor)
{
    int code = 0;
    switch (who) {
    case OURS:
    case IN_C:
        code = fg_sample_rect(b->sampler, frame, 0, 0, WIDTH, WIDTH, &whole_form, tensor);
        break;
    case PLAIN:
        code = fg_plain_rect(b->plain, frame, SIDE, ROWS, &whole_form, tensor);
        break;
    case WHOLE:
        code = fg_plain_rect_whole(b->plain, frame, SIDE, ROWS, &whole_form, tensor);
        break;
    case READ:
        kept = widest_reader()(frame->planes[0].data, b->frame_bytes);
        break;
    case WARP:
    case WARP_IN_C:
        code = fg_sample_affine(frame, &b->map, &crop_form, tensor);
        break;
    default:
        code = fg_plain_affine(b->plain, frame, &b->map, &crop_form, tensor);
    }
    if (code < 0)
        die("a contestant failed");
}

static void run(struct bench *b, enum contestant who)
{
    fg_sampler_use(who == IN_C || who == WARP_IN_C ? "c" : NULL);
    for (unsigned k = 0; k < FG_CONTEST_RUNS; k++) {
        const struct fg_frame *frame = &b->frames[b->next++ % FRAMES];
        uint64_t start = fg_monotonic_ns();
        call(b, who, frame, b->tensor);
        b->us[who].values[b->us[who].count++] = (double)(fg_monotonic_ns() - start) / 1e3;
    }
}

static void check_same(struct bench *b, enum contestant one, enum contestant two, size_t values)
{
    double off = 0;
    fg_sampler_use(NULL);
    call(b, one, &b->frames[0], b->tensor);
    call(b, two, &b->frames[0], b->other);
    for (size_t i = 0; i < values; i++)
        off += fabs((double)b->tensor[i] - (double)b->other[i]) * 127.5 / (double)values;
    if (!(off < MOST_OFF))
        die("plain and ours do not show the same picture");
}

static void measure(struct bench *b)
{
    make_frames(b);
    check_same(b, OURS, PLAIN, SIDE * SIDE * 3);
    if (b->format->fourcc != FG_FOURCC_GREY) // which would be 16..235 in I420
        check_same(b, OURS, WHOLE, SIDE * SIDE * 3);
    check_same(b, WARP, WARP_PLAIN, CROP * CROP * 3);
    for (int round = -1; round < FG_CONTEST_ROUNDS; round++) {
        for (int who = 0; who < N_CONTESTANTS; who++) {
            if (round == 0) // the one before was to warm up
                b->us[who].count = 0;
            run(b, who);
        }
    }
    free(b->memory);
}

// ---- what comes out -----------------------------------------------------------------------------

static void add(struct fg_figures *figures, const struct format *f, const char *what, double value,
                const char *meaning)
{
    char key[48];
    snprintf(key, sizeof key, "%s_%s", f->key, what);
    fg_figures_add(figures, key, value, meaning);
}

static void tell(struct bench *b, struct fg_figures *figures)
{
    const struct format *f = b->format;
    double us[N_CONTESTANTS];
    for (int who = 0; who < N_CONTESTANTS; who++)
        us[who] = fg_samples_median(&b->us[who]);
    printf("%-5s %6.0f %6.0f %7.0f %7.0f %6.0f %8.2f %7.2f %6.2f | %5.0f %6.0f %7.0f %8.2f\n",
           f->name, us[OURS], us[IN_C], us[PLAIN], us[WHOLE], us[READ], us[PLAIN] / us[OURS],
           us[WHOLE] / us[OURS], us[READ] / us[OURS], us[WARP], us[WARP_IN_C], us[WARP_PLAIN],
           us[WARP_PLAIN] / us[WARP]);
    fflush(stdout);
    add(figures, f, "720p_us", us[OURS], "");
    add(figures, f, "720p_c_us", us[IN_C], "");
    add(figures, f, "720p_plain_us", us[PLAIN], "");
    add(figures, f, "720p_whole_us", us[WHOLE], "");
    add(figures, f, "720p_read_us", us[READ], "");
    add(figures, f, "720p_plain_over_ours", us[PLAIN] / us[OURS], "(target: at least 4, or");
    add(figures, f, "720p_whole_over_ours", us[WHOLE] / us[OURS], "");
    add(figures, f, "720p_read_over_ours", us[READ] / us[OURS], "at least .67)");
    add(figures, f, "warp_us", us[WARP], "");
    add(figures, f, "warp_c_us", us[WARP_IN_C], "");
    add(figures, f, "warp_plain_us", us[WARP_PLAIN], "");
    add(figures, f, "warp_plain_over_ours", us[WARP_PLAIN] / us[WARP], "");
    if (f->fourcc == FG_FOURCC_YUYV)
        fg_figures_add(figures, "warp_plain_over_ours", us[WARP_PLAIN] / us[WARP], "of YUYV");
}

// A face in the frame's middle, its head a little to one side.
static struct fg_affine face_map(void)
{
    const double a = FACE / CROP * cos(0.2), b = FACE / CROP * sin(0.2), middle = (CROP - 1) / 2.0;
    return (struct fg_affine){
        {a, -b, WIDTH / 2.0 - (a - b) * middle, b, a, HEIGHT / 2.0 - (a + b) * middle}};
}

int main(void)
{
    static struct bench b;
    struct fg_figures *figures = fg_figures_create();
    struct fg_error err;
    b.plain = fg_plain_create(WIDTH, HEIGHT);
    if (!b.plain || fg_sampler_create(&b.sampler) < 0)
        die("no memory");
    b.map = face_map();
    printf("720p to %ux%u, and a face of %.0f pixels to %ux%u; medians in us; kernels: %s\n", SIDE,
           SIDE, FACE, CROP, CROP, fg_sampler_kernels()->name);
    printf("%-5s %6s %6s %7s %7s %6s %8s %7s %6s | %5s %6s %7s %8s\n", "", "ours", "in C", "libyuv",
           "whole", "read", "libyuv/", "whole/", "read/", "warp", "in C", "libyuv", "libyuv/");
    for (size_t i = 0; i < N_FORMATS; i++) {
        b.format = &formats[i];
        memset(b.us, 0, sizeof b.us);
        measure(&b);
        tell(&b, figures);
    }
    int code = fg_figures_write(figures, "sampler", &err);
    if (code < 0)
        die(err.text);
    fg_figures_destroy(figures);
    fg_plain_destroy(b.plain);
    fg_sampler_destroy(b.sampler);
    return 0;
}
