// SPDX-License-Identifier: Apache-2.0
#include "tools/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"

#define ID 40 // bytes of a charge's id with its NUL

struct fg_spool {
    const char *path; // the caller's
    FILE *file;
    char (*ids)[ID]; // open addressing, at most half full
    size_t room, count;
};

// ---- which charges it has ----------------------------------------------------------------------

static size_t place_of(const struct fg_spool *s, const char *id)
{
    size_t hash = 14695981039346656037u; // FNV-1a
    for (const char *at = id; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    size_t place = hash & (s->room - 1);
    while (s->ids[place][0] && strcmp(s->ids[place], id) != 0)
        place = (place + 1) & (s->room - 1);
    return place;
}

static int grow(struct fg_spool *s)
{
    struct fg_spool larger = {.room = s->room ? 2 * s->room : 256};
    larger.ids = calloc(larger.room, sizeof *larger.ids);
    if (!larger.ids)
        return -ENOMEM;
    for (size_t i = 0; i < s->room; i++)
        if (s->ids[i][0])
            memcpy(larger.ids[place_of(&larger, s->ids[i])], s->ids[i], ID);
    free(s->ids);
    s->ids = larger.ids;
    s->room = larger.room;
    return 0;
}

static int remember(struct fg_spool *s, const char *id)
{
    if (2 * (s->count + 1) > s->room && grow(s) < 0)
        return -ENOMEM;
    size_t length = strlen(id);
    if (length == 0 || length >= ID)
        return -EBADMSG;
    memcpy(s->ids[place_of(s, id)], id, length + 1);
    s->count++;
    return 0;
}

// ---- opening -----------------------------------------------------------------------------------

static int read_line(struct fg_spool *s, const char *line, size_t length)
{
    struct fg_json *json = NULL;
    if (fg_json_parse(line, length, &json, NULL) < 0)
        return -EBADMSG;
    int r = remember(s, fg_json_get_string(json, "charge", ""));
    fg_json_destroy(json);
    return r;
}

static int read_all(struct fg_spool *s, struct fg_error *err)
{
    char *line = NULL;
    size_t size = 0;
    off_t whole = 0; // the end of the last whole line
    ssize_t length;
    int r = 0;
    for (unsigned number = 1; r == 0 && (length = getline(&line, &size, s->file)) > 0; number++) {
        if (line[length - 1] != '\n')
            break;
        r = read_line(s, line, (size_t)length);
        if (r < 0)
            fg_fail(err, r, "%s:%u: not a charge: is it a spool of facegate charges?", s->path,
                    number);
        whole += length;
    }
    free(line);
    if (r == 0 && ferror(s->file))
        r = fg_fail(err, -EIO, "%s: can't be read", s->path);
    if (r == 0 && (fflush(s->file) != 0 || ftruncate(fileno(s->file), whole) < 0 ||
                   fseeko(s->file, 0, SEEK_END) < 0))
        r = fg_fail(err, -errno, "%s: %s", s->path, strerror(errno));
    return r;
}

// That the file itself is there after a power cut.
static int sync_folder(const char *path, struct fg_error *err)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = fd >= 0 && fsync(fd) == 0 ? 0 : fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(copy);
    return r;
}

static int open_file(struct fg_spool *s, struct fg_error *err)
{
    int fd = open(s->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return fg_fail(err, -errno, "%s: %s", s->path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return fg_fail(err, -EBUSY, "%s: another facegate charges writes it", s->path);
    }
    s->file = fdopen(fd, "a+e");
    if (!s->file) {
        close(fd);
        return fg_fail(err, -ENOMEM, "out of memory");
    }
    rewind(s->file);
    return sync_folder(s->path, err);
}

int fg_spool_open(const char *path, struct fg_spool **ret, struct fg_error *err)
{
    struct fg_spool *s = calloc(1, sizeof *s);
    if (!s)
        return fg_fail(err, -ENOMEM, "out of memory");
    s->path = path;
    int r = open_file(s, err);
    if (r == 0)
        r = read_all(s, err);
    if (r < 0)
        fg_spool_close(s);
    else
        *ret = s;
    return r;
}

void fg_spool_close(struct fg_spool *spool)
{
    if (!spool)
        return;
    if (spool->file)
        fclose(spool->file);
    free(spool->ids);
    free(spool);
}

// ---- adding ------------------------------------------------------------------------------------

int fg_spool_add(struct fg_spool *spool, const char *charge, const char *line, struct fg_error *err)
{
    if (spool->count > 0 && spool->ids[place_of(spool, charge)][0])
        return 0;
    int r = remember(spool, charge);
    if (r < 0)
        return fg_fail(err, r, "%s", r == -ENOMEM ? "out of memory" : "not a charge's id");
    if (fprintf(spool->file, "%s\n", line) < 0)
        return fg_fail(err, -errno, "%s: %s", spool->path, strerror(errno));
    return 0;
}

int fg_spool_sync(struct fg_spool *spool, struct fg_error *err)
{
    if (fflush(spool->file) == 0 && fdatasync(fileno(spool->file)) == 0)
        return 0;
    return fg_fail(err, -errno, "%s: %s: nothing was taken, try again when it can be written",
                   spool->path, strerror(errno));
}
