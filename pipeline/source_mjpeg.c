// SPDX-License-Identifier: Apache-2.0
// MJPEG: JPEG pictures one after the other. The decoder writes straight into the slot's memory.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/image_codecs.h"
#include "pipeline/source_file.h"

struct entry {
    uint64_t offset;
    uint64_t length;
};

struct mjpeg_source {
    struct fg_source_file file;
    struct fg_jpeg *jpeg;
    struct fg_image images[FG_SOURCE_SLOTS];
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

// A picture that is cut short gets an entry too: the decoder refuses it and it is counted.
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

static int mjpeg_read(void *state, uint64_t index, struct fg_frame *frame, uint64_t *copied,
                      struct fg_error *err)
{
    struct mjpeg_source *source = state;
    (void)copied; // the decoder's output is the frame
    const struct entry *entry = &source->entries[index];
    struct fg_image *image = &source->images[frame->slot];
    int code = fg_source_file_check(&source->file, err);
    if (code)
        return code;
    if (entry->length > FG_IMAGE_MAX_BYTES)
        code = fg_fail(err, -EFBIG, "a picture of %llu bytes is over the limit of %u",
                       (unsigned long long)entry->length, FG_IMAGE_MAX_BYTES);
    else
        code = fg_jpeg_decode(source->jpeg, image, source->file.bytes + entry->offset,
                              (size_t)entry->length, false, err);
    if (code)
        return fg_fail_prefix(err, code, "%s: frame %llu at byte %llu", source->file.path,
                              (unsigned long long)index, (unsigned long long)entry->offset);
    fg_source_fill(frame, &image->frame);
    return 0;
}

static void mjpeg_describe(const void *state, const struct fg_frame *first, char *text, size_t size)
{
    const struct mjpeg_source *source = state;
    snprintf(text, size, "mjpeg %ux%u, %zu frames", first->width, first->height, source->n_entries);
}

static void mjpeg_close(void *state)
{
    struct mjpeg_source *source = state;
    for (unsigned i = 0; i < FG_SOURCE_SLOTS; i++)
        fg_image_finish(&source->images[i]);
    free(source->entries);
    fg_jpeg_destroy(source->jpeg);
    fg_source_file_finish(&source->file);
    free(source);
}

int fg_source_mjpeg_open(struct fg_source_file *file, struct fg_source_backend *ret,
                         struct fg_error *err)
{
    static const struct fg_source_ops ops = {mjpeg_read, mjpeg_describe, mjpeg_close};
    struct mjpeg_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    source->file.fd = -1;
    int code = fg_jpeg_create(&source->jpeg, err);
    if (code)
        goto fail;
    source->file = *file; // lent until the index is built
    code = build_index(source);
    if (code)
        fg_fail(err, code, "%s: no memory for the index", file->path);
    else if (!source->n_entries)
        code = fg_fail(err, -EINVAL, "%s: no JPEG picture inside", file->path);
    if (code) {
        source->file = (struct fg_source_file){.fd = -1};
        goto fail;
    }
    *file = (struct fg_source_file){.fd = -1};
    *ret = (struct fg_source_backend){&ops, source, source->n_entries};
    return 0;
fail:
    mjpeg_close(source);
    return code;
}
