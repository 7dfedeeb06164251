// SPDX-License-Identifier: Apache-2.0
#include "tools/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ID 33 // 32 hex digits and the NUL

struct fg_spool {
    FILE *file;
    char *path;
    char (*ids)[ID]; // sorted, as the file had them when it was opened
    size_t count, room;
};

static int fail(const struct fg_spool *spool, int code, struct fg_error *err)
{
    return fg_fail(err, -code, "%s: %s", spool->path, strerror(code));
}

// ---- what it holds -----------------------------------------------------------------------------

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int keep_id(struct fg_spool *spool, const char *id, struct fg_error *err)
{
    if (spool->count == spool->room) {
        size_t room = spool->room ? 2 * spool->room : 256;
        void *ids = realloc(spool->ids, room * sizeof *spool->ids);
        if (!ids)
            return fg_fail(err, -ENOMEM, "out of memory");
        spool->ids = ids;
        spool->room = room;
    }
    memcpy(spool->ids[spool->count++], id, ID);
    return 0;
}

static int read_line(struct fg_spool *spool, const char *line, size_t length, unsigned number,
                     struct fg_error *err)
{
    struct fg_json *json = NULL;
    struct fg_error why = {""};
    int r = fg_json_parse(line, length, &json, &why);
    const char *id = r == 0 ? fg_json_get_string(json, "id", "") : "";
    if (strlen(id) != ID - 1)
        r = fg_fail(err, -EBADMSG, "%s:%u: no charge; is this the spool's file?", spool->path,
                    number);
    else
        r = keep_id(spool, id, err);
    fg_json_destroy(json);
    return r;
}

// Up to the last whole line; behind it the file ends.
static int read_lines(struct fg_spool *spool, struct fg_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    off_t whole = 0;
    int r = 0;
    for (unsigned n = 1; r == 0 && (length = getline(&line, &room, spool->file)) > 0; n++) {
        if (line[length - 1] != '\n')
            break;
        r = read_line(spool, line, (size_t)length - 1, n, err);
        whole += length;
    }
    free(line);
    if (r == 0 && ferror(spool->file))
        r = fail(spool, EIO, err);
    if (r == 0 &&
        (ftruncate(fileno(spool->file), whole) < 0 || fseeko(spool->file, whole, SEEK_SET) < 0))
        r = fail(spool, errno, err);
    if (spool->count > 0)
        qsort(spool->ids, spool->count, sizeof *spool->ids, by_text);
    return r;
}

// ---- opening -----------------------------------------------------------------------------------

static int open_file(struct fg_spool *spool, struct fg_error *err)
{
    int fd = open(spool->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(spool, errno, err);
    spool->file = fdopen(fd, "r+");
    if (!spool->file) {
        close(fd);
        return fg_fail(err, -ENOMEM, "out of memory");
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK
               ? fg_fail(err, -EBUSY, "%s: another process takes charges into it", spool->path)
               : fail(spool, errno, err);
}

// So that a new file is found again after a power cut.
static int settle_folder(struct fg_spool *spool, struct fg_error *err)
{
    char *copy = strdup(spool->path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int code = fd < 0 || fsync(fd) < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return code ? fail(spool, code, err) : 0;
}

int fg_spool_open(const char *path, struct fg_spool **ret, struct fg_error *err)
{
    struct fg_spool *spool = calloc(1, sizeof *spool);
    if (!spool || !(spool->path = strdup(path))) {
        free(spool);
        return fg_fail(err, -ENOMEM, "out of memory");
    }
    int r = open_file(spool, err);
    if (r == 0)
        r = read_lines(spool, err);
    if (r == 0)
        r = settle_folder(spool, err);
    if (r == 0) // what a killed run wrote and did not sync counts from now on
        r = fg_spool_sync(spool, err);
    if (r < 0)
        fg_spool_close(spool);
    else
        *ret = spool;
    return r;
}

void fg_spool_close(struct fg_spool *spool)
{
    if (!spool)
        return;
    if (spool->file)
        fclose(spool->file);
    free(spool->ids);
    free(spool->path);
    free(spool);
}

// ---- adding ------------------------------------------------------------------------------------

bool fg_spool_has(const struct fg_spool *spool, const char *id)
{
    return spool->count > 0 &&
           bsearch(id, spool->ids, spool->count, sizeof *spool->ids, by_text) != NULL;
}

int fg_spool_add(struct fg_spool *spool, const struct fg_json *charge, struct fg_error *err)
{
    char *text = fg_json_print(charge, false);
    int r = fprintf(spool->file, "%s\n", text) < 0 ? fail(spool, errno, err) : 0;
    free(text);
    return r;
}

int fg_spool_sync(struct fg_spool *spool, struct fg_error *err)
{
    if (fflush(spool->file) != 0 || fsync(fileno(spool->file)) < 0)
        return fail(spool, errno, err);
    return 0;
}
