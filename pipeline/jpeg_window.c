// SPDX-License-Identifier: Apache-2.0
// libjpeg-turbo writes the planes as they are coded ("raw data"): no upsampling, no conversion.
#include "pipeline/jpeg_window.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

#include "pipeline/image_codecs.h"

#define SCALES         4 // 1, 1/2, 1/4, 1/8
#define SCANS_MOST     500
#define PLANE_ROWS_MAX 32 // 4 blocks of 8: what one read gives of a plane
// A scale that was needed is expected to be needed in so many further pictures of the slot. Of four
// slots at 30 frames that is about a second: longer than from one shot of a face to its next.
#define EXPECTED 8

struct fg_jpeg_window {
    const uint8_t *bytes;
    size_t length;
    struct jpeg_decompress_struct reader; // between two looks it rests before the next row
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape; // out of the library, at its first error
    char reason[JMSG_LENGTH_MAX];
    struct fg_image image; // the planes
    bool started;
    unsigned scale;           // of the decode that was started: log2
    unsigned rows;            // to be decoded before the reader rests
    uint8_t expected[SCALES]; // pictures for which the scale is still expected
};

// ---- out of the library -------------------------------------------------------------------------

static void on_error(j_common_ptr reader)
{
    struct fg_jpeg_window *w = reader->client_data;
    w->errors.format_message(reader, w->reason);
    longjmp(w->escape, 1);
}

static void on_message(j_common_ptr reader, int level)
{
    if (level < 0) // a warning: pixels were made up
        on_error(reader);
}

static void on_output(j_common_ptr reader)
{
    (void)reader; // library code is silent
}

// Against progressive files with thousands of scans over a large picture.
static void on_progress(j_common_ptr reader)
{
    struct fg_jpeg_window *w = reader->client_data;
    if (w->reader.input_scan_number <= SCANS_MOST)
        return;
    snprintf(w->reason, sizeof w->reason, "it has more than %d scans", SCANS_MOST);
    longjmp(w->escape, 1);
}

// Everything that may end in on_error happens in a step.
static int do_step(struct fg_jpeg_window *w, void (*step)(struct fg_jpeg_window *),
                   struct fg_error *err)
{
    if (setjmp(w->escape) == 0) {
        step(w);
        return 0;
    }
    if (w->errors.msg_code == JERR_OUT_OF_MEMORY)
        return fg_fail(err, -ENOMEM, "no memory to decode a JPEG picture");
    return fg_fail(err, -EBADMSG, "truncated or broken JPEG: %s", w->reason);
}

// ---- the steps ----------------------------------------------------------------------------------

// A new reader for each decode: an old one would lend a picture without tables those of the last.
static void open_reader(struct fg_jpeg_window *w)
{
    w->reader = (struct jpeg_decompress_struct){.err = &w->errors, .client_data = w};
    w->errors.msg_code = 0;
    jpeg_create_decompress(&w->reader);
    w->reader.progress = &w->progress;
    jpeg_mem_src(&w->reader, w->bytes, w->length);
    jpeg_read_header(&w->reader, TRUE);
}

static void start_reader(struct fg_jpeg_window *w)
{
    w->reader.raw_data_out = TRUE;
    w->reader.scale_num = 1;
    w->reader.scale_denom = 1u << w->scale;
    jpeg_start_decompress(&w->reader);
}

// One row of blocks at a time, each plane's straight to its place.
static void read_rows(struct fg_jpeg_window *w)
{
    struct jpeg_decompress_struct *reader = &w->reader;
    const unsigned at_once = (unsigned)(reader->max_v_samp_factor * reader->min_DCT_scaled_size);
    while (reader->output_scanline < w->rows) {
        JSAMPROW rows[3][PLANE_ROWS_MAX];
        JSAMPARRAY planes[3] = {rows[0], rows[1], rows[2]};
        const size_t block_row = reader->output_scanline / at_once;
        for (int i = 0; i < reader->num_components; i++) {
            const jpeg_component_info *part = &reader->comp_info[i];
            const struct fg_plane *plane = &w->image.frame.planes[i];
            const size_t n = (size_t)(part->v_samp_factor * part->DCT_scaled_size);
            uint8_t *to = w->image.memory + (plane->data - w->image.memory);
            for (size_t r = 0; r < n; r++)
                rows[i][r] = to + (block_row * n + r) * plane->stride;
        }
        if (jpeg_read_raw_data(reader, planes, at_once) == 0)
            ERREXIT(reader, JERR_CANT_SUSPEND);
    }
}

// ---- a decode -----------------------------------------------------------------------------------

static void forget(struct fg_jpeg_window *w)
{
    jpeg_destroy_decompress(&w->reader); // also of a reader that is all zeros
    w->started = false;
}

static int check_header(const struct fg_jpeg_window *w, const struct fg_frame *frame,
                        struct fg_error *err)
{
    const struct jpeg_decompress_struct *reader = &w->reader;
    const unsigned width = reader->image_width, height = reader->image_height;
    if (width != frame->width || height != frame->height)
        return fg_fail(err, -EBADMSG, "the JPEG picture is %ux%u in a frame of %ux%u", width,
                       height, frame->width, frame->height);
    if (fg_image_check_size(width, height, err) < 0)
        return -EBADMSG;
    if ((reader->jpeg_color_space == JCS_YCbCr && reader->num_components == 3) ||
        (reader->jpeg_color_space == JCS_GRAYSCALE && reader->num_components == 1))
        return 0;
    return fg_fail(err, -EBADMSG,
                   "the JPEG picture is neither YCbCr nor grey: set the camera to one of them, or "
                   "convert the file");
}

// The shifts from luma's size to chroma's, of this scale: the library gives chroma of 4:2:0 in
// luma's size as soon as its blocks are large enough for that. Both planes must agree.
static int set_chroma(struct fg_jpeg_window *w, struct fg_error *err)
{
    struct fg_frame *frame = &w->image.frame;
    unsigned shifts[2] = {0, 0};
    const jpeg_component_info *part = w->reader.comp_info;
    const int luma[2] = {part[0].h_samp_factor * part[0].DCT_scaled_size,
                         part[0].v_samp_factor * part[0].DCT_scaled_size};
    for (int i = 1; i < w->reader.num_components; i++) {
        const int chroma[2] = {part[i].h_samp_factor * part[i].DCT_scaled_size,
                               part[i].v_samp_factor * part[i].DCT_scaled_size};
        for (int k = 0; k < 2; k++) {
            unsigned shift = 0;
            while (shift < 3 && chroma[k] << shift < luma[k])
                shift++;
            if (shift > 2 || chroma[k] << shift != luma[k] || (i == 2 && shift != shifts[k]))
                return fg_fail(err, -EBADMSG,
                               "the JPEG picture's chroma is laid out in an unusual way: set the "
                               "camera to 4:2:2 or 4:2:0, or convert the file");
            shifts[k] = shift;
        }
    }
    frame->chroma_shift_x = (uint8_t)shifts[0];
    frame->chroma_shift_y = (uint8_t)shifts[1];
    return 0;
}

static int reserve(struct fg_jpeg_window *w, struct fg_error *err)
{
    const struct jpeg_decompress_struct *reader = &w->reader;
    struct fg_image_plane planes[3];
    for (int i = 0; i < reader->num_components; i++) {
        const jpeg_component_info *part = &reader->comp_info[i];
        const uint32_t side = (uint32_t)part->DCT_scaled_size; // of a block, here
        planes[i].row_bytes = part->width_in_blocks * side;
        planes[i].rows = reader->total_iMCU_rows * (uint32_t)part->v_samp_factor * side;
    }
    return fg_image_reserve(&w->image, planes, (unsigned)reader->num_components, err);
}

static int make_frame(struct fg_jpeg_window *w, struct fg_error *err)
{
    struct fg_frame *frame = &w->image.frame;
    const bool grey = w->reader.num_components == 1;
    frame->fourcc = grey ? FG_FOURCC_GREY : FG_FOURCC_YUV;
    frame->full_range = true;
    frame->width = w->reader.output_width;
    frame->height = w->reader.output_height;
    int code = set_chroma(w, err);
    return code ? code : reserve(w, err);
}

static int start(struct fg_jpeg_window *w, const struct fg_frame *frame, unsigned scale,
                 struct fg_error *err)
{
    forget(w);
    w->scale = scale;
    int code = do_step(w, open_reader, err);
    if (code == 0)
        code = check_header(w, frame, err);
    if (code == 0)
        code = do_step(w, start_reader, err);
    if (code == 0)
        code = make_frame(w, err);
    w->started = code == 0;
    return code;
}

// The coarsest that still gives 1/shrink of the resolution.
static unsigned scale_for(double shrink)
{
    unsigned scale = 0;
    while (scale + 1 < SCALES && shrink >= 2u << scale)
        scale++;
    return scale;
}

static unsigned finest_expected(const struct fg_jpeg_window *w)
{
    unsigned scale = 0;
    while (scale + 1 < SCALES && w->expected[scale] == 0)
        scale++;
    return scale;
}

// A second decode of a picture is the last one: it has everything.
static int start_if_needed(struct fg_jpeg_window *w, const struct fg_frame *frame, unsigned scale,
                           struct fg_error *err)
{
    w->expected[scale] = EXPECTED;
    if (!w->started)
        return start(w, frame, finest_expected(w), err);
    return w->scale <= scale ? 0 : start(w, frame, 0, err);
}

static int read_down_to(struct fg_jpeg_window *w, const struct fg_region *region,
                        struct fg_error *err)
{
    const unsigned height = w->reader.output_height;
    double bottom = ldexp(fmax(region->y + region->height, 0), -(int)w->scale);
    bottom += 1 + (1 << w->image.frame.chroma_shift_y); // a pixel of every plane for filters
    w->rows = bottom < height ? (unsigned)ceil(bottom) : height;
    return do_step(w, read_rows, err);
}

int fg_jpeg_window_get(const struct fg_frame *frame, const struct fg_region *region, double shrink,
                       struct fg_view *ret, struct fg_error *err)
{
    struct fg_jpeg_window *w = frame->jpeg;
    int code = start_if_needed(w, frame, scale_for(shrink), err);
    if (code == 0)
        code = read_down_to(w, region, err);
    if (code) {
        forget(w);
        return code;
    }
    *ret = (struct fg_view){&w->image.frame, 0, 0, 1u << w->scale};
    return 0;
}

void fg_jpeg_window_set(struct fg_jpeg_window *window, const uint8_t *bytes, size_t length)
{
    forget(window);
    window->bytes = bytes;
    window->length = length;
    for (unsigned i = 0; i < SCALES; i++)
        window->expected[i] -= window->expected[i] > 0;
}

int fg_jpeg_window_show(struct fg_jpeg_window *window, const char *camera, struct fg_frame *frame,
                        struct fg_error *err)
{
    struct fg_plane *plane = &frame->planes[0];
    struct fg_jpeg_outline outline;
    const bool found = fg_jpeg_walk(plane->data, plane->length, &outline);
    if (!found || !outline.sized || !outline.complete)
        return fg_fail(err, -EBADMSG, "%s: a frame of %u bytes is no whole JPEG picture", camera,
                       plane->length);
    if (outline.width != frame->width || outline.height != frame->height)
        return fg_fail(err, -EBADMSG, "%s: a JPEG picture of %ux%u where %ux%u were agreed", camera,
                       outline.width, outline.height, frame->width, frame->height);
    plane->length = (uint32_t)outline.length;
    frame->jpeg = window;
    fg_jpeg_window_set(window, plane->data, plane->length);
    return 0;
}

int fg_jpeg_window_create(struct fg_jpeg_window **ret)
{
    struct fg_jpeg_window *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    jpeg_std_error(&w->errors);
    w->errors.error_exit = on_error;
    w->errors.emit_message = on_message;
    w->errors.output_message = on_output;
    w->progress.progress_monitor = on_progress;
    *ret = w;
    return 0;
}

void fg_jpeg_window_wipe(struct fg_jpeg_window *window)
{
    forget(window); // the library's rows of blocks go back to the heap
    fg_image_wipe(&window->image);
}

void fg_jpeg_window_destroy(struct fg_jpeg_window *window)
{
    if (!window)
        return;
    forget(window);
    fg_image_finish(&window->image);
    free(window);
}
