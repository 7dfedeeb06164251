// SPDX-License-Identifier: Apache-2.0
// A folder of pictures in the order of their names (as bytes), or one picture alone.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pipeline/image_codecs.h"
#include "pipeline/source_file.h"

struct folder_source {
    char **paths;
    size_t n_paths, capacity;
    bool single;
    struct fg_image images[FG_SOURCE_SLOTS];
};

bool fg_source_is_picture_name(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(name + length - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

// Takes the path, also on failure; NULL is out of memory.
static int append(struct folder_source *source, char *path)
{
    if (path && source->n_paths == source->capacity) {
        size_t larger = source->capacity ? 2 * source->capacity : 64;
        char **paths = reallocarray(source->paths, larger, sizeof *paths);
        if (paths) {
            source->paths = paths;
            source->capacity = larger;
        }
    }
    if (!path || source->n_paths == source->capacity) {
        free(path);
        return -ENOMEM;
    }
    source->paths[source->n_paths++] = path;
    return 0;
}

static char *join(const char *folder, const char *name)
{
    char *path = NULL;
    size_t length = strlen(folder);
    const char *slash = length && folder[length - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", folder, slash, name) < 0 ? NULL : path;
}

static int by_name(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static int list(struct folder_source *source, const char *path, struct fg_error *err)
{
    DIR *folder = opendir(path);
    if (!folder)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    int code = 0;
    for (struct dirent *entry; code == 0 && (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && fg_source_is_picture_name(entry->d_name))
            code = append(source, join(path, entry->d_name));
    closedir(folder);
    if (code)
        return fg_fail(err, code, "%s: no memory for the list of pictures", path);
    if (!source->n_paths)
        return fg_fail(err, -ENOENT, "%s: no *.jpg, *.jpeg or *.png in this folder", path);
    qsort(source->paths, source->n_paths, sizeof source->paths[0], by_name);
    return 0;
}

static uint64_t picture_bytes(const struct fg_frame *frame)
{
    uint64_t luma = (uint64_t)frame->width * frame->height;
    if (frame->fourcc == FG_FOURCC_RGB)
        return 3 * luma;
    if (frame->fourcc == FG_FOURCC_GREY)
        return luma;
    unsigned x = frame->chroma_shift_x, y = frame->chroma_shift_y;
    uint64_t width = (frame->width + (1u << x) - 1) >> x;
    uint64_t height = (frame->height + (1u << y) - 1) >> y;
    return luma + 2 * width * height;
}

static int folder_read(void *state, uint64_t index, struct fg_frame *frame, uint64_t *copied,
                       struct fg_error *err)
{
    struct folder_source *source = state;
    struct fg_image *image = &source->images[frame->slot];
    int code = fg_image_load(image, source->paths[index], err);
    if (code == -EIO) // of this file alone: the next one may be fine
        code = -EINVAL;
    if (code)
        return code;
    if (image->turned)
        *copied += picture_bytes(&image->frame);
    fg_source_fill(frame, &image->frame);
    return 0;
}

static void folder_describe(const void *state, const struct fg_frame *first, char *text,
                            size_t size)
{
    const struct folder_source *source = state;
    if (source->single)
        snprintf(text, size, "picture %ux%u", first->width, first->height);
    else
        snprintf(text, size, "folder of %zu pictures, the first %ux%u", source->n_paths,
                 first->width, first->height);
}

static void folder_wipe(void *state, unsigned slot)
{
    struct folder_source *source = state;
    fg_image_wipe(&source->images[slot]);
}

static void folder_close(void *state)
{
    struct folder_source *source = state;
    for (unsigned i = 0; i < FG_SOURCE_SLOTS; i++)
        fg_image_finish(&source->images[i]);
    for (size_t i = 0; i < source->n_paths; i++)
        free(source->paths[i]);
    free(source->paths);
    free(source);
}

static int open_paths(const char *path, bool single, struct fg_source_backend *ret,
                      struct fg_error *err)
{
    static const struct fg_source_ops ops = {folder_read, folder_describe, folder_wipe,
                                             folder_close};
    struct folder_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    source->single = single;
    int code = single ? append(source, strdup(path)) : list(source, path, err);
    if (code) {
        folder_close(source);
        return single ? fg_fail(err, code, "%s: no memory for its name", path) : code;
    }
    *ret = (struct fg_source_backend){&ops, source, source->n_paths};
    return 0;
}

int fg_source_folder_open(const char *path, struct fg_source_backend *ret, struct fg_error *err)
{
    return open_paths(path, false, ret, err);
}

int fg_source_picture_open(const char *path, struct fg_source_backend *ret, struct fg_error *err)
{
    return open_paths(path, true, ret, err);
}
