// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/uvc_film.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MOST (256u << 20)

static int read_all(const char *path, uint8_t **ret, size_t *ret_length, struct fg_error *err)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info) < 0) {
        int r = fg_fail(err, -errno, "%s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        return r;
    }
    const size_t length = (size_t)info.st_size;
    uint8_t *bytes = info.st_size > 0 && length <= FILE_MOST ? malloc(length) : NULL;
    const bool whole = bytes && fread(bytes, 1, length, file) == length;
    fclose(file);
    if (!whole) {
        free(bytes);
        return fg_fail(err, -EIO, "%s: can not read all of it", path);
    }
    *ret = bytes;
    *ret_length = length;
    return 0;
}

static void replace(struct fg_uvc_film *film, struct fg_uvc_film *made)
{
    fg_uvc_film_finish(film);
    *film = *made;
}

// Inside of a JPEG without a thumbnail, ff d9 ends it and nothing else.
static void find_jpegs(struct fg_uvc_film *film, size_t length, size_t most)
{
    const uint8_t *p = film->bytes;
    size_t start = 0;
    for (size_t i = 0; i + 1 < length && film->count < FG_UVC_FILM_FRAMES; i++) {
        if (p[i] != 0xff || p[i + 1] != 0xd9)
            continue;
        const size_t end = i + 2;
        if (p[start] == 0xff && p[start + 1] == 0xd8 && end - start <= most) {
            film->starts[film->count] = start;
            film->lengths[film->count++] = end - start;
        }
        start = end;
    }
}

int fg_uvc_film_load_jpegs(struct fg_uvc_film *film, const char *path, size_t most,
                           struct fg_error *err)
{
    struct fg_uvc_film made = {0};
    size_t length;
    int r = read_all(path, &made.bytes, &length, err);
    if (r < 0)
        return r;
    find_jpegs(&made, length, most);
    if (made.count == 0) {
        fg_uvc_film_finish(&made);
        return fg_fail(err, -EINVAL, "%s: no JPEG of at most %zu bytes in it", path, most);
    }
    replace(film, &made);
    return 0;
}

int fg_uvc_film_load_raw(struct fg_uvc_film *film, const char *path, size_t bytes,
                         struct fg_error *err)
{
    struct fg_uvc_film made = {0};
    size_t length;
    int r = read_all(path, &made.bytes, &length, err);
    if (r < 0)
        return r;
    if (length % bytes != 0) {
        fg_uvc_film_finish(&made);
        return fg_fail(err, -EINVAL, "%s: its frames are not of %zu bytes", path, bytes);
    }
    for (; made.count < FG_UVC_FILM_FRAMES && made.count < length / bytes; made.count++) {
        made.starts[made.count] = made.count * bytes;
        made.lengths[made.count] = bytes;
    }
    replace(film, &made);
    return 0;
}

void fg_uvc_film_finish(struct fg_uvc_film *film)
{
    free(film->bytes);
    *film = (struct fg_uvc_film){0};
}
