// SPDX-License-Identifier: Apache-2.0
// JPEG 2000: every kind that is read, and what is refused before the decoder sees it.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/image.h"
#include "pipeline/image_codecs.h"
#include "tests/dice.h"
#include "tests/jp2_maker.h"

struct bytes {
    uint8_t *at;
    size_t length;
};

// Slopes in each channel, so that a shifted, swapped or mirrored channel shows.
static uint8_t *make_rgb(uint32_t width, uint32_t height)
{
    uint8_t *rgb = malloc((size_t)width * height * 3);
    assert_non_null(rgb);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            uint8_t *p = rgb + ((size_t)y * width + x) * 3;
            p[0] = (uint8_t)(20 + 200 * x / width);
            p[1] = (uint8_t)(20 + 200 * y / height);
            p[2] = (uint8_t)(220 - 100 * x / width - 100 * y / height);
        }
    }
    return rgb;
}

static struct bytes make(uint32_t width, uint32_t height, const struct jp2_form *form)
{
    struct bytes file;
    uint8_t *rgb = make_rgb(width, height);
    jp2_make(rgb, width, height, form, &file.at, &file.length);
    free(rgb);
    return file;
}

static void decode(struct fg_image *image, struct bytes file)
{
    struct fg_error err = {""};
    int code = fg_image_decode(image, file.at, file.length, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    assert_int_equal(fg_frame_check(&image->frame, NULL), 0);
    assert_true(image->frame.full_range);
}

static void refuse_bytes(struct bytes file, int code, const char *part)
{
    struct fg_image image = {0};
    struct fg_error err = {""};
    int got = fg_image_decode(&image, file.at, file.length, &err);
    if (got != code || !strstr(err.text, part))
        fail_msg("%d '%s' instead of %d '%s'", got, err.text, code, part);
    assert_int_equal(image.frame.n_planes, 0);
    fg_image_finish(&image);
}

static void refuse(struct bytes file, int code, const char *part)
{
    refuse_bytes(file, code, part);
    free(file.at);
}

static double byte_of(const struct fg_frame *frame, unsigned plane, uint32_t x, uint32_t y)
{
    if (plane) {
        x >>= frame->chroma_shift_x;
        y >>= frame->chroma_shift_y;
    }
    return frame->planes[plane].data[(size_t)y * frame->planes[plane].stride + x];
}

static void rgb_of(const struct fg_frame *frame, uint32_t x, uint32_t y, double rgb[3])
{
    const double luma = byte_of(frame, 0, x, y);
    if (frame->fourcc == FG_FOURCC_RGB) {
        for (unsigned k = 0; k < 3; k++)
            rgb[k] = byte_of(frame, 0, 3 * x + k, y);
    } else if (frame->fourcc == FG_FOURCC_YUV) {
        const double cb = byte_of(frame, 1, x, y) - 128, cr = byte_of(frame, 2, x, y) - 128;
        rgb[0] = luma + 1.402 * cr; // JFIF
        rgb[1] = luma - .344136 * cb - .714136 * cr;
        rgb[2] = luma + 1.772 * cb;
    } else {
        rgb[0] = rgb[1] = rgb[2] = luma;
    }
}

static void assert_same(const struct fg_frame *frame, double tolerance)
{
    uint8_t *want = make_rgb(frame->width, frame->height);
    for (uint32_t y = 0; y < frame->height; y++) {
        for (uint32_t x = 0; x < frame->width; x++) {
            const uint8_t *w = want + ((size_t)y * frame->width + x) * 3;
            const double grey = .299 * w[0] + .587 * w[1] + .114 * w[2];
            double got[3];
            rgb_of(frame, x, y, got);
            for (unsigned k = 0; k < 3; k++) {
                const double should = frame->fourcc == FG_FOURCC_GREY ? grey : w[k];
                if (fabs(got[k] - should) > tolerance)
                    fail_msg("(%u, %u) channel %u: %.1f, not %.1f", x, y, k, got[k], should);
            }
        }
    }
    free(want);
}

static void test_kinds(void **state)
{
    static const struct {
        struct jp2_form form;
        uint32_t fourcc;
        double tolerance;
    } cases[] = {
        {{0}, FG_FOURCC_RGB, 0},
        {{.bare = true}, FG_FOURCC_RGB, 0},
        {{.ratio = 10}, FG_FOURCC_RGB, 12},
        {{.colours = JP2_GREY}, FG_FOURCC_GREY, 1},
        {{.colours = JP2_GREY, .bare = true, .bits = 12}, FG_FOURCC_GREY, 1},
        {{.colours = JP2_YCC}, FG_FOURCC_YUV, 3},
        {{.colours = JP2_YCC, .shift_x = 1}, FG_FOURCC_YUV, 14},
        {{.colours = JP2_YCC, .shift_x = 1, .shift_y = 1}, FG_FOURCC_YUV, 20},
        {{.colours = JP2_YCC, .shift_x = 1, .shift_y = 1, .bare = true}, FG_FOURCC_YUV, 20},
        {{.bits = 16}, FG_FOURCC_RGB, 0},
        {{.bits = 5}, FG_FOURCC_RGB, 5},
        {{.bits = 8, .is_signed = true}, FG_FOURCC_RGB, 0},
        {{.tile = 32}, FG_FOURCC_RGB, 0},
        {{.precinct = 32, .levels = 3, .layers = 5, .block = 16}, FG_FOURCC_RGB, 0},
        {{.offset = 6}, FG_FOURCC_RGB, 0},
    };
    (void)state;
    struct fg_image image = {0}; // its memory goes from kind to kind
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes file = make(61, 47, &cases[i].form);
        decode(&image, file);
        assert_int_equal(image.frame.fourcc, cases[i].fourcc);
        assert_int_equal(image.frame.width, 61);
        assert_int_equal(image.frame.height, 47);
        assert_same(&image.frame, cases[i].tolerance);
        free(file.at);
    }
    fg_image_finish(&image);
}

// Where the first marker of this code is in a file.
static uint8_t *marker(struct bytes file, uint8_t code)
{
    for (size_t i = 0; i + 1 < file.length; i++)
        if (file.at[i] == 0xff && file.at[i + 1] == code)
            return file.at + i;
    fail_msg("no marker ff%02x", code);
    return file.at;
}

static struct bytes patched(const struct jp2_form *form, uint8_t code, size_t at, uint32_t value,
                            unsigned bytes)
{
    struct bytes file = make(40, 40, form);
    uint8_t *to = marker(file, code) + at;
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return file;
}

static void test_refused(void **state)
{
    static const struct jp2_form bare = {.bare = true}, boxed = {.bare = false};
    const uint8_t siz = 0x51, cod = 0x52;
    (void)state;
    refuse(make(40, 40, &(struct jp2_form){.colours = JP2_CMYK}), -ENOTSUP, "4 channels");
    refuse(make(40, 40, &(struct jp2_form){.tile = 1, .levels = 1}), -ENOTSUP, "1024 tiles");
    refuse(make(40, 40, &(struct jp2_form){.layers = 65}), -ENOTSUP, "65 layers");
    refuse(make(40, 40, &(struct jp2_form){.block = 4}), -ENOTSUP, "code blocks");
    refuse(make(41, 41, &(struct jp2_form){.colours = JP2_YCC, .shift_x = 1, .offset = 1}),
           -ENOTSUP, "without an offset");
    refuse(patched(&bare, siz, 6, 20000, 4), -EFBIG, "20000x40");
    refuse(patched(&bare, siz, 6, 0, 4), -EINVAL, "impossible size");
    refuse(patched(&bare, siz, 6, 0xffffffff, 4), -EINVAL, "impossible size");
    refuse(patched(&bare, siz, 14, 40, 4), -EINVAL, "impossible size");
    refuse(patched(&bare, siz, 22, 0, 4), -EINVAL, "impossible size");
    refuse(patched(&boxed, siz, 22, 1, 4), -EINVAL,
           "broken JPEG 2000"); // 40 tiles, and one is there
    refuse(patched(&bare, siz, 38, 2, 2), -ENOTSUP, "2 channels");
    refuse(patched(&bare, siz, 38, 16384, 2), -ENOTSUP, "16384 channels");
    refuse(patched(&bare, siz, 40, 0x25, 1), -ENOTSUP, "38 bits");
    refuse(patched(&bare, siz, 41, 2, 1), -ENOTSUP, "2 by 1 pixels apart");
    refuse(patched(&bare, siz, 44, 0, 1), -ENOTSUP, "0 by 1 pixels apart");
    refuse(patched(&bare, cod, 9, 33, 1), -ENOTSUP, "33 levels");
    refuse(patched(&bare, cod, 10, 255, 1), -ENOTSUP, "code blocks");
    refuse(patched(&bare, cod, 1, 0x50, 1), -ENOTSUP, "marker FF50"); // high throughput's
    refuse(patched(&bare, cod, 2, 1, 2), -EINVAL, "broken JPEG 2000");
    refuse(patched(&bare, 0x90, 4, 1, 2), -EINVAL, "tile 1 of 1");
    refuse(patched(&bare, 0x90, 6, 13, 4), -EINVAL, "broken JPEG 2000");
    // 4096 x 4096 pixels in precincts of 4 x 4; the size that it tells is the patch
    struct bytes file = make(64, 64, &(struct jp2_form){.bare = true, .precinct = 4, .block = 16});
    static const uint8_t side[4] = {0, 0, 16, 0};
    for (size_t at = 6; at < 30; at += at == 10 ? 12 : 4)
        memcpy(marker(file, siz) + at, side, 4);
    refuse(file, -ENOTSUP, "precincts");
    // boxes
    file = make(40, 40, &boxed);
    file.at[12] = 1; // of 16 MB and more
    refuse(file, -EINVAL, "too early");
    file = make(40, 40, &boxed);
    file.at[15] = 7; // shorter than its own head
    refuse(file, -EINVAL, "too early");
    struct bytes head = {file.at = malloc(12), 12};
    memcpy(file.at, "\0\0\0\x0cjP  \r\n\x87\n", 12);
    refuse(head, -EINVAL, "no picture in it");
}

// 16 megapixels and one more row: refused by what it says.
static void test_limit_of_pixels(void **state)
{
    (void)state;
    struct bytes file = make(40, 40, &(struct jp2_form){.bare = true});
    struct fg_jp2_outline outline;
    struct fg_error err;
    uint8_t *siz = marker(file, 0x51);
    for (unsigned i = 0; i < 2; i++) {
        memcpy(siz + 6 + 4 * i, "\0\0\x10\0", 4);
        memcpy(siz + 22 + 4 * i, "\0\0\x10\0", 4);
    }
    assert_int_equal(fg_jp2_walk(file.at, file.length, &outline, &err), 0);
    assert_int_equal(outline.width * outline.height, FG_IMAGE_MAX_JP2_PIXELS);
    siz[13] = 1;
    refuse(file, -EFBIG, "megapixels are the most");
}

static void test_cut_off_everywhere(void **state)
{
    static const struct jp2_form forms[] = {{0},
                                            {.bare = true},
                                            {.tile = 16, .levels = 3, .layers = 3},
                                            {.colours = JP2_GREY, .ratio = 8}};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct bytes file = make(40, 33, &forms[i]);
        for (size_t length = 12; length < file.length; length++) {
            uint8_t *part = malloc(length); // so that a sanitizer sees a byte too many
            memcpy(part, file.at, length);
            refuse_bytes((struct bytes){part, length}, -EINVAL, "JPEG 2000");
            free(part);
        }
        free(file.at);
    }
}

// Anything may come out but a frame that is not one, and nothing may be touched outside.
static void test_changed_everywhere(void **state)
{
    static const struct jp2_form forms[] = {{.layers = 2}, {.bare = true, .colours = JP2_YCC}};
    struct fg_image image = {0};
    struct fg_error err;
    unsigned decoded = 0, refused = 0;
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct bytes file = make(33, 37, &forms[i]);
        for (size_t at = 0; at < file.length; at++) {
            const uint8_t was = file.at[at];
            file.at[at] ^= (uint8_t)(1u << random_below(8));
            if (fg_image_decode(&image, file.at, file.length, &err) == 0) {
                assert_int_equal(fg_frame_check(&image.frame, NULL), 0);
                decoded++;
            } else {
                assert_true(err.text[0] != 0);
                refused++;
            }
            file.at[at] = was;
        }
        free(file.at);
    }
    fg_image_finish(&image);
    assert_true(decoded > 0 && refused > 100);
}

// Files of another day, which the fuzz target starts from: FG_UPDATE_GOLDEN=1 writes them.
static void test_golden(void **state)
{
    static const struct {
        const char *path;
        struct jp2_form form;
        double tolerance;
    } cases[] = {
        {"tests/golden/image/rgb.jp2", {.levels = 3}, 0},
        {"tests/golden/image/grey.j2k",
         {.bare = true, .colours = JP2_GREY, .tile = 20, .levels = 2},
         1},
        {"tests/golden/image/ycc.jp2",
         {.colours = JP2_YCC, .shift_x = 1, .levels = 3, .layers = 2},
         14},
    };
    struct fg_image image = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fg_error err = {""};
        if (getenv("FG_UPDATE_GOLDEN")) {
            struct bytes file = make(36, 30, &cases[i].form);
            FILE *f = fopen(cases[i].path, "wbe");
            assert_non_null(f);
            assert_int_equal(fwrite(file.at, 1, file.length, f), file.length);
            fclose(f);
            free(file.at);
        }
        if (fg_image_load(&image, cases[i].path, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(image.frame.width, 36);
        assert_same(&image.frame, cases[i].tolerance);
    }
    fg_image_finish(&image);
}

static void test_what_follows_is_not_read(void **state)
{
    (void)state;
    struct bytes file = make(40, 34, &(struct jp2_form){.bare = false});
    struct fg_jp2_outline outline;
    struct fg_image image = {0};
    struct fg_error err;
    assert_int_equal(fg_jp2_walk(file.at, file.length, &outline, &err), 0);
    assert_true(outline.boxed && outline.length == file.length);
    struct bytes longer = {malloc(file.length + 500), file.length + 500};
    memcpy(longer.at, file.at, file.length);
    memset(longer.at + file.length, 0x41, 500);
    assert_int_equal(fg_jp2_walk(longer.at, longer.length, &outline, &err), 0);
    assert_int_equal(outline.length, file.length);
    decode(&image, longer);
    assert_same(&image.frame, 0);
    fg_image_finish(&image);
    free(longer.at);
    free(file.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limit_of_pixels),
        cmocka_unit_test(test_cut_off_everywhere),
        cmocka_unit_test(test_changed_everywhere),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_what_follows_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
