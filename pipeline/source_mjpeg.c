// SPDX-License-Identifier: Apache-2.0
// MJPEG: JPEG pictures one after the other, handed out as they lie in the file.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/image_codecs.h"
#include "pipeline/jpeg_window.h"
#include "pipeline/source_file.h"

struct entry {
    uint64_t offset;
    uint64_t length;
};

struct mjpeg_source {
    struct fg_source_file file;
    struct fg_jpeg_window *windows[FG_SOURCE_SLOTS];
    struct entry *entries;
    size_t n_entries, capacity;
};

static int append(struct mjpeg_source *source, struct entry entry)
{
    if (source->n_entries == source->capacity) {
        size_t larger = source->capacity ? 2 * source->capacity : 64;
        struct entry *entries = reallocarray(source->entries, larger, sizeof *entries);
        if (!entries)
            return -ENOMEM;
        source->entries = entries;
        source->capacity = larger;
    }
    source->entries[source->n_entries++] = entry;
    return 0;
}

// The next start of a picture; `length` when there is none.
static size_t find_start(const uint8_t *bytes, size_t length, size_t at)
{
    static const uint8_t start[3] = {0xff, 0xd8, 0xff};
    const uint8_t *hit = memmem(bytes + at, length - at, start, sizeof start);
    return hit ? (size_t)(hit - bytes) : length;
}

// A picture that is cut short gets an entry too: it is refused and counted when its turn comes.
static int build_index(struct mjpeg_source *source)
{
    const uint8_t *bytes = source->file.bytes;
    size_t length = source->file.length, at = 0;
    while ((at = find_start(bytes, length, at)) < length) {
        struct fg_jpeg_outline outline;
        fg_jpeg_walk(bytes + at, length - at, &outline);
        if (append(source, (struct entry){at, outline.length}) < 0)
            return -ENOMEM;
        at += outline.length;
    }
    return 0;
}

// What the markers show; what only the decoder can find comes when the picture is looked at.
static int check_picture(const uint8_t *bytes, uint64_t length, struct fg_jpeg_outline *outline,
                         struct fg_error *err)
{
    if (length > FG_IMAGE_MAX_BYTES)
        return fg_fail(err, -EFBIG, "a picture of %llu bytes is over the limit of %u",
                       (unsigned long long)length, FG_IMAGE_MAX_BYTES);
    if (!fg_jpeg_walk(bytes, length, outline) || !outline->complete || !outline->sized)
        return fg_fail(err, -EINVAL, "truncated or broken JPEG: no %s",
                       outline->complete ? "frame header" : "end of the picture");
    return fg_image_check_size(outline->width, outline->height, err);
}

static int fail_picture(const struct mjpeg_source *source, uint64_t index, int code,
                        struct fg_error *err)
{
    return fg_fail_prefix(err, code, "%s: frame %llu at byte %llu", source->file.path,
                          (unsigned long long)index,
                          (unsigned long long)source->entries[index].offset);
}

static int mjpeg_read(void *state, uint64_t index, struct fg_frame *frame, uint64_t *copied,
                      struct fg_error *err)
{
    struct mjpeg_source *source = state;
    (void)copied; // the file's bytes are the frame
    const struct entry *entry = &source->entries[index];
    const uint8_t *bytes = source->file.bytes + entry->offset;
    struct fg_jpeg_outline outline = {0};
    int code = fg_source_file_check(&source->file, err);
    if (code)
        return code;
    code = check_picture(bytes, entry->length, &outline, err);
    if (code)
        return fail_picture(source, index, code, err);
    const uint32_t length = (uint32_t)entry->length;
    struct fg_frame picture = {.fourcc = FG_FOURCC_MJPG,
                               .width = outline.width,
                               .height = outline.height,
                               .n_planes = 1,
                               .planes = {{bytes, 0, length, -1, 0}},
                               .jpeg = source->windows[frame->slot]};
    fg_jpeg_window_set(picture.jpeg, bytes, length);
    fg_source_fill(frame, &picture);
    return 0;
}

static void mjpeg_describe(const void *state, const struct fg_frame *first, char *text, size_t size)
{
    const struct mjpeg_source *source = state;
    snprintf(text, size, "mjpeg %ux%u, %zu frames", first->width, first->height, source->n_entries);
}

static void mjpeg_wipe(void *state, unsigned slot)
{
    struct mjpeg_source *source = state;
    fg_jpeg_window_wipe(source->windows[slot]);
}

static void mjpeg_close(void *state)
{
    struct mjpeg_source *source = state;
    for (unsigned i = 0; i < FG_SOURCE_SLOTS; i++)
        fg_jpeg_window_destroy(source->windows[i]);
    free(source->entries);
    fg_source_file_finish(&source->file);
    free(source);
}

static int make_windows(struct mjpeg_source *source, struct fg_error *err)
{
    for (unsigned i = 0; i < FG_SOURCE_SLOTS; i++)
        if (fg_jpeg_window_create(&source->windows[i]) < 0)
            return fg_fail(err, -ENOMEM, "no memory for a JPEG decoder");
    return 0;
}

// A file of pictures that cannot be decoded is refused at once.
static int try_decoder(struct mjpeg_source *source, struct fg_error *err)
{
    struct fg_frame frame = {0};
    struct fg_view view;
    uint64_t copied = 0;
    int code = mjpeg_read(source, 0, &frame, &copied, err);
    if (code)
        return code;
    struct fg_region whole = {0, 0, frame.width, frame.height};
    code = fg_view_get(&frame, &whole, 8, &view, err);
    return code ? fail_picture(source, 0, code == -EBADMSG ? -EINVAL : code, err) : 0;
}

static int open_index(struct mjpeg_source *source, struct fg_error *err)
{
    const char *path = source->file.path;
    int code = make_windows(source, err);
    if (code)
        return code;
    code = build_index(source);
    if (code)
        return fg_fail(err, code, "%s: no memory for the index", path);
    if (!source->n_entries)
        return fg_fail(err, -EINVAL, "%s: no JPEG picture inside", path);
    return try_decoder(source, err);
}

int fg_source_mjpeg_open(struct fg_source_file *file, struct fg_source_backend *ret,
                         struct fg_error *err)
{
    static const struct fg_source_ops ops = {mjpeg_read, mjpeg_describe, mjpeg_wipe, mjpeg_close};
    struct mjpeg_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    source->file = *file; // lent until the source is whole
    int code = open_index(source, err);
    if (code) {
        source->file = (struct fg_source_file){.fd = -1};
        mjpeg_close(source);
        return code;
    }
    *file = (struct fg_source_file){.fd = -1};
    *ret = (struct fg_source_backend){&ops, source, source->n_entries};
    return 0;
}
