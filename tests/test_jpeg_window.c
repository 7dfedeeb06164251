// SPDX-License-Identifier: Apache-2.0
// JPEG frames in parts: every part is what libjpeg makes of the whole picture, no more is decoded
// than was asked for, and what is broken is refused when it is met.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>

#include "pipeline/image.h"
#include "pipeline/jpeg_window.h"
#include "pipeline/sampler.h"
#include "tests/dice.h"

struct recipe {
    uint32_t width, height;
    int across, down; // luma samples for one of chroma, in a block
    bool grey, progressive;
    bool uneven;       // one chroma plane is as fine as luma across
    unsigned restarts; // MCUs between two markers; 0: none
    J_COLOR_SPACE space;
};

struct jpeg {
    uint8_t *bytes;
    size_t length;
    uint32_t width, height;
};

// Waves with some noise: no two blocks alike, no clipping.
static void make_row(uint8_t *row, uint32_t width, uint32_t y, int channels)
{
    for (uint32_t x = 0; x < width; x++)
        for (int c = 0; c < channels; c++)
            row[x * (uint32_t)channels + (uint32_t)c] =
                (uint8_t)(128 + 50 * sin(0.11 * x + c) + 50 * cos(0.07 * y - 2 * c) +
                          random_u32() % 24);
}

static void set_up(struct jpeg_compress_struct *jpeg, const struct recipe *r)
{
    jpeg->image_width = r->width;
    jpeg->image_height = r->height;
    jpeg->input_components = r->grey ? 1 : r->space == JCS_CMYK ? 4 : 3;
    jpeg->in_color_space = r->grey ? JCS_GRAYSCALE : r->space == JCS_CMYK ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(jpeg);
    if (r->space)
        jpeg_set_colorspace(jpeg, r->space);
    jpeg_set_quality(jpeg, 85, TRUE);
    jpeg->comp_info[0].h_samp_factor = r->across;
    jpeg->comp_info[0].v_samp_factor = r->down;
    if (r->uneven)
        jpeg->comp_info[2].h_samp_factor = r->across;
    jpeg->restart_interval = r->restarts;
    if (r->progressive)
        jpeg_simple_progression(jpeg);
}

static struct jpeg encode_scans(const struct recipe *r, const jpeg_scan_info *scans, int n_scans)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long length = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &length);
    set_up(&jpeg, r);
    if (scans) {
        jpeg.scan_info = scans;
        jpeg.num_scans = n_scans;
    }
    uint8_t *row = malloc((size_t)r->width * 4);
    assert_non_null(row);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        make_row(row, r->width, jpeg.next_scanline, jpeg.input_components);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    // of its own size, so that a read past the end is seen
    struct jpeg made = {malloc(length), length, r->width, r->height};
    assert_non_null(made.bytes);
    memcpy(made.bytes, out, length);
    free(out);
    return made;
}

static struct jpeg encode(const struct recipe *r)
{
    return encode_scans(r, NULL, 0);
}

static const struct recipe plain = {.width = 320, .height = 240, .across = 2, .down = 2};

static struct fg_jpeg_window *new_window(void)
{
    struct fg_jpeg_window *window = NULL;
    assert_int_equal(fg_jpeg_window_create(&window), 0);
    return window;
}

static struct fg_frame frame_of(struct fg_jpeg_window *window, const struct jpeg *jpeg)
{
    struct fg_frame frame = {.fourcc = FG_FOURCC_MJPG,
                             .width = jpeg->width,
                             .height = jpeg->height,
                             .n_planes = 1,
                             .jpeg = window};
    frame.planes[0] = (struct fg_plane){jpeg->bytes, 0, (uint32_t)jpeg->length, -1, 0};
    fg_jpeg_window_set(window, jpeg->bytes, jpeg->length);
    return frame;
}

static struct fg_view look(const struct fg_frame *frame, struct fg_region region, double shrink)
{
    struct fg_view view = {0};
    struct fg_error err = {0};
    int code = fg_view_get(frame, &region, shrink, &view, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    assert_int_equal(fg_frame_check(view.frame, &err), 0);
    assert_true(view.frame->full_range);
    return view;
}

static struct fg_view look_at_all(const struct fg_frame *frame, double shrink)
{
    return look(frame, (struct fg_region){0, 0, frame->width, frame->height}, shrink);
}

static void assert_look_fails(const struct fg_frame *frame, double bottom, double shrink,
                              const char *part)
{
    const struct fg_region region = {0, 0, frame->width, bottom};
    struct fg_view view = {0};
    struct fg_error err = {0};
    int code = fg_view_get(frame, &region, shrink, &view, &err);
    if (code != -EBADMSG || !strstr(err.text, part))
        fail_msg("%d '%s' instead of '%s'", code, err.text, part);
    assert_null(view.frame);
}

static void assert_refused(struct jpeg jpeg, const char *part)
{
    struct fg_jpeg_window *window = new_window();
    struct fg_frame frame = frame_of(window, &jpeg);
    assert_look_fails(&frame, frame.height, 1, part);
    assert_look_fails(&frame, frame.height, 8, part); // and again
    // the window is as good as new
    struct jpeg good = encode(&plain);
    frame = frame_of(window, &good);
    look_at_all(&frame, 1);
    fg_jpeg_window_destroy(window);
    free(good.bytes);
    free(jpeg.bytes);
}

// ---- against the whole picture ------------------------------------------------------------------

// By libjpeg's rows: interleaved, chroma repeated where it is coarser than luma.
struct whole {
    uint8_t *pixels;
    uint32_t width, channels;
};

static struct whole decode_whole(const struct jpeg *jpeg, unsigned scale)
{
    struct jpeg_decompress_struct reader;
    struct jpeg_error_mgr errors;
    reader.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&reader);
    jpeg_mem_src(&reader, jpeg->bytes, jpeg->length);
    jpeg_read_header(&reader, TRUE);
    reader.out_color_space = reader.jpeg_color_space;
    reader.do_fancy_upsampling = FALSE;
    reader.scale_num = 1;
    reader.scale_denom = 1u << scale;
    jpeg_start_decompress(&reader);
    struct whole whole = {NULL, reader.output_width, (uint32_t)reader.output_components};
    const size_t stride = (size_t)whole.width * whole.channels;
    whole.pixels = malloc(stride * reader.output_height);
    assert_non_null(whole.pixels);
    while (reader.output_scanline < reader.output_height) {
        JSAMPROW row = whole.pixels + reader.output_scanline * stride;
        jpeg_read_scanlines(&reader, &row, 1);
    }
    jpeg_finish_decompress(&reader);
    assert_int_equal(errors.num_warnings, 0);
    jpeg_destroy_decompress(&reader);
    return whole;
}

static unsigned limit(double edge, double shrink, uint32_t size)
{
    return (unsigned)fmin(fmax(edge / shrink, 0), size);
}

static uint8_t pixel(const struct whole *whole, unsigned x, unsigned y, unsigned channel)
{
    return whole->pixels[((size_t)y * whole->width + x) * whole->channels + channel];
}

// Each plane's pixels of the region and one around it.
static void assert_region_equal(const struct fg_view *view, const struct whole *whole,
                                const struct fg_region *region)
{
    const struct fg_frame *f = view->frame;
    for (unsigned i = 0; i < f->n_planes; i++) {
        const unsigned dx = i ? f->chroma_shift_x : 0, dy = i ? f->chroma_shift_y : 0;
        const uint32_t width = (f->width + (1u << dx) - 1) >> dx;
        const uint32_t height = (f->height + (1u << dy) - 1) >> dy;
        const double across = view->shrink * (1 << dx), down = view->shrink * (1 << dy);
        unsigned x0 = limit(region->x - across, across, width);
        unsigned x1 = limit(ceil(region->x + region->width + across), across, width);
        unsigned y0 = limit(region->y - down, down, height);
        unsigned y1 = limit(ceil(region->y + region->height + down), down, height);
        for (unsigned y = y0; y < y1; y++)
            for (unsigned x = x0; x < x1; x++)
                assert_int_equal(f->planes[i].data[(size_t)y * f->planes[i].stride + x],
                                 pixel(whole, x << dx, y << dy, i));
    }
}

static double dice(double low, double high)
{
    return low + (high - low) * random_u32() / 16777216.0;
}

// Several looks at one picture, of any place and resolution.
static void check_looks(struct fg_jpeg_window *window, const struct jpeg *jpeg,
                        struct whole whole[4])
{
    struct fg_frame frame = frame_of(window, jpeg);
    for (int i = 0; i < 6; i++) {
        struct fg_region region = {dice(-20, jpeg->width), dice(-20, jpeg->height),
                                   dice(1, jpeg->width), dice(1, jpeg->height)};
        double wanted = exp2(dice(-1, 4));
        struct fg_view view = look(&frame, region, wanted);
        assert_true(view.shrink <= fmax(wanted, 1));
        assert_int_equal(view.frame->width, (uint32_t)ceil(jpeg->width / view.shrink));
        assert_int_equal(view.frame->height, (uint32_t)ceil(jpeg->height / view.shrink));
        assert_region_equal(&view, &whole[(int)log2(view.shrink)], &region);
    }
}

static void check_recipe(const struct recipe *recipe)
{
    struct jpeg jpeg = encode(recipe);
    struct fg_jpeg_window *window = new_window();
    struct whole whole[4];
    for (unsigned s = 0; s < 4; s++)
        whole[s] = decode_whole(&jpeg, s);
    for (int i = 0; i < 12; i++) {
        if (i % 4 == 0) { // with and without what earlier pictures left expected
            fg_jpeg_window_destroy(window);
            window = new_window();
        }
        check_looks(window, &jpeg, whole);
    }
    for (unsigned s = 0; s < 4; s++)
        free(whole[s].pixels);
    fg_jpeg_window_destroy(window);
    free(jpeg.bytes);
}

static void test_parts_are_of_the_whole(void **state)
{
    (void)state;
    static const int layouts[][2] = {{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}};
    static const uint32_t sizes[][2] = {{320, 240}, {333, 251}, {17, 95}, {200, 7}, {1, 1}};
    for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            struct recipe recipe = {.width = sizes[s][0],
                                    .height = sizes[s][1],
                                    .across = layouts[l][0],
                                    .down = layouts[l][1]};
            check_recipe(&recipe);
            recipe.restarts = 3;
            check_recipe(&recipe);
            recipe.progressive = true;
            check_recipe(&recipe);
        }
    }
}

static void test_grey(void **state)
{
    (void)state;
    struct recipe recipe = {.width = 333, .height = 251, .across = 1, .down = 1, .grey = true};
    check_recipe(&recipe);
    recipe.across = recipe.down = 2; // says nothing where there is one plane
    check_recipe(&recipe);
    recipe.progressive = true;
    check_recipe(&recipe);
}

// A still is decoded by TurboJPEG: the same planes.
static void test_as_a_still(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain);
    struct fg_jpeg_window *window = new_window();
    struct fg_image image = {0};
    struct fg_frame frame = frame_of(window, &jpeg);
    struct fg_view view = look_at_all(&frame, 1);
    assert_int_equal(fg_image_decode(&image, jpeg.bytes, jpeg.length, NULL), 0);
    assert_int_equal(view.frame->fourcc, image.frame.fourcc);
    assert_int_equal(view.frame->chroma_shift_x, image.frame.chroma_shift_x);
    assert_int_equal(view.frame->chroma_shift_y, image.frame.chroma_shift_y);
    for (unsigned i = 0; i < 3; i++)
        for (uint32_t y = 0; y < jpeg.height >> (i > 0); y++)
            assert_memory_equal(view.frame->planes[i].data + y * view.frame->planes[i].stride,
                                image.frame.planes[i].data + y * image.frame.planes[i].stride,
                                jpeg.width >> (i > 0));
    fg_image_finish(&image);
    fg_jpeg_window_destroy(window);
    free(jpeg.bytes);
}

// ---- how far ------------------------------------------------------------------------------------

static void test_no_finer_than_asked(void **state)
{
    (void)state;
    static const double cases[][2] = {{0.3, 1}, {1, 1}, {1.99, 1}, {2, 2},  {3.99, 2},
                                      {4, 4},   {7, 4}, {8, 8},    {40, 8}, {INFINITY, 8}};
    struct jpeg jpeg = encode(&plain);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fg_jpeg_window *window = new_window();
        struct fg_frame frame = frame_of(window, &jpeg);
        assert_true(look_at_all(&frame, cases[i][0]).shrink == cases[i][1]);
        fg_jpeg_window_destroy(window);
    }
    free(jpeg.bytes);
}

static void test_a_finer_look_brings_all(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain);
    struct fg_jpeg_window *window = new_window();
    struct fg_frame frame = frame_of(window, &jpeg);
    assert_true(look_at_all(&frame, 4).shrink == 4);
    assert_true(look_at_all(&frame, 9).shrink == 4); // finer than needed is at hand
    assert_true(look_at_all(&frame, 3).shrink == 1);
    assert_true(look_at_all(&frame, 8).shrink == 1);
    fg_jpeg_window_destroy(window);
    free(jpeg.bytes);
}

// What one picture needed is decoded at once in the next ones, and forgotten when it is not needed
// any more.
static void test_pictures_learn_from_the_last(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain);
    struct fg_jpeg_window *window = new_window();
    struct fg_frame frame = frame_of(window, &jpeg);
    look_at_all(&frame, 8);
    look_at_all(&frame, 2);
    frame = frame_of(window, &jpeg);
    assert_true(look_at_all(&frame, 8).shrink == 2);
    unsigned pictures = 0;
    for (; look_at_all(&frame, 8).shrink == 2 && pictures < 1000; pictures++)
        frame = frame_of(window, &jpeg);
    assert_in_range(pictures, 2, 100);
    assert_true(look_at_all(&frame, 8).shrink == 8);
    fg_jpeg_window_destroy(window);
    free(jpeg.bytes);
}

// A picture whose lower half is missing tells how far the decoder went.
static void test_down_to_the_last_row_asked_for(void **state)
{
    (void)state;
    const bool progressive[] = {false, true};
    for (int i = 0; i < 2; i++) {
        struct recipe recipe = plain;
        recipe.progressive = progressive[i];
        struct jpeg jpeg = encode(&recipe);
        jpeg.length /= 2;
        for (double shrink = 1; shrink < 16; shrink *= 2) {
            struct fg_jpeg_window *window = new_window();
            struct fg_frame frame = frame_of(window, &jpeg);
            if (progressive[i]) { // every scan is of the whole picture
                assert_look_fails(&frame, 20, shrink, "truncated or broken JPEG");
            } else {
                look(&frame, (struct fg_region){50, 0, 100, 20}, shrink);
                look(&frame, (struct fg_region){0, 30, 320, 50}, shrink);
                assert_look_fails(&frame, 240, shrink, "truncated or broken JPEG");
                look(&frame, (struct fg_region){50, 0, 100, 20}, shrink);
            }
            fg_jpeg_window_destroy(window);
        }
        free(jpeg.bytes);
    }
}

static void test_regions_that_are_elsewhere(void **state)
{
    (void)state;
    static const struct fg_region regions[] = {
        {-50, -90, 40, 60},   {1000, 1000, 10, 10}, {-1e6, -1e6, 2e6, 2e6},
        {10, 10, NAN, NAN},   {NAN, NAN, 10, 10},   {0, -INFINITY, 10, INFINITY},
        {0, 0, 10, INFINITY}, {10, 100, -5, -90},
    };
    struct jpeg jpeg = encode(&plain);
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        struct fg_jpeg_window *window = new_window();
        struct fg_frame frame = frame_of(window, &jpeg);
        assert_int_equal(look(&frame, regions[i], 2).frame->width, 160);
        assert_int_equal(look(&frame, regions[i], NAN).frame->width, 320);
        fg_jpeg_window_destroy(window);
    }
    free(jpeg.bytes);
}

static void test_memory_is_kept(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain);
    struct fg_jpeg_window *window = new_window();
    struct fg_frame frame = frame_of(window, &jpeg);
    const uint8_t *memory = look_at_all(&frame, 1).frame->planes[0].data;
    for (int i = 0; i < 100; i++) {
        frame = frame_of(window, &jpeg);
        assert_ptr_equal(look_at_all(&frame, 8).frame->planes[0].data, memory);
    }
    fg_jpeg_window_destroy(window);
    free(jpeg.bytes);
}

// A slot whose pictures change their size and kind.
static void test_pictures_of_all_sizes(void **state)
{
    (void)state;
    struct fg_jpeg_window *window = new_window();
    for (uint32_t i = 0; i < 12; i++) {
        const struct recipe recipe = {.width = 40 + i * 97 % 300,
                                      .height = 30 + i * 61 % 200,
                                      .across = 1 + (i & 1),
                                      .down = 1 + (i >> 1 & 1),
                                      .grey = i % 5 == 4,
                                      .progressive = i % 3 == 2};
        struct jpeg jpeg = encode(&recipe);
        struct whole whole = decode_whole(&jpeg, 0);
        struct fg_frame frame = frame_of(window, &jpeg);
        struct fg_view view = look_at_all(&frame, 1);
        const struct fg_region all = {0, 0, jpeg.width, jpeg.height};
        assert_region_equal(&view, &whole, &all);
        free(whole.pixels);
        free(jpeg.bytes);
    }
    fg_jpeg_window_destroy(window);
}

// ---- through the sampler ------------------------------------------------------------------------

static double largest_difference(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        const double difference = fabs((double)a[i] - (double)b[i]);
        if (difference > most)
            most = difference;
    }
    return most;
}

// Looks at the JPEG frame and at its planes, whole: equal at full scale, alike at a coarser one,
// where the decoder's filter is another than the area average.
static void test_sampled(void **state)
{
    (void)state;
    static float of_jpeg[64 * 64 * 3], of_planes[64 * 64 * 3];
    const struct fg_sample_form form = {64, 64, 0, 1, false, false};
    struct recipe recipe = plain;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    recipe.width = recipe.height = 400;
    struct jpeg jpeg = encode(&recipe);
    struct fg_jpeg_window *whole = new_window();
    struct fg_frame whole_jpeg = frame_of(whole, &jpeg);
    const struct fg_frame planes = *look_at_all(&whole_jpeg, 1).frame;
    for (double side = 50; side <= 400; side *= 2) {
        struct fg_jpeg_window *window = new_window();
        struct fg_frame frame = frame_of(window, &jpeg);
        const double at = (400 - side) / 3;
        const struct fg_affine map = {{side / 64, 0, at, 0, side / 64, at}};
        double most = 0;
        for (int k = 0; k < 2; k++) {
            if (k == 0) {
                fg_sample_rect(sampler, &frame, at, at, side, side, &form, of_jpeg);
                fg_sample_rect(sampler, &planes, at, at, side, side, &form, of_planes);
            } else {
                fg_sample_affine(&frame, &map, &form, of_jpeg);
                fg_sample_affine(&planes, &map, &form, of_planes);
            }
            const double now = largest_difference(of_jpeg, of_planes, 64 * 64 * 3);
            most = now > most ? now : most;
        }
        if (most > (side < 128 ? 1e-3 : 16))
            fail_msg("%g pixels of the picture differ by %g", side, most);
        fg_jpeg_window_destroy(window);
    }
    fg_sampler_destroy(sampler);
    fg_jpeg_window_destroy(whole);
    free(jpeg.bytes);
}

// ---- what cameras leave out ---------------------------------------------------------------------

// Without its segments of one kind.
static struct jpeg without(struct jpeg jpeg, uint8_t marker)
{
    struct jpeg less = {malloc(jpeg.length), 2, jpeg.width, jpeg.height};
    size_t at = 2;
    assert_non_null(less.bytes);
    memcpy(less.bytes, jpeg.bytes, 2);
    while (jpeg.bytes[at + 1] != 0xda) {
        size_t size = 2 + (size_t)(jpeg.bytes[at + 2] << 8 | jpeg.bytes[at + 3]);
        if (jpeg.bytes[at + 1] != marker) {
            memcpy(less.bytes + less.length, jpeg.bytes + at, size);
            less.length += size;
        }
        at += size;
    }
    memcpy(less.bytes + less.length, jpeg.bytes + at, jpeg.length - at);
    less.length += jpeg.length - at;
    return less;
}

static void test_without_huffman_tables(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain), bare = without(jpeg, 0xc4);
    assert_true(bare.length < jpeg.length - 400);
    struct fg_jpeg_window *window = new_window();
    struct whole whole = decode_whole(&jpeg, 0);
    const struct fg_region all = {0, 0, jpeg.width, jpeg.height};
    // a progressive one's tables are its own: they must not be left to the next picture
    struct recipe recipe = plain;
    recipe.progressive = true;
    struct jpeg other = encode(&recipe);
    const struct jpeg *const order[] = {&bare, &other, &bare};
    for (int i = 0; i < 3; i++) {
        struct fg_frame frame = frame_of(window, order[i]);
        struct fg_view view = look_at_all(&frame, 1);
        if (order[i] == &bare)
            assert_region_equal(&view, &whole, &all);
    }
    fg_jpeg_window_destroy(window);
    free(whole.pixels);
    free(other.bytes);
    free(bare.bytes);
    free(jpeg.bytes);
}

static void test_nothing_is_borrowed_from_the_last_picture(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain), bare = without(jpeg, 0xdb);
    struct fg_jpeg_window *window = new_window();
    struct fg_frame frame = frame_of(window, &jpeg);
    look_at_all(&frame, 1);
    frame = frame_of(window, &bare);
    assert_look_fails(&frame, 240, 1, "uantization table");
    fg_jpeg_window_destroy(window);
    free(bare.bytes);
    free(jpeg.bytes);
}

// ---- what is refused ----------------------------------------------------------------------------

static struct jpeg cut(struct jpeg jpeg, size_t length)
{
    struct jpeg part = {malloc(length ? length : 1), length, jpeg.width, jpeg.height};
    assert_non_null(part.bytes);
    memcpy(part.bytes, jpeg.bytes, length);
    free(jpeg.bytes);
    return part;
}

static void test_broken(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain);
    const size_t length = jpeg.length;
    free(jpeg.bytes);
    for (size_t less = 40; less < length; less += 1 + less / 2)
        assert_refused(cut(encode(&plain), length - less), "truncated or broken JPEG");
    assert_refused(cut(encode(&plain), 0), "truncated or broken JPEG");
    assert_refused(cut(encode(&plain), 1), "truncated or broken JPEG");
    jpeg = encode(&plain); // ends properly, much too early
    jpeg.bytes[length / 2] = 0xff;
    jpeg.bytes[length / 2 + 1] = 0xd9;
    assert_refused(jpeg, "truncated or broken JPEG");
    jpeg = encode(&plain);
    memset(jpeg.bytes + length / 2, 0x55, 300);
    memset(jpeg.bytes + length / 2 + 300, 0xfe, 300);
    assert_refused(jpeg, "truncated or broken JPEG");
}

static void test_kinds_that_are_refused(void **state)
{
    (void)state;
    struct recipe recipe = {.width = 64, .height = 48, .across = 1, .down = 1};
    recipe.space = JCS_CMYK;
    assert_refused(encode(&recipe), "neither YCbCr nor grey");
    recipe.space = JCS_RGB;
    assert_refused(encode(&recipe), "neither YCbCr nor grey");
    recipe.space = JCS_YCbCr;
    recipe.across = 3;
    assert_refused(encode(&recipe), "unusual way");
    recipe.across = 2;
    recipe.uneven = true;
    assert_refused(encode(&recipe), "unusual way");
}

static void test_other_size_than_the_frame(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain);
    jpeg.width++;
    assert_refused(jpeg, "the JPEG picture is 320x240 in a frame of 321x240");
}

static void test_too_large(void **state)
{
    (void)state;
    struct jpeg jpeg = encode(&plain);
    size_t at = 2;
    while (jpeg.bytes[at + 1] != 0xc0)
        at += 2 + (size_t)(jpeg.bytes[at + 2] << 8 | jpeg.bytes[at + 3]);
    memcpy(jpeg.bytes + at + 5, "\x4e\x20\x4e\x20", 4);
    jpeg.width = jpeg.height = 20000;
    assert_refused(jpeg, "20000x20000");
}

static void test_too_many_scans(void **state)
{
    (void)state;
    static jpeg_scan_info scans[1 + 63 * 10];
    const struct recipe recipe = {.width = 48, .height = 32, .across = 1, .down = 1, .grey = true};
    int n = 0;
    scans[n++] = (jpeg_scan_info){.comps_in_scan = 1};
    for (int k = 1; k < 64; k++) // each coefficient bit by bit: legal, and 631 scans
        for (int bit = 9; bit >= 0; bit--)
            scans[n++] = (jpeg_scan_info){
                .comps_in_scan = 1, .Ss = k, .Se = k, .Ah = bit == 9 ? 0 : bit + 1, .Al = bit};
    assert_refused(encode_scans(&recipe, scans, n), "more than 500 scans");
    struct jpeg fewer = encode_scans(&recipe, scans, 1 + 40 * 10);
    struct fg_jpeg_window *window = new_window();
    struct fg_frame frame = frame_of(window, &fewer);
    look_at_all(&frame, 1);
    fg_jpeg_window_destroy(window);
    free(fewer.bytes);
}

// A window that was never looked through, or set and not looked through.
static void test_unused(void **state)
{
    (void)state;
    fg_jpeg_window_destroy(NULL);
    fg_jpeg_window_destroy(new_window());
    struct fg_jpeg_window *window = new_window();
    fg_jpeg_window_set(window, NULL, 0);
    fg_jpeg_window_destroy(window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_of_the_whole),
        cmocka_unit_test(test_grey),
        cmocka_unit_test(test_as_a_still),
        cmocka_unit_test(test_no_finer_than_asked),
        cmocka_unit_test(test_a_finer_look_brings_all),
        cmocka_unit_test(test_pictures_learn_from_the_last),
        cmocka_unit_test(test_down_to_the_last_row_asked_for),
        cmocka_unit_test(test_regions_that_are_elsewhere),
        cmocka_unit_test(test_memory_is_kept),
        cmocka_unit_test(test_pictures_of_all_sizes),
        cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_without_huffman_tables),
        cmocka_unit_test(test_nothing_is_borrowed_from_the_last_picture),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_kinds_that_are_refused),
        cmocka_unit_test(test_other_size_than_the_frame),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_too_many_scans),
        cmocka_unit_test(test_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
