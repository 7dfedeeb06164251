// SPDX-License-Identifier: Apache-2.0
// Stills: every kind that is read, every kind that is refused, on pictures made here.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <png.h>
#include <turbojpeg.h>

#include "pipeline/image.h"
#include "pipeline/image_codecs.h"
#include "tests/scratch_folder.h"

struct bytes {
    uint8_t *at;
    size_t length;
};

// Four quadrants, so that every turn looks different: red, green / blue, white.
static const uint8_t corners[4][3] = {{200, 30, 30}, {30, 180, 30}, {40, 40, 200}, {240, 240, 240}};

static uint8_t *make_rgb(uint32_t width, uint32_t height)
{
    uint8_t *rgb = malloc((size_t)width * height * 3);
    assert_non_null(rgb);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            memcpy(rgb + ((size_t)y * width + x) * 3,
                   corners[2 * (y >= height / 2) + (x >= width / 2)], 3);
    return rgb;
}

static struct bytes tj_encode(uint32_t width, uint32_t height, int format, int subsampling,
                              int flags)
{
    uint8_t *rgb = make_rgb(width, height);
    uint8_t *cmyk = calloc((size_t)width * height, 4);
    const uint8_t *from = format == TJPF_CMYK ? cmyk : rgb;
    unsigned char *out = NULL;
    unsigned long length = 0;
    tjhandle handle = tjInitCompress();
    assert_non_null(cmyk);
    assert_int_equal(tjCompress2(handle, from, (int)width, 0, (int)height, format, &out, &length,
                                 subsampling, 90, flags),
                     0);
    struct bytes jpeg = {malloc(length), length};
    memcpy(jpeg.at, out, length);
    tjFree(out);
    tjDestroy(handle);
    free(rgb);
    free(cmyk);
    return jpeg;
}

static struct bytes plain_jpeg(uint32_t width, uint32_t height)
{
    return tj_encode(width, height, TJPF_RGB, TJSAMP_420, 0);
}

static int clamp(double v)
{
    return v < 0 ? 0 : v > 255 ? 255 : (int)(v + .5);
}

static void pixel_of(const struct fg_frame *frame, uint32_t x, uint32_t y, int rgb[3])
{
    const struct fg_plane *p = frame->planes;
    const uint8_t *row = p[0].data + (size_t)y * p[0].stride;
    if (frame->fourcc == FG_FOURCC_RGB) {
        for (unsigned i = 0; i < 3; i++)
            rgb[i] = row[3 * x + i];
        return;
    }
    double cb = 0, cr = 0;
    if (frame->fourcc == FG_FOURCC_YUV) {
        size_t cx = x >> frame->chroma_shift_x, cy = y >> frame->chroma_shift_y;
        cb = p[1].data[cy * p[1].stride + cx] - 128.0;
        cr = p[2].data[cy * p[2].stride + cx] - 128.0;
    }
    rgb[0] = clamp(row[x] + 1.402 * cr); // JFIF
    rgb[1] = clamp(row[x] - .344136 * cb - .714136 * cr);
    rgb[2] = clamp(row[x] + 1.772 * cb);
}

// The middles of the four quadrants, in reading order, are corners[order[0..3]].
static void assert_quadrants(const struct fg_frame *frame, const char *order, int tolerance)
{
    for (unsigned q = 0; q < 4; q++) {
        uint32_t x = frame->width * (q % 2 ? 3 : 1) / 4, y = frame->height * (q / 2 ? 3 : 1) / 4;
        const uint8_t *want = corners[order[q] - '0'];
        int got[3];
        pixel_of(frame, x, y, got);
        for (unsigned i = 0; i < 3; i++)
            if (abs(got[i] - want[i]) > tolerance)
                fail_msg("quadrant %u channel %u: %d, not %u", q, i, got[i], want[i]);
    }
}

static void assert_decodes(struct fg_image *image, struct bytes file)
{
    struct fg_error err = {0};
    int code = fg_image_decode(image, file.at, file.length, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    assert_int_equal(fg_frame_check(&image->frame, NULL), 0);
    assert_true(image->frame.full_range);
    assert_null(image->frame.pool);
    for (unsigned i = 0; i < image->frame.n_planes; i++) { // all of it may be read
        const struct fg_plane *plane = &image->frame.planes[i];
        assert_int_equal((uintptr_t)plane->data % FG_IMAGE_ALIGN, 0);
        assert_int_equal(plane->stride % FG_IMAGE_ALIGN, 0);
        assert_true(plane->data >= image->memory);
        assert_true(plane->data + plane->length <= image->memory + image->capacity);
    }
}

static void assert_refused_bytes(const void *bytes, size_t length, int code, const char *part)
{
    struct fg_image image = {0};
    struct fg_error err = {0};
    struct bytes good = plain_jpeg(16, 16);
    int got = fg_image_decode(&image, bytes, length, &err);
    if (got != code || !strstr(err.text, part))
        fail_msg("%d '%s' instead of %d '%s'", got, err.text, code, part);
    assert_int_equal(image.frame.n_planes, 0);
    assert_decodes(&image, good); // still usable
    fg_image_finish(&image);
    free(good.at);
}

static void assert_refused(struct bytes file, int code, const char *part)
{
    assert_refused_bytes(file.at, file.length, code, part);
    free(file.at);
}

// ---- JPEG --------------------------------------------------------------------------------------

static void test_jpeg_subsampling(void **state)
{
    (void)state;
    static const struct {
        int subsampling;
        uint8_t shift_x, shift_y;
    } kinds[] = {{TJSAMP_444, 0, 0},
                 {TJSAMP_422, 1, 0},
                 {TJSAMP_420, 1, 1},
                 {TJSAMP_440, 0, 1},
                 {TJSAMP_411, 2, 0}};
    static const uint32_t sizes[][2] = {{64, 48}, {37, 51}, {101, 66}, {640, 360}};
    struct fg_image image = {0};
    for (unsigned k = 0; k < 5; k++) {
        for (unsigned s = 0; s < 4; s++) {
            struct bytes file =
                tj_encode(sizes[s][0], sizes[s][1], TJPF_RGB, kinds[k].subsampling, 0);
            assert_decodes(&image, file);
            assert_int_equal(image.frame.fourcc, FG_FOURCC_YUV);
            assert_int_equal(image.frame.width, sizes[s][0]);
            assert_int_equal(image.frame.height, sizes[s][1]);
            assert_int_equal(image.frame.chroma_shift_x, kinds[k].shift_x);
            assert_int_equal(image.frame.chroma_shift_y, kinds[k].shift_y);
            assert_quadrants(&image.frame, "0123", 6);
            free(file.at);
        }
    }
    fg_image_finish(&image);
}

static void test_jpeg_one_pixel(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct bytes file = plain_jpeg(1, 1);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.width, 1);
    free(file.at);
    fg_image_finish(&image);
}

static void test_jpeg_progressive_and_grey(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct bytes file = tj_encode(150, 101, TJPF_RGB, TJSAMP_420, TJFLAG_PROGRESSIVE);
    assert_decodes(&image, file);
    assert_quadrants(&image.frame, "0123", 6);
    free(file.at);
    file = tj_encode(150, 101, TJPF_RGB, TJSAMP_GRAY, 0);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.fourcc, FG_FOURCC_GREY);
    assert_int_equal(image.frame.n_planes, 1);
    int pixel[3];
    pixel_of(&image.frame, 10, 10, pixel);
    assert_in_range(pixel[0], 74, 86); // .299 R + .587 G + .114 B of (200, 30, 30)
    free(file.at);
    fg_image_finish(&image);
}

static void test_memory_is_reused(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct bytes large = plain_jpeg(320, 240), small = plain_jpeg(100, 100);
    assert_decodes(&image, large);
    const uint8_t *memory = image.memory;
    assert_decodes(&image, small);
    assert_ptr_equal(image.memory, memory);
    assert_decodes(&image, large);
    assert_ptr_equal(image.memory, memory);
    fg_image_finish(&image);
    assert_null(image.memory);
    fg_image_finish(&image);
    free(large.at);
    free(small.at);
}

// libjpeg directly, for what TurboJPEG does not write.
static struct bytes libjpeg_encode(J_COLOR_SPACE space, int components, const jpeg_scan_info *scans,
                                   int n_scans)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long length = 0;
    uint8_t *rgb = make_rgb(48, 32);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &length);
    jpeg.image_width = 48;
    jpeg.image_height = 32;
    jpeg.input_components = components;
    jpeg.in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, space);
    jpeg.scan_info = scans;
    jpeg.num_scans = n_scans;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < 32) {
        JSAMPROW row = rgb + (size_t)jpeg.next_scanline * 48 * 3;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    struct bytes file = {malloc(length), length};
    memcpy(file.at, out, length);
    free(out);
    free(rgb);
    return file;
}

static void test_jpeg_stored_as_rgb(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct bytes file = libjpeg_encode(JCS_RGB, 3, NULL, 0);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.fourcc, FG_FOURCC_RGB);
    assert_quadrants(&image.frame, "0123", 6);
    free(file.at);
    fg_image_finish(&image);
}

static void test_jpeg_too_many_scans(void **state)
{
    (void)state;
    static jpeg_scan_info scans[1 + 63 * 10];
    int n = 0;
    scans[n++] = (jpeg_scan_info){.comps_in_scan = 1};
    for (int k = 1; k < 64; k++) // each coefficient bit by bit: legal, and 631 scans
        for (int bit = 9; bit >= 0; bit--)
            scans[n++] = (jpeg_scan_info){
                .comps_in_scan = 1, .Ss = k, .Se = k, .Ah = bit == 9 ? 0 : bit + 1, .Al = bit};
    assert_refused(libjpeg_encode(JCS_GRAYSCALE, 1, scans, n), -EINVAL, "scans");
    struct fg_image image = {0};
    struct bytes fewer = libjpeg_encode(JCS_GRAYSCALE, 1, scans, 1 + 40 * 10);
    assert_decodes(&image, fewer);
    free(fewer.at);
    fg_image_finish(&image);
}

static void test_jpeg_cmyk(void **state)
{
    (void)state;
    assert_refused(tj_encode(32, 32, TJPF_CMYK, TJSAMP_444, 0), -ENOTSUP,
                   "CMYK picture: convert it to RGB first");
}

static void test_jpeg_truncated(void **state)
{
    (void)state;
    struct bytes file = plain_jpeg(200, 200);
    for (size_t cut = 1; cut < file.length; cut += 1 + cut / 3) {
        struct bytes part = {malloc(file.length), file.length - cut};
        memcpy(part.at, file.at, file.length);
        assert_refused(part, -EINVAL, part.length < 3 ? "neither" : "truncated or broken JPEG");
    }
    struct bytes short_image = {malloc(file.length), file.length / 2};
    memcpy(short_image.at, file.at, file.length);
    short_image.at[short_image.length - 2] = 0xff; // ends properly, much too early
    short_image.at[short_image.length - 1] = 0xd9;
    assert_refused(short_image, -EINVAL, "truncated or broken JPEG");
    free(file.at);
}

static size_t find_size(struct bytes file)
{
    for (size_t i = 2; i + 9 < file.length; i += 2 + (size_t)(file.at[i + 2] << 8 | file.at[i + 3]))
        if (file.at[i + 1] == 0xc0)
            return i + 5;
    fail_msg("no frame header");
    return 0;
}

static struct bytes jpeg_of_size(unsigned width, unsigned height)
{
    struct bytes file = plain_jpeg(64, 64);
    uint8_t *at = file.at + find_size(file);
    at[0] = (uint8_t)(height >> 8);
    at[1] = (uint8_t)height;
    at[2] = (uint8_t)(width >> 8);
    at[3] = (uint8_t)width;
    return file;
}

static void test_jpeg_sizes_from_the_header(void **state)
{
    (void)state;
    assert_refused(jpeg_of_size(0, 0), -EFBIG, "0x0");
    assert_refused(jpeg_of_size(64, 0), -EFBIG, "64x0");
    assert_refused(jpeg_of_size(20000, 20000), -EFBIG, "20000x20000");
    assert_refused(jpeg_of_size(65535, 1), -EFBIG, "65535x1");
    assert_refused(jpeg_of_size(10001, 10000), -EFBIG, "megapixels");
    assert_refused(jpeg_of_size(10000, 10000), -EINVAL, "truncated or broken JPEG");
}

// ---- orientation -------------------------------------------------------------------------------

// `file` with an Exif segment in front. swap: little-endian.
static struct bytes with_exif(struct bytes file, unsigned orientation, bool swap)
{
    uint8_t segment[] = {0xff, 0xe1,
                         0,    34,
                         'E',  'x',
                         'i',  'f',
                         0,    0, // 2 + 34 bytes
                         'M',  'M',
                         0,    42,
                         0,    0,
                         0,    8, // directory at 8
                         0,    1,
                         0x01, 0x12,
                         0,    3,
                         0,    0,
                         0,    1, // one SHORT
                         0,    (uint8_t)orientation,
                         0,    0,
                         0,    0,
                         0,    0};
    if (swap) {
        const uint8_t little[] = {
            'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, (uint8_t)orientation,
            0};
        memcpy(segment + 10, little, sizeof little);
    }
    struct bytes joined = {malloc(file.length + sizeof segment), file.length + sizeof segment};
    memcpy(joined.at, file.at, 2);
    memcpy(joined.at + 2, segment, sizeof segment);
    memcpy(joined.at + 2 + sizeof segment, file.at + 2, file.length - 2);
    free(file.at);
    return joined;
}

// Upright quadrants of a picture stored as 0 1 / 2 3, by the EXIF 2.3 table: where the stored row
// 0 and column 0 belong (1 top left, 2 top right, 3 bottom right, 4 bottom left, 5 left top,
// 6 right top, 7 right bottom, 8 left bottom).
static const char *const upright[9] = {"0123", "0123", "1032", "3210", "2301",
                                       "0213", "2031", "3120", "1302"};

static void test_orientation(void **state)
{
    (void)state;
    static const int kinds[] = {TJSAMP_444, TJSAMP_422, TJSAMP_420, TJSAMP_440, TJSAMP_411};
    struct fg_image image = {0};
    for (unsigned o = 0; o <= 9; o++) { // 0 and 9 mean nothing
        for (unsigned k = 0; k < 5; k++) {
            uint32_t width = 90 + k, height = 60 + k; // odd ones too
            bool lies = o >= 5 && o <= 8;
            struct bytes file =
                with_exif(tj_encode(width, height, TJPF_RGB, kinds[k], 0), o, k % 2);
            assert_decodes(&image, file);
            assert_int_equal(image.frame.width, lies ? height : width);
            assert_int_equal(image.frame.height, lies ? width : height);
            assert_int_equal(image.turned, o >= 2 && o <= 8);
            unsigned x = kinds[k] == TJSAMP_411 ? 2 : kinds[k] == TJSAMP_422 || k == 2;
            unsigned y = kinds[k] == TJSAMP_440 || k == 2;
            assert_int_equal(image.frame.chroma_shift_x, lies ? y : x);
            assert_int_equal(image.frame.chroma_shift_y, lies ? x : y);
            assert_quadrants(&image.frame, upright[o == 9 ? 0 : o], 6);
            free(file.at);
        }
    }
    fg_image_finish(&image);
}

static void test_orientation_of_grey_and_rgb(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct bytes file = with_exif(libjpeg_encode(JCS_RGB, 3, NULL, 0), 6, false);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.width, 32);
    assert_quadrants(&image.frame, upright[6], 6);
    free(file.at);
    file = with_exif(tj_encode(200, 100, TJPF_RGB, TJSAMP_GRAY, 0), 8, false);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.width, 100);
    int pixel[3]; // top left is the stored top right
    pixel_of(&image.frame, 25, 50, pixel);
    assert_in_range(pixel[0], 112, 125);
    free(file.at);
    fg_image_finish(&image);
}

static void test_broken_exif_is_ignored(void **state)
{
    (void)state;
    struct fg_image image = {0};
    for (unsigned at = 6; at < 36; at++) { // each byte of the segment's payload
        struct bytes file = with_exif(plain_jpeg(40, 30), 1, false);
        file.at[2 + at] = 0xfe;
        assert_decodes(&image, file);
        assert_int_equal(image.frame.width, 40);
        free(file.at);
    }
    fg_image_finish(&image);
}

// ---- PNG ---------------------------------------------------------------------------------------

static struct bytes png_encode(const png_image *like, const void *pixels, const void *colormap)
{
    png_image png = *like;
    png_alloc_size_t length = 0;
    assert_true(png_image_write_to_memory(&png, NULL, &length, 0, pixels, 0, colormap));
    struct bytes file = {malloc(length), length};
    png = *like;
    assert_true(png_image_write_to_memory(&png, file.at, &length, 0, pixels, 0, colormap));
    return file;
}

static struct bytes plain_png(uint32_t width, uint32_t height)
{
    png_image like = {
        .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_RGB};
    uint8_t *rgb = make_rgb(width, height);
    struct bytes file = png_encode(&like, rgb, NULL);
    free(rgb);
    return file;
}

static void test_png_rgb(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct bytes file = plain_png(61, 47);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.fourcc, FG_FOURCC_RGB);
    assert_int_equal(image.frame.width, 61);
    assert_int_equal(image.frame.height, 47);
    assert_quadrants(&image.frame, "0123", 0);
    free(file.at);
    fg_image_finish(&image);
}

static void assert_png_pixel(png_image like, const void *pixels, const void *colormap, uint32_t x,
                             int r, int g, int b, int tolerance)
{
    struct fg_image image = {0};
    like.version = PNG_IMAGE_VERSION;
    like.width = 4;
    like.height = 1;
    struct bytes file = png_encode(&like, pixels, colormap);
    assert_decodes(&image, file);
    const int want[3] = {r, g, b};
    int got[3];
    pixel_of(&image.frame, x, 0, got);
    for (unsigned i = 0; i < 3; i++)
        if (abs(got[i] - want[i]) > tolerance)
            fail_msg("channel %u is %d, not %d", i, got[i], want[i]);
    free(file.at);
    fg_image_finish(&image);
}

static void test_png_kinds(void **state)
{
    (void)state;
    const uint8_t grey[4] = {0, 90, 200, 255};
    assert_png_pixel((png_image){.format = PNG_FORMAT_GRAY}, grey, NULL, 1, 90, 90, 90, 0);
    // Clear shows white, half covered red is half way to white in linear light (188).
    const uint8_t rgba[16] = {9, 9, 9, 0, 255, 0, 0, 255, 255, 0, 0, 128, 0, 0, 0, 255};
    assert_png_pixel((png_image){.format = PNG_FORMAT_RGBA}, rgba, NULL, 0, 255, 255, 255, 0);
    assert_png_pixel((png_image){.format = PNG_FORMAT_RGBA}, rgba, NULL, 1, 255, 0, 0, 0);
    assert_png_pixel((png_image){.format = PNG_FORMAT_RGBA}, rgba, NULL, 2, 255, 188, 188, 3);
    const uint8_t map[9] = {1, 2, 3, 250, 100, 50, 0, 0, 0}, indices[4] = {0, 1, 2, 1};
    png_image palette = {.format = PNG_FORMAT_RGB_COLORMAP, .colormap_entries = 3};
    assert_png_pixel(palette, indices, map, 3, 250, 100, 50, 0);
}

// A 16-bit PNG without gAMA or sRGB: what a camera's or scanner's tool writes. Taken as sRGB.
static void test_png_16_bit(void **state)
{
    (void)state;
    const char *path = in_folder("deep.png");
    FILE *out = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    const uint8_t row[6] = {200, 1, 100, 2, 50, 3};
    png_init_io(png, out);
    png_set_IHDR(png, info, 1, 1, 16, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(out);
    struct fg_image image = {0};
    int pixel[3];
    assert_int_equal(fg_image_load(&image, path, NULL), 0);
    pixel_of(&image.frame, 0, 0, pixel);
    assert_in_range(pixel[0], 199, 201);
    assert_in_range(pixel[1], 99, 101);
    assert_in_range(pixel[2], 49, 51);
    fg_image_finish(&image);
    unlink(path);
}

static struct bytes png_of_size(uint32_t width, uint32_t height)
{
    struct bytes file = plain_png(8, 8);
    for (unsigned i = 0; i < 4; i++) {
        file.at[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        file.at[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    return file;
}

static void test_png_refused(void **state)
{
    (void)state;
    assert_refused(png_of_size(0, 0), -EFBIG, "0x0");
    assert_refused(png_of_size(20000, 20000), -EFBIG, "20000x20000");
    assert_refused(png_of_size(UINT32_MAX, UINT32_MAX), -EFBIG, "4294967295x4294967295");
    assert_refused(png_of_size(8, 9), -EINVAL, "truncated or broken PNG"); // its CRC is wrong
    struct bytes file = plain_png(300, 300);
    for (size_t length = 8; length < file.length - 30; length += 1 + length / 4)
        assert_refused_bytes(file.at, length, -EINVAL, "truncated or broken PNG");
    file.at[file.length / 2] ^= 0x55;
    assert_refused(file, -EINVAL, "truncated or broken PNG");
}

// ---- neither, and files ------------------------------------------------------------------------

static void test_neither(void **state)
{
    (void)state;
    assert_refused_bytes("", 0, -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    assert_refused_bytes("GIF89a not one of ours", 22, -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    assert_refused_bytes("\xff\xd8", 2, -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    assert_refused_bytes("\x89PNG", 4, -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    assert_refused_bytes("\xff\xd8\xff\xd9", 4, -EINVAL, "truncated or broken JPEG");
    assert_refused_bytes("x", (size_t)FG_IMAGE_MAX_BYTES + 1, -EFBIG, "over the limit");
}

static void assert_load_fails(const char *path, int code, const char *part)
{
    struct fg_image image = {0};
    struct fg_error err = {0};
    int got = fg_image_load(&image, path, &err);
    if (got != code || !strstr(err.text, part) || strncmp(err.text, path, strlen(path)) != 0)
        fail_msg("%d '%s' instead of %d '%s: ...%s'", got, err.text, code, path, part);
    fg_image_finish(&image);
}

static void test_load_errors(void **state)
{
    (void)state;
    const char *path = in_folder("odd.jpg");
    assert_load_fails(path, -ENOENT, "No such file");
    assert_load_fails(folder, -EINVAL, "not a file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_load_fails(path, -EINVAL, "not a file"); // and does not wait for a writer
    unlink(path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_load_fails(path, -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    assert_int_equal(ftruncate(fd, (off_t)FG_IMAGE_MAX_BYTES + 1), 0);
    assert_load_fails(path, -EFBIG, "limit");
    close(fd);
    unlink(path);
}

// ---- encoders ----------------------------------------------------------------------------------

static void test_encode_jpeg(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct bytes file = {NULL, 0};
    uint8_t *rgb = make_rgb(75, 41);
    assert_int_equal(fg_image_encode_jpeg(rgb, 75, 41, 75 * 3, 90, &file.at, &file.length, NULL),
                     0);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.chroma_shift_x, 1);
    assert_int_equal(image.frame.chroma_shift_y, 1);
    assert_quadrants(&image.frame, "0123", 6);
    free(file.at);
    // Every other row, by a double stride.
    assert_int_equal(fg_image_encode_jpeg(rgb, 75, 20, 75 * 6, 90, &file.at, &file.length, NULL),
                     0);
    assert_decodes(&image, file);
    assert_int_equal(image.frame.height, 20);
    assert_quadrants(&image.frame, "0123", 6);
    free(file.at);
    struct fg_error err;
    file = (struct bytes){NULL, 0};
    assert_int_equal(fg_image_encode_jpeg(rgb, 75, 41, 75 * 3, 0, &file.at, &file.length, &err),
                     -EINVAL);
    assert_int_equal(fg_image_encode_jpeg(rgb, 75, 41, 75, 90, &file.at, &file.length, &err),
                     -EINVAL);
    assert_int_equal(fg_image_encode_jpeg(rgb, 0, 41, 75, 90, &file.at, &file.length, &err),
                     -EFBIG);
    assert_null(file.at);
    free(rgb);
    fg_image_finish(&image);
}

static void test_write_png(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct fg_error err;
    const char *path = in_folder("out.png");
    uint8_t *rgb = make_rgb(75, 41);
    assert_int_equal(fg_image_write_png(path, rgb, 75, 41, 75 * 3, NULL), 0);
    assert_int_equal(fg_image_load(&image, path, NULL), 0);
    for (uint32_t y = 0; y < 41; y++)
        assert_memory_equal(image.frame.planes[0].data + y * image.frame.planes[0].stride,
                            rgb + y * 75 * 3, 75 * 3);
    unlink(path);
    assert_int_equal(fg_image_write_png("/dev/full", rgb, 75, 41, 75 * 3, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "/dev/full"));
    assert_int_equal(access("/dev/full", F_OK), 0); // not removed
    assert_int_equal(fg_image_write_png(in_folder("no/out.png"), rgb, 75, 41, 75 * 3, &err),
                     -ENOENT);
    assert_int_equal(fg_image_write_png(path, rgb, 75, 41, 74, &err), -EINVAL);
    free(rgb);
    fg_image_finish(&image);
}

static void test_sample_photographs(void **state)
{
    (void)state;
    struct fg_image image = {0};
    struct fg_error err = {0};
    if (access("models/sample1.jpg", R_OK) != 0) {
        print_message("models/sample1.jpg is not here: run tools/setup.sh\n");
        skip();
    }
    for (int i = 1; i <= 6; i++) {
        char path[40];
        snprintf(path, sizeof path, "models/sample%d.jpg", i);
        int code = fg_image_load(&image, path, &err);
        if (code)
            fail_msg("%s", err.text);
        assert_int_equal(fg_frame_check(&image.frame, NULL), 0);
    }
    fg_image_finish(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg_subsampling),
        cmocka_unit_test(test_jpeg_one_pixel),
        cmocka_unit_test(test_jpeg_progressive_and_grey),
        cmocka_unit_test(test_memory_is_reused),
        cmocka_unit_test(test_jpeg_stored_as_rgb),
        cmocka_unit_test(test_jpeg_too_many_scans),
        cmocka_unit_test(test_jpeg_cmyk),
        cmocka_unit_test(test_jpeg_truncated),
        cmocka_unit_test(test_jpeg_sizes_from_the_header),
        cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_orientation_of_grey_and_rgb),
        cmocka_unit_test(test_broken_exif_is_ignored),
        cmocka_unit_test(test_png_rgb),
        cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_png_16_bit),
        cmocka_unit_test(test_png_refused),
        cmocka_unit_test(test_neither),
        cmocka_unit_test(test_load_errors),
        cmocka_unit_test(test_encode_jpeg),
        cmocka_unit_test(test_write_png),
        cmocka_unit_test(test_sample_photographs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
