// SPDX-License-Identifier: Apache-2.0
// The file source: kinds, order, pacing, stopping, and files that are wrong.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "pipeline/image.h"
#include "pipeline/source.h"
#include "pipeline/source_file.h"
#include "pipeline/view.h"
#include "tests/scratch_folder.h"

#define MS UINT64_C(1000000)

static const struct fg_source_options at_once; // rate 0, no loop, no limit

// ---- fixtures ----------------------------------------------------------------------------------

static void put(const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(in_folder(name), "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void drop(const char *name)
{
    assert_int_equal(unlink(in_folder(name)), 0);
}

// A flat picture of one grey: decoding gives the value back.
static void make_jpeg(uint32_t width, uint32_t height, uint8_t value, uint8_t **bytes,
                      size_t *length)
{
    uint8_t *rgb = malloc((size_t)width * height * 3);
    assert_non_null(rgb);
    memset(rgb, value, (size_t)width * height * 3);
    assert_int_equal(fg_image_encode_jpeg(rgb, width, height, width * 3, 90, bytes, length, NULL),
                     0);
    free(rgb);
}

static void put_jpeg(const char *name, uint32_t width, uint32_t height, uint8_t value)
{
    uint8_t *bytes;
    size_t length;
    make_jpeg(width, height, value, &bytes, &length);
    put(name, bytes, length);
    free(bytes);
}

static void put_png(const char *name, uint32_t width, uint32_t height, uint8_t value)
{
    uint8_t *rgb = malloc((size_t)width * height * 3);
    assert_non_null(rgb);
    memset(rgb, value, (size_t)width * height * 3);
    assert_int_equal(fg_image_write_png(in_folder(name), rgb, width, height, width * 3, NULL), 0);
    free(rgb);
}

static void put_y4m_frame(const char *name, const char *line, size_t length, uint8_t value)
{
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, value, length);
    put_text(name, line);
    put(name, bytes, length);
    free(bytes);
}

// n frames of 8x6 in 4:2:0, frame i full of i.
static void put_y4m(const char *name, unsigned n)
{
    put_text(name, "YUV4MPEG2 W8 H6 F30:1 Ip A1:1 C420jpeg\n");
    for (unsigned i = 0; i < n; i++)
        put_y4m_frame(name, "FRAME\n", 72, (uint8_t)i);
}

static struct fg_source_counts counts_of(const struct fg_source *source)
{
    struct fg_source_counts counts;
    fg_source_counts(source, &counts);
    return counts;
}

static struct fg_source *open_source(const char *name, const struct fg_source_options *options)
{
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    char spec[160];
    snprintf(spec, sizeof spec, "file:%s", in_folder(name));
    int code = fg_source_open(spec, options, &source, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    return source;
}

static void assert_open_fails(const char *spec, int code, const char *part)
{
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    int got = fg_source_open(spec, &at_once, &source, &err);
    if (got != code || !strstr(err.text, part))
        fail_msg("%d '%s' instead of %d '%s'", got, err.text, code, part);
    assert_null(source);
}

static void assert_file_refused(const char *name, int code, const char *part)
{
    char spec[160];
    snprintf(spec, sizeof spec, "file:%s", in_folder(name));
    assert_open_fails(spec, code, part);
    assert_open_fails(spec, code, name); // the file is named
}

// The first pixel's grey; a JPEG picture is decoded for it.
static uint8_t first_pixel(const struct fg_frame *frame)
{
    const struct fg_region first = {0, 0, 1, 1};
    struct fg_view view;
    struct fg_error err = {0};
    if (fg_view_get(frame, &first, 1, &view, &err) != 0)
        fail_msg("%s", err.text);
    return view.frame->planes[0].data[0];
}

static void assert_next(struct fg_source *source, uint64_t sequence, uint32_t width, unsigned value)
{
    struct fg_frame *frame = NULL;
    struct fg_error err = {0};
    int code = fg_source_next(source, &frame, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    assert_int_equal(fg_frame_check(frame, NULL), 0);
    assert_int_equal(frame->sequence, sequence);
    assert_int_equal(frame->width, width);
    assert_in_range(first_pixel(frame), value ? value - 1 : 0, value + 1);
    fg_frame_release(frame);
}

static void assert_no_frame(struct fg_source *source, int want, const char *part)
{
    struct fg_frame *frame = NULL;
    struct fg_error err = {0};
    int code = fg_source_next(source, &frame, &err);
    if (code != want || (part && !strstr(err.text, part)))
        fail_msg("%d '%s' instead of %d '%s'", code, err.text, want, part ? part : "");
    assert_null(frame);
}

// The mapping of the file as the kernel lists it.
static void find_mapping(const char *name, uintptr_t *start, uintptr_t *end)
{
    char line[512], real[128];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    snprintf(real, sizeof real, "%s", in_folder(name));
    *start = *end = 0;
    while (fgets(line, sizeof line, maps))
        if (strstr(line, real))
            assert_int_equal(sscanf(line, "%" SCNxPTR "-%" SCNxPTR, start, end), 2);
    fclose(maps);
    assert_true(*start < *end);
}

// ---- folders and pictures ----------------------------------------------------------------------

static void test_folder(void **state)
{
    (void)state;
    put_jpeg("b.JPG", 40, 30, 60);
    put_png("c.png", 20, 10, 90);
    put_jpeg("a.jpeg", 64, 48, 30);
    put_text("notes.txt", "no picture");
    put_text("._a.jpg", "hidden");
    put_text("d.png", "broken");
    put_jpeg("e.jpg", 33, 33, 120);
    struct fg_source *source = open_source(".", &at_once);
    struct fg_source_info info;
    fg_source_info(source, &info);
    assert_int_equal(info.width, 64);
    assert_int_equal(info.height, 48);
    assert_string_equal(info.description, "folder of 5 pictures, the first 64x48");
    assert_next(source, 0, 64, 30);
    assert_next(source, 1, 40, 60);
    assert_next(source, 2, 20, 90);
    assert_no_frame(source, -EBADMSG, "d.png: neither JPEG, PNG nor JPEG 2000");
    assert_int_equal(counts_of(source).broken, 1);
    assert_next(source, 4, 33, 120);
    assert_no_frame(source, 1, NULL);
    assert_no_frame(source, 1, NULL);
    assert_int_equal(counts_of(source).copied, 0);
    fg_source_close(source);
    const char *names[] = {"b.JPG", "c.png", "a.jpeg", "notes.txt", "._a.jpg", "d.png", "e.jpg"};
    for (unsigned i = 0; i < 7; i++)
        drop(names[i]);
}

static void test_picture_that_vanishes(void **state)
{
    (void)state;
    put_jpeg("a.jpg", 16, 16, 10);
    put_jpeg("b.jpg", 16, 16, 20);
    struct fg_source *source = open_source("", &at_once);
    drop("b.jpg");
    assert_next(source, 0, 16, 10);
    assert_no_frame(source, -EBADMSG, "b.jpg: No such file");
    assert_no_frame(source, 1, NULL);
    fg_source_close(source);
    drop("a.jpg");
}

static void test_single_pictures(void **state)
{
    (void)state;
    const struct fg_source_options twice = {.loop = true, .max_frames = 2};
    put_jpeg("one.jpg", 50, 40, 77);
    put_jpeg("one.jpg", 50, 40, 200); // what a phone appends is not a second frame
    put_png("one.png", 9, 9, 33);
    char old[128];
    strcpy(old, in_folder("one.png"));
    assert_int_equal(rename(old, in_folder("no-ending")), 0);
    struct fg_source *source = open_source("one.jpg", &twice);
    struct fg_source_info info;
    fg_source_info(source, &info);
    assert_string_equal(info.description, "picture 50x40");
    assert_next(source, 0, 50, 77);
    assert_next(source, 1, 50, 77);
    assert_no_frame(source, 1, NULL);
    fg_source_close(source);
    source = open_source("no-ending", &at_once);
    assert_next(source, 0, 9, 33);
    fg_source_close(source);
    drop("no-ending");
    drop("one.jpg");
}

// A still that lies on its side is turned, and the bytes of that are counted.
static void test_turned_picture_is_counted(void **state)
{
    (void)state;
    static const uint8_t exif[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,  'M', 'M',
                                   0,    42,   0, 0,  0,   8,   0,   1,   1, 18, 0,   3,
                                   0,    0,    0, 1,  0,   6,   0,   0,   0, 0,  0,   0};
    uint8_t *bytes;
    size_t length;
    make_jpeg(32, 16, 50, &bytes, &length);
    const char *names[] = {"side.jpg", "side.mjpeg"};
    for (unsigned i = 0; i < 2; i++) {
        put(names[i], bytes, 2);
        put(names[i], exif, sizeof exif);
        put(names[i], bytes + 2, length - 2);
    }
    free(bytes);
    struct fg_source *source = open_source("side.jpg", &at_once);
    assert_next(source, 0, 16, 50);
    assert_int_equal(counts_of(source).copied, 32 * 16 * 3 / 2);
    fg_source_close(source);
    source = open_source("side.mjpeg", &at_once); // a camera's frames stay as they are
    assert_next(source, 0, 32, 50);
    assert_int_equal(counts_of(source).copied, 0);
    fg_source_close(source);
    drop("side.jpg");
    drop("side.mjpeg");
}

// ---- MJPEG -------------------------------------------------------------------------------------

static void test_mjpeg(void **state)
{
    (void)state;
    const struct fg_source_options loop = {.loop = true, .max_frames = 7};
    put_jpeg("clip.mjpeg", 64, 48, 40);
    put("clip.mjpeg", "\0\0\0", 3); // padding between pictures
    put_jpeg("clip.mjpeg", 64, 48, 80);
    put_jpeg("clip.mjpeg", 30, 20, 120);
    struct fg_source *source = open_source("clip.mjpeg", &loop);
    struct fg_source_info info;
    fg_source_info(source, &info);
    assert_string_equal(info.description, "mjpeg 64x48, 3 frames");
    for (unsigned i = 0; i < 7; i++)
        assert_next(source, i, i % 3 == 2 ? 30 : 64, 40 * (i % 3 + 1));
    assert_no_frame(source, 1, NULL);
    assert_int_equal(counts_of(source).copied, 0);
    fg_source_close(source);
    drop("clip.mjpeg");
}

// Puts `middle` in a comment or application segment after SOI.
static void put_with_segment(const char *name, uint8_t marker, const uint8_t *middle, size_t size,
                             const uint8_t *jpeg, size_t length)
{
    const uint8_t head[4] = {0xff, marker, (uint8_t)((size + 2) >> 8), (uint8_t)(size + 2)};
    put(name, jpeg, 2);
    put(name, head, 4);
    put(name, middle, size);
    put(name, jpeg + 2, length - 2);
}

static void test_mjpeg_with_thumbnails(void **state)
{
    (void)state;
    uint8_t *big, *small;
    size_t big_length, small_length;
    make_jpeg(64, 48, 200, &big, &big_length);
    make_jpeg(16, 16, 20, &small, &small_length);
    for (unsigned i = 0; i < 3; i++) // a whole JPEG, with its FF D9, inside each
        put_with_segment("clip.mjpeg", i == 1 ? 0xfe : 0xe1, small, small_length, big, big_length);
    free(big);
    free(small);
    struct fg_source *source = open_source("clip.mjpeg", &at_once);
    for (unsigned i = 0; i < 3; i++)
        assert_next(source, i, 64, 200);
    assert_no_frame(source, 1, NULL);
    fg_source_close(source);
    drop("clip.mjpeg");
}

static void test_mjpeg_broken_in_the_middle(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t length;
    put_jpeg("clip.mjpeg", 64, 48, 40);
    make_jpeg(64, 48, 99, &bytes, &length);
    put("clip.mjpeg", bytes, length - 40); // cut inside its data; the next one follows at once
    put_jpeg("clip.mjpeg", 64, 48, 80);
    put("clip.mjpeg", "\xff\xd8\xff\xe0\xff\xff", 6); // a segment that runs past the next picture
    put_jpeg("clip.mjpeg", 64, 48, 120);
    put("clip.mjpeg", bytes, length / 2); // the recording ends here
    free(bytes);
    struct fg_source *source = open_source("clip.mjpeg", &at_once);
    assert_next(source, 0, 64, 40);
    assert_no_frame(source, -EBADMSG, "clip.mjpeg: frame 1 at byte");
    assert_next(source, 2, 64, 80);
    assert_no_frame(source, -EBADMSG, "frame 3 at byte");
    assert_next(source, 4, 64, 120);
    assert_no_frame(source, -EBADMSG, "frame 5 at byte");
    assert_no_frame(source, 1, NULL);
    assert_int_equal(counts_of(source).broken, 3);
    fg_source_close(source);
    drop("clip.mjpeg");
}

static void test_mjpeg_is_not_copied(void **state)
{
    (void)state;
    uintptr_t start, end;
    put_jpeg("clip.mjpeg", 64, 48, 40);
    put_jpeg("clip.mjpeg", 64, 48, 80);
    struct fg_source *source = open_source("clip.mjpeg", &at_once);
    struct fg_source_info info;
    fg_source_info(source, &info);
    assert_string_equal(info.picture, "MJPG 64x48");
    find_mapping("clip.mjpeg", &start, &end);
    struct fg_frame *frames[2] = {NULL, NULL};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fg_source_next(source, &frames[i], NULL), 0);
        assert_int_equal(frames[i]->fourcc, FG_FOURCC_MJPG);
        const struct fg_plane *plane = &frames[i]->planes[0];
        assert_in_range((uintptr_t)plane->data, start, end - plane->length);
        assert_memory_equal(plane->data, "\xff\xd8\xff", 3);
        assert_memory_equal(plane->data + plane->length - 2, "\xff\xd9", 2);
    }
    assert_in_range(first_pixel(frames[0]), 39, 41); // each has a window of its own
    assert_in_range(first_pixel(frames[1]), 79, 81);
    assert_in_range(first_pixel(frames[0]), 39, 41);
    for (unsigned i = 0; i < 2; i++)
        fg_frame_release(frames[i]);
    assert_int_equal(counts_of(source).copied, 0);
    fg_source_close(source);
    drop("clip.mjpeg");
}

// Whole by its markers: only who looks at it finds out.
static void test_mjpeg_broken_inside(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t length;
    make_jpeg(64, 48, 99, &bytes, &length);
    bytes[length - 12] = 0xff; // ends early, and what follows is no picture
    bytes[length - 11] = 0xd9;
    put_jpeg("clip.mjpeg", 64, 48, 40);
    put("clip.mjpeg", bytes, length);
    put_jpeg("clip.mjpeg", 64, 48, 120);
    put("first.mjpeg", bytes, length);
    free(bytes);
    struct fg_source *source = open_source("clip.mjpeg", &at_once);
    assert_next(source, 0, 64, 40);
    struct fg_frame *frame = NULL;
    assert_int_equal(fg_source_next(source, &frame, NULL), 0);
    const struct fg_region whole = {0, 0, 64, 48};
    struct fg_view view;
    struct fg_error err = {0};
    assert_int_equal(fg_view_get(frame, &whole, 1, &view, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "truncated or broken JPEG"));
    fg_frame_release(frame);
    assert_next(source, 2, 64, 120);
    fg_source_close(source);
    drop("clip.mjpeg");
    assert_file_refused("first.mjpeg", -EINVAL, "frame 0 at byte 0: truncated or broken JPEG");
    drop("first.mjpeg");
}

static void test_mjpeg_refused(void **state)
{
    (void)state;
    put_text("clip.mjpeg", "\xff\xd8 and nothing more");
    assert_file_refused("clip.mjpeg", -EINVAL, "no JPEG picture");
    drop("clip.mjpeg");
    put("clip.mjpeg", "\xff\xd8\xff\xd9", 4);
    assert_file_refused("clip.mjpeg", -EINVAL, "frame 0 at byte 0: truncated or broken JPEG");
    drop("clip.mjpeg");
}

// ---- Y4M ---------------------------------------------------------------------------------------

static uint8_t *slurp(const char *name, size_t *ret_length)
{
    FILE *file = fopen(in_folder(name), "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *ret_length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*ret_length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *ret_length, file), *ret_length);
    fclose(file);
    return bytes;
}

static void test_y4m_is_not_copied(void **state)
{
    (void)state;
    uintptr_t start, end;
    size_t length;
    put_y4m("clip.y4m", 3);
    uint8_t *bytes = slurp("clip.y4m", &length);
    struct fg_source *source = open_source("clip.y4m", &at_once);
    struct fg_source_info info;
    fg_source_info(source, &info);
    assert_string_equal(info.description, "y4m 8x6 I420");
    find_mapping("clip.y4m", &start, &end);
    const size_t header = (size_t)((uint8_t *)memchr(bytes, '\n', length) - bytes) + 1;
    for (unsigned i = 0; i < 3; i++) {
        struct fg_frame *frame = NULL;
        const size_t at[3] = {0, 48, 60}; // planes of 8x6, 4x3, 4x3
        assert_int_equal(fg_source_next(source, &frame, NULL), 0);
        assert_int_equal(frame->fourcc, FG_FOURCC_YUV);
        assert_int_equal(frame->n_planes, 3);
        assert_false(frame->full_range);
        for (unsigned p = 0; p < 3; p++) {
            const struct fg_plane *plane = &frame->planes[p];
            size_t offset = header + i * (6 + 72) + 6 + at[p];
            assert_int_equal((uintptr_t)plane->data, start + offset);
            assert_int_equal(plane->stride, p ? 4 : 8);
            assert_true((uintptr_t)plane->data + plane->length <= start + length);
            assert_int_equal(plane->data[0], i);
        }
        fg_frame_release(frame);
    }
    assert_no_frame(source, 1, NULL);
    assert_int_equal(counts_of(source).copied, 0);
    fg_source_close(source);
    free(bytes);
    drop("clip.y4m");
}

static void check_y4m_kind(const char *parameters, size_t frame_bytes, uint32_t fourcc,
                           unsigned shift_x, unsigned shift_y, bool full_range)
{
    struct fg_frame *frame = NULL;
    put_text("clip.y4m", "YUV4MPEG2 W5 H3");
    put_text("clip.y4m", parameters);
    put_text("clip.y4m", "\n");
    put_y4m_frame("clip.y4m", "FRAME\n", frame_bytes, 7);
    put_y4m_frame("clip.y4m", "FRAME Xanything\n", frame_bytes, 9);
    struct fg_source *source = open_source("clip.y4m", &at_once);
    assert_int_equal(fg_source_next(source, &frame, NULL), 0);
    assert_int_equal(frame->fourcc, fourcc);
    assert_int_equal(frame->chroma_shift_x, shift_x);
    assert_int_equal(frame->chroma_shift_y, shift_y);
    assert_int_equal(frame->full_range, full_range);
    assert_int_equal(fg_frame_check(frame, NULL), 0);
    for (unsigned p = 0; p < frame->n_planes; p++)
        assert_int_equal(frame->planes[p].data[0], 7);
    fg_frame_release(frame);
    assert_next(source, 1, 5, 9);
    assert_no_frame(source, 1, NULL);
    fg_source_close(source);
    drop("clip.y4m");
}

static void test_y4m_kinds(void **state)
{
    (void)state;
    check_y4m_kind("", 15 + 2 * 6, FG_FOURCC_YUV, 1, 1, false);
    check_y4m_kind(" C420", 15 + 2 * 6, FG_FOURCC_YUV, 1, 1, false);
    check_y4m_kind(" C420jpeg XCOLORRANGE=FULL", 15 + 2 * 6, FG_FOURCC_YUV, 1, 1, true);
    check_y4m_kind(" XCOLORRANGE=FULL C420mpeg2", 15 + 2 * 6, FG_FOURCC_YUV, 1, 1, true);
    check_y4m_kind(" C420paldv  XYSCSS=420 XCOLORRANGE=LIMITED", 27, FG_FOURCC_YUV, 1, 1, false);
    check_y4m_kind(" C422", 15 + 2 * 9, FG_FOURCC_YUV, 1, 0, false);
    check_y4m_kind(" C444", 45, FG_FOURCC_YUV, 0, 0, false);
    check_y4m_kind(" Cmono", 15, FG_FOURCC_GREY, 0, 0, true);
    check_y4m_kind(" Cmono XCOLORRANGE=LIMITED", 15, FG_FOURCC_GREY, 0, 0, false);
}

static void refuse_y4m(const char *text, int code, const char *part)
{
    put_text("bad.y4m", text);
    assert_file_refused("bad.y4m", code, part);
    drop("bad.y4m");
}

static void test_y4m_refused(void **state)
{
    (void)state;
    refuse_y4m("YUV4MPEG2 W8 H6", -EINVAL, "no newline");
    refuse_y4m("YUV4MPEG2", -EINVAL, "no newline");
    refuse_y4m("YUV4MPEG2W8 H6\nFRAME\n", -EINVAL, "no space");
    refuse_y4m("YUV4MPEG2 W8\nFRAME\n", -EINVAL, "no height");
    refuse_y4m("YUV4MPEG2 H8\nFRAME\n", -EINVAL, "no width");
    refuse_y4m("YUV4MPEG2 W H6\nFRAME\n", -EINVAL, "not a size");
    refuse_y4m("YUV4MPEG2 W-8 H6\nFRAME\n", -EINVAL, "not a size");
    refuse_y4m("YUV4MPEG2 W0 H0\nFRAME\n", -EFBIG, "0x0");
    refuse_y4m("YUV4MPEG2 W20000 H20000\nFRAME\n", -EFBIG, "20000x20000");
    refuse_y4m("YUV4MPEG2 W99999999999999999999999 H2\nFRAME\n", -EFBIG, "4294967295x2");
    refuse_y4m("YUV4MPEG2 W8 H6 C420p10\nFRAME\n", -ENOTSUP, "C420p10");
    refuse_y4m("YUV4MPEG2 W8 H6 It\nFRAME\n", -ENOTSUP, "interlaced");
    refuse_y4m("YUV4MPEG2 W2 H2 Cmono\n", -EINVAL, "no whole frame");
    refuse_y4m("YUV4MPEG2 W2 H2 Cmono\nFRAMED\n1234", -EINVAL, "no whole frame");
    refuse_y4m("YUV4MPEG2 W2 H2 Cmono\nFRAME\n123", -EINVAL, "from byte 22");
    char line[2000] = "YUV4MPEG2 W8 H6 X";
    memset(line + strlen(line), 'x', 1900);
    refuse_y4m(line, -EINVAL, "no newline in its first 1024 bytes");
}

static void test_y4m_damaged_end(void **state)
{
    (void)state;
    put_y4m("clip.y4m", 2);
    put_text("clip.y4m", "FRAME\nonly a few bytes");
    struct fg_source *source = open_source("clip.y4m", &at_once);
    assert_next(source, 0, 8, 0);
    assert_next(source, 1, 8, 1);
    assert_no_frame(source, -EBADMSG, "frame 2 at byte 195"); // 39 + 2 * (6 + 72)
    assert_no_frame(source, 1, NULL);
    assert_int_equal(counts_of(source).broken, 1);
    fg_source_close(source);
    drop("clip.y4m");
    put_y4m("clip.y4m", 2);
    put_y4m_frame("clip.y4m", "FRAMX\n", 72, 2);
    put_y4m_frame("clip.y4m", "FRAME\n", 72, 3);
    const struct fg_source_options loop = {.loop = true};
    source = open_source("clip.y4m", &loop);
    for (unsigned i = 0; i < 2; i++) {
        assert_next(source, 3 * i, 8, 0);
        assert_next(source, 3 * i + 1, 8, 1);
        assert_no_frame(source, -EBADMSG, "FRAME");
    }
    assert_int_equal(counts_of(source).broken, 2);
    fg_source_close(source);
    drop("clip.y4m");
}

static void test_file_that_shrinks(void **state)
{
    (void)state;
    const char *names[] = {"clip.y4m", "clip.mjpeg"};
    put_y4m("clip.y4m", 200);
    for (unsigned i = 0; i < 20; i++)
        put_jpeg("clip.mjpeg", 64, 48, 40);
    for (unsigned i = 0; i < 2; i++) {
        struct fg_source *source = open_source(names[i], &at_once);
        assert_next(source, 0, i ? 64 : 8, i ? 40 : 0);
        assert_int_equal(truncate(in_folder(names[i]), 100), 0);
        assert_no_frame(source, -EIO, "shrunk");
        assert_no_frame(source, -EIO, names[i]);
        assert_int_equal(counts_of(source).broken, 0);
        fg_source_close(source);
        drop(names[i]);
    }
}

// ---- opening -----------------------------------------------------------------------------------

static void test_open_errors(void **state)
{
    (void)state;
    assert_open_fails("nonsense", -EINVAL, "'nonsense' is not a source");
    assert_open_fails("file:", -EINVAL, "file:PATH");
    assert_open_fails("file:/nowhere/at/all", -ENOENT, "/nowhere/at/all");
    assert_open_fails("file:/dev/null", -EINVAL, "neither a file nor a folder");
    assert_file_refused("", -ENOENT, "no *.jpg");
    put("odd", "", 0);
    assert_file_refused("odd", -EINVAL, "empty");
    put_text("odd", "RIFF");
    assert_file_refused("odd", -EINVAL, "not a source");
    drop("odd");
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_file_refused("pipe", -EINVAL, "neither a file nor a folder");
    drop("pipe");
    put_text("bad.jpg", "no picture");
    assert_file_refused("bad.jpg", -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    drop("bad.jpg");
}

static void test_rates(void **state)
{
    (void)state;
    const double bad[] = {-1, 1e-4, 1e7, (double)INFINITY, (double)NAN};
    put_y4m("clip.y4m", 1);
    for (unsigned i = 0; i < 5; i++) {
        struct fg_source_options options = {.rate = bad[i]};
        struct fg_source *source = NULL;
        struct fg_error err = {0};
        char spec[160];
        snprintf(spec, sizeof spec, "file:%s", in_folder("clip.y4m"));
        assert_int_equal(fg_source_open(spec, &options, &source, &err), -EINVAL);
        assert_non_null(strstr(err.text, "frame rate"));
    }
    drop("clip.y4m");
}

// ---- pacing ------------------------------------------------------------------------------------

static void test_paced(void **state)
{
    (void)state;
    const struct fg_source_options options = {.rate = 200, .loop = true, .max_frames = 20};
    struct fg_frame *frame = NULL;
    uint64_t t0 = 0, last = 0;
    put_y4m("clip.y4m", 3);
    struct fg_source *source = open_source("clip.y4m", &options);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(fg_source_next(source, &frame, NULL), 0);
        uint64_t now = fg_monotonic_ns();
        if (i == 0) {
            t0 = frame->t_capture_ns;
            assert_int_equal(frame->sequence, 0);
        } else { // a busy machine may skip; then the sequence and the time jump together
            assert_true(frame->sequence > last);
        }
        last = frame->sequence;
        assert_int_equal(frame->t_capture_ns, t0 + last * 5 * MS);
        assert_true(now >= frame->t_capture_ns); // never early
        assert_int_equal(frame->planes[0].data[0], last % 3);
        fg_frame_release(frame);
    }
    assert_no_frame(source, 1, NULL);
    fg_source_close(source);
    drop("clip.y4m");
}

static void test_late_consumer_gets_no_burst(void **state)
{
    (void)state;
    const struct fg_source_options options = {.rate = 100, .loop = true};
    struct fg_frame *frame = NULL;
    put_y4m("clip.y4m", 7);
    struct fg_source *source = open_source("clip.y4m", &options);
    assert_int_equal(fg_source_next(source, &frame, NULL), 0);
    uint64_t t0 = frame->t_capture_ns;
    fg_frame_release(frame);
    fg_sleep_until_ns(t0 + 105 * MS);
    uint64_t before = fg_monotonic_ns();
    assert_int_equal(fg_source_next(source, &frame, NULL), 0);
    uint64_t first = frame->sequence;
    assert_true(first >= 10);
    assert_true(frame->t_capture_ns + 10 * MS + 1000 >= before); // of now, not of then
    assert_int_equal(frame->planes[0].data[0], first % 7);
    fg_frame_release(frame);
    assert_int_equal(fg_source_next(source, &frame, NULL), 0);
    assert_true(frame->sequence > first);
    assert_true(fg_monotonic_ns() >= t0 + frame->sequence * 10 * MS); // waited for its time
    fg_frame_release(frame);
    fg_source_close(source);
    drop("clip.y4m");
}

static void test_late_past_the_end(void **state)
{
    (void)state;
    const struct fg_source_options options = {.rate = 1000};
    put_y4m("clip.y4m", 3);
    struct fg_source *source = open_source("clip.y4m", &options);
    assert_next(source, 0, 8, 0);
    usleep(20000);
    assert_no_frame(source, 1, NULL);
    fg_source_close(source);
    drop("clip.y4m");
}

static void test_unpaced_loses_nothing(void **state)
{
    (void)state;
    const struct fg_source_options options = {.loop = true, .max_frames = 500};
    put_y4m("clip.y4m", 9);
    struct fg_source *source = open_source("clip.y4m", &options);
    for (unsigned i = 0; i < 500; i++)
        assert_next(source, i, 8, i % 9);
    assert_no_frame(source, 1, NULL);
    fg_source_close(source);
    drop("clip.y4m");
}

// ---- threads -----------------------------------------------------------------------------------

struct waiter {
    struct fg_source *source;
    int code;
};

static struct fg_stop *make_stop(void)
{
    struct fg_stop *stop;
    assert_int_equal(fg_stop_create(&stop), 0);
    return stop;
}

static void *wait_for_frame(void *argument)
{
    struct waiter *waiter = argument;
    struct fg_frame *frame;
    waiter->code = fg_source_next(waiter->source, &frame, NULL);
    if (waiter->code == 0)
        fg_frame_release(frame);
    return NULL;
}

static void test_stop_while_waiting_for_its_time(void **state)
{
    (void)state;
    struct fg_stop *stop = make_stop();
    const struct fg_source_options options = {.rate = 0.001, .stop = stop};
    pthread_t thread;
    put_y4m("clip.y4m", 3);
    struct waiter waiter = {open_source("clip.y4m", &options), 99};
    assert_next(waiter.source, 0, 8, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_frame, &waiter), 0);
    usleep(20000); // likely asleep by now; right either way
    fg_stop_set(stop);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.code, -ECANCELED);
    assert_no_frame(waiter.source, -ECANCELED, "stopped");
    fg_source_close(waiter.source);
    fg_stop_destroy(stop);
    drop("clip.y4m");
}

static void test_waits_for_a_slot(void **state)
{
    (void)state;
    struct fg_stop *stop = make_stop();
    const struct fg_source_options options = {.stop = stop};
    struct fg_frame *held[FG_SOURCE_SLOTS];
    pthread_t thread;
    put_y4m("clip.y4m", 9);
    struct waiter waiter = {open_source("clip.y4m", &options), 99};
    for (unsigned i = 0; i < FG_SOURCE_SLOTS; i++)
        assert_int_equal(fg_source_next(waiter.source, &held[i], NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_frame, &waiter), 0);
    usleep(20000);
    fg_frame_release(held[2]);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.code, 0);
    assert_int_equal(fg_source_next(waiter.source, &held[2], NULL), 0);
    assert_int_equal(held[2]->sequence, FG_SOURCE_SLOTS + 1); // nothing was left out
    assert_int_equal(pthread_create(&thread, NULL, wait_for_frame, &waiter), 0);
    usleep(20000);
    fg_stop_set(stop);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.code, -ECANCELED);
    for (unsigned i = 0; i < FG_SOURCE_SLOTS; i++)
        fg_frame_release(held[i]);
    fg_source_close(waiter.source);
    fg_stop_destroy(stop);
    drop("clip.y4m");
}

static struct fg_stop *alarmed;

static void on_alarm(int number)
{
    (void)number;
    fg_stop_set(alarmed);
}

static void test_stop_from_a_signal(void **state)
{
    (void)state;
    alarmed = make_stop();
    const struct fg_source_options options = {.rate = 0.001, .stop = alarmed};
    struct sigaction action = {.sa_handler = on_alarm}, old;
    put_y4m("clip.y4m", 3);
    struct fg_source *source = open_source("clip.y4m", &options);
    assert_next(source, 0, 8, 0);
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    ualarm(20000, 0);
    assert_no_frame(source, -ECANCELED, "stopped");
    sigaction(SIGALRM, &old, NULL);
    fg_source_close(source);
    fg_stop_destroy(alarmed);
    drop("clip.y4m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_picture_that_vanishes),
        cmocka_unit_test(test_single_pictures),
        cmocka_unit_test(test_turned_picture_is_counted),
        cmocka_unit_test(test_mjpeg),
        cmocka_unit_test(test_mjpeg_with_thumbnails),
        cmocka_unit_test(test_mjpeg_broken_in_the_middle),
        cmocka_unit_test(test_mjpeg_is_not_copied),
        cmocka_unit_test(test_mjpeg_broken_inside),
        cmocka_unit_test(test_mjpeg_refused),
        cmocka_unit_test(test_y4m_is_not_copied),
        cmocka_unit_test(test_y4m_kinds),
        cmocka_unit_test(test_y4m_refused),
        cmocka_unit_test(test_y4m_damaged_end),
        cmocka_unit_test(test_file_that_shrinks),
        cmocka_unit_test(test_open_errors),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_paced),
        cmocka_unit_test(test_late_consumer_gets_no_burst),
        cmocka_unit_test(test_late_past_the_end),
        cmocka_unit_test(test_unpaced_loses_nothing),
        cmocka_unit_test(test_stop_while_waiting_for_its_time),
        cmocka_unit_test(test_waits_for_a_slot),
        cmocka_unit_test(test_stop_from_a_signal),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
