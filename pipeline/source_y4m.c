// SPDX-License-Identifier: Apache-2.0
// YUV4MPEG2 (mjpegtools, yuv4mpeg(5)): a line of parameters, then for each frame a line that
// starts with FRAME and the planes without padding. Frames point into the mapping.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/image_codecs.h"
#include "pipeline/source_file.h"

#define LINE_LIMIT 1024u // bytes of a header or FRAME line

struct colour {
    const char *tag, *name;
    uint32_t fourcc;
    uint8_t shift_x, shift_y;
};

// The 4:2:0 kinds differ in where chroma lies by half a pixel, which the pipeline ignores.
static const struct colour colours[] = {
    {"420jpeg", "I420", FG_FOURCC_YUV, 1, 1},  {"420mpeg2", "I420", FG_FOURCC_YUV, 1, 1},
    {"420paldv", "I420", FG_FOURCC_YUV, 1, 1}, {"420", "I420", FG_FOURCC_YUV, 1, 1},
    {"422", "I422", FG_FOURCC_YUV, 1, 0},      {"444", "I444", FG_FOURCC_YUV, 0, 0},
    {"mono", "GREY", FG_FOURCC_GREY, 0, 0},
};

struct text {
    const char *at;
    size_t length;
};

static bool same(struct text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.at, word, text.length) == 0;
}

static int parse_side(struct text digits, uint32_t *ret, struct fg_error *err)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            value = UINT64_MAX;
        else if (value < UINT32_MAX)
            value = value * 10 + (uint64_t)(digits.at[i] - '0');
        if (value == UINT64_MAX)
            break;
    }
    if (!digits.length || value == UINT64_MAX)
        return fg_fail(err, -EINVAL, "Y4M header: '%.*s' is not a size",
                       (int)(digits.length < 40 ? digits.length : 40), digits.at);
    *ret = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return 0;
}

static int set_colour(struct fg_y4m *y4m, struct text tag, struct fg_error *err)
{
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        const struct colour *colour = &colours[i];
        if (!same(tag, colour->tag))
            continue;
        y4m->fourcc = colour->fourcc;
        y4m->name = colour->name;
        y4m->chroma_shift_x = colour->shift_x;
        y4m->chroma_shift_y = colour->shift_y;
        return 0;
    }
    return fg_fail(err, -ENOTSUP,
                   "Y4M pixel format C%.*s is not read: convert it (for example with ffmpeg "
                   "-pix_fmt yuv420p)",
                   (int)(tag.length < 40 ? tag.length : 40), tag.at);
}

struct header {
    bool width, height, range; // seen
};

static int parse_parameter(struct fg_y4m *y4m, struct header *seen, struct text word,
                           struct fg_error *err)
{
    struct text value = {word.at + 1, word.length - 1};
    switch (word.at[0]) {
    case 'W':
        seen->width = true;
        return parse_side(value, &y4m->width, err);
    case 'H':
        seen->height = true;
        return parse_side(value, &y4m->height, err);
    case 'C':
        return set_colour(y4m, value, err);
    case 'I':
        if (same(value, "p") || same(value, "?"))
            return 0;
        return fg_fail(
            err, -ENOTSUP,
            "interlaced Y4M is not read: convert it (for example with ffmpeg -vf yadif)");
    case 'X':
        if (same(value, "COLORRANGE=FULL") || same(value, "COLORRANGE=LIMITED")) {
            seen->range = true;
            y4m->full_range = same(value, "COLORRANGE=FULL");
        }
        return 0;
    default:
        return 0; // rate, aspect and whatever comes later do not change the pixels
    }
}

static int parse_words(struct fg_y4m *y4m, struct header *seen, struct text line,
                       struct fg_error *err)
{
    const char *at = line.at, *end = line.at + line.length;
    while (at < end) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        const char *stop = space ? space : end;
        int code =
            stop > at ? parse_parameter(y4m, seen, (struct text){at, (size_t)(stop - at)}, err) : 0;
        if (code)
            return code;
        at = stop + 1;
    }
    return 0;
}

// Length of the line at `at` without its newline, or SIZE_MAX when there is none.
static size_t line_length(const uint8_t *bytes, size_t length, size_t at)
{
    size_t left = length - at < LINE_LIMIT ? length - at : LINE_LIMIT;
    const uint8_t *newline = left ? memchr(bytes + at, '\n', left) : NULL;
    return newline ? (size_t)(newline - bytes) - at : SIZE_MAX;
}

static uint64_t plane_bytes(const struct fg_y4m *y4m, unsigned plane, uint32_t *ret_stride)
{
    unsigned x = plane ? y4m->chroma_shift_x : 0, y = plane ? y4m->chroma_shift_y : 0;
    *ret_stride = (y4m->width + (1u << x) - 1) >> x;
    return (uint64_t)*ret_stride * ((y4m->height + (1u << y) - 1) >> y);
}

static unsigned plane_count(const struct fg_y4m *y4m)
{
    return y4m->fourcc == FG_FOURCC_YUV ? 3 : 1;
}

static int parse_header(const uint8_t *bytes, size_t length, struct fg_y4m *y4m, size_t *ret_end,
                        struct fg_error *err)
{
    static const char magic[] = "YUV4MPEG2";
    const size_t word = sizeof magic - 1;
    struct header seen = {0};
    size_t line = line_length(bytes, length, 0);
    if (length < word || memcmp(bytes, magic, word) != 0)
        return fg_fail(err, -EINVAL, "not a Y4M file: it does not start with %s", magic);
    if (line == SIZE_MAX)
        return fg_fail(err, -EINVAL, "Y4M header: no newline in its first %u bytes", LINE_LIMIT);
    if (line > word && bytes[word] != ' ')
        return fg_fail(err, -EINVAL, "Y4M header: no space after %s", magic);
    set_colour(y4m, (struct text){"420jpeg", 7}, NULL);
    struct text words = {(const char *)bytes + word, line - word};
    int code = parse_words(y4m, &seen, words, err);
    if (code)
        return code;
    if (!seen.width || !seen.height)
        return fg_fail(err, -EINVAL, "Y4M header: no %s", seen.width ? "height (H)" : "width (W)");
    if (!seen.range) // limited unless said; writers of grey mean 0..255, as our GREY does
        y4m->full_range = y4m->fourcc == FG_FOURCC_GREY;
    *ret_end = line + 1;
    return fg_image_check_size(y4m->width, y4m->height, err);
}

static int append(struct fg_y4m *y4m, size_t *capacity, uint64_t offset)
{
    if (y4m->n_frames == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 64;
        uint64_t *offsets = reallocarray(y4m->offsets, larger, sizeof *offsets);
        if (!offsets)
            return -ENOMEM;
        y4m->offsets = offsets;
        *capacity = larger;
    }
    y4m->offsets[y4m->n_frames++] = offset;
    return 0;
}

static bool is_frame_line(const uint8_t *bytes, size_t at, size_t line)
{
    return line != SIZE_MAX && line >= 5 && memcmp(bytes + at, "FRAME", 5) == 0 &&
           (line == 5 || bytes[at + 5] == ' ');
}

static int find_frames(const uint8_t *bytes, size_t length, size_t at, struct fg_y4m *y4m,
                       struct fg_error *err)
{
    size_t capacity = 0;
    while (at < length) {
        size_t line = line_length(bytes, length, at);
        if (!is_frame_line(bytes, at, line) || length - at - line - 1 < y4m->frame_length) {
            y4m->damaged = true;
            y4m->damaged_offset = at;
            break;
        }
        if (append(y4m, &capacity, at + line + 1) < 0)
            return fg_fail(err, -ENOMEM, "no memory for the index of %zu frames", capacity);
        at += line + 1 + (size_t)y4m->frame_length;
    }
    if (y4m->n_frames)
        return 0;
    return fg_fail(err, -EINVAL,
                   "Y4M: no whole frame of %ux%u (%llu bytes after a FRAME line) from byte %zu on",
                   y4m->width, y4m->height, (unsigned long long)y4m->frame_length, at);
}

int fg_y4m_parse(const uint8_t *bytes, size_t length, struct fg_y4m *ret, struct fg_error *err)
{
    struct fg_y4m y4m = {0};
    size_t at = 0;
    int code = parse_header(bytes, length, &y4m, &at, err);
    if (code)
        return code;
    for (unsigned i = 0; i < plane_count(&y4m); i++) {
        uint32_t stride;
        y4m.frame_length += plane_bytes(&y4m, i, &stride);
    }
    code = find_frames(bytes, length, at, &y4m, err);
    if (code) {
        fg_y4m_finish(&y4m);
        return code;
    }
    *ret = y4m;
    return 0;
}

void fg_y4m_finish(struct fg_y4m *y4m)
{
    free(y4m->offsets);
    *y4m = (struct fg_y4m){0};
}

void fg_y4m_frame(const struct fg_y4m *y4m, const uint8_t *bytes, size_t length, size_t index,
                  struct fg_frame *frame)
{
    struct fg_frame picture = {.fourcc = y4m->fourcc,
                               .width = y4m->width,
                               .height = y4m->height,
                               .chroma_shift_x = y4m->chroma_shift_x,
                               .chroma_shift_y = y4m->chroma_shift_y,
                               .full_range = y4m->full_range,
                               .n_planes = plane_count(y4m)};
    size_t at = (size_t)y4m->offsets[index];
    for (unsigned i = 0; i < picture.n_planes; i++) {
        struct fg_plane *plane = &picture.planes[i];
        uint64_t own = plane_bytes(y4m, i, &plane->stride);
        uint64_t readable = length - at; // a vector may run over the plane's end, not the file's
        plane->data = bytes + at;
        plane->length =
            (uint32_t)(readable < own + FG_IMAGE_ALIGN ? readable : own + FG_IMAGE_ALIGN);
        plane->dmabuf_fd = -1;
        at += (size_t)own;
    }
    fg_source_fill(frame, &picture);
}

struct y4m_source {
    struct fg_source_file file;
    struct fg_y4m y4m;
};

static int y4m_read(void *state, uint64_t index, struct fg_frame *frame, uint64_t *copied,
                    struct fg_error *err)
{
    struct y4m_source *source = state;
    (void)copied; // the frame is the mapping
    int code = fg_source_file_check(&source->file, err);
    if (code)
        return code;
    if (index >= source->y4m.n_frames)
        return fg_fail(err, -EINVAL,
                       "%s: frame %llu at byte %llu is cut off or has no FRAME line; what follows "
                       "is not read",
                       source->file.path, (unsigned long long)index,
                       (unsigned long long)source->y4m.damaged_offset);
    fg_y4m_frame(&source->y4m, source->file.bytes, source->file.length, (size_t)index, frame);
    return 0;
}

static void y4m_describe(const void *state, const struct fg_frame *first, char *text, size_t size)
{
    const struct y4m_source *source = state;
    snprintf(text, size, "y4m %ux%u %s", first->width, first->height, source->y4m.name);
}

static void y4m_close(void *state)
{
    struct y4m_source *source = state;
    fg_y4m_finish(&source->y4m);
    fg_source_file_finish(&source->file);
    free(source);
}

int fg_source_y4m_open(struct fg_source_file *file, struct fg_source_backend *ret,
                       struct fg_error *err)
{
    static const struct fg_source_ops ops = {y4m_read, y4m_describe, NULL, y4m_close};
    struct y4m_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    int code = fg_y4m_parse(file->bytes, file->length, &source->y4m, err);
    if (code) {
        free(source);
        return fg_fail_prefix(err, code, "%s", file->path);
    }
    source->file = *file;
    *file = (struct fg_source_file){.fd = -1};
    // What is damaged counts as one more picture, so that it is reported when it is reached.
    uint64_t count = source->y4m.n_frames + (source->y4m.damaged ? 1 : 0);
    *ret = (struct fg_source_backend){&ops, source, count};
    return 0;
}
