// SPDX-License-Identifier: Apache-2.0
#include "tools/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER     "facegate-import 1 model "
#define MOST_BYTES (256 << 20)

struct fg_journal {
    int fd;
    char *path, *text;
    char **ids; // in text, sorted
    size_t count;
};

static int system_failed(const struct fg_journal *j, const char *what, struct fg_error *err)
{
    int code = -errno;
    return fg_fail(err, code, "%s: %s: %s; name another place with --journal", j->path, what,
                   strerror(-code));
}

static int write_all(struct fg_journal *j, const char *bytes, size_t length, struct fg_error *err)
{
    while (length > 0) {
        ssize_t n = write(j->fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_failed(j, "can't write", err);
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

static int open_locked(struct fg_journal *j, struct fg_error *err)
{
    j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (j->fd < 0)
        return system_failed(j, "can't open the journal", err);
    if (flock(j->fd, LOCK_EX | LOCK_NB) < 0)
        return fg_fail(err, errno == EWOULDBLOCK ? -EBUSY : -errno,
                       "%s: another import is at work with this journal", j->path);
    return 0;
}

static int read_text(struct fg_journal *j, size_t *ret_length, struct fg_error *err)
{
    struct stat st;
    size_t used = 0;
    if (fstat(j->fd, &st) < 0)
        return system_failed(j, "can't read", err);
    if (!S_ISREG(st.st_mode) || st.st_size > MOST_BYTES)
        return fg_fail(err, -EINVAL, "%s: not a journal of facegate import", j->path);
    j->text = malloc((size_t)st.st_size + 1);
    if (!j->text)
        return fg_fail(err, -ENOMEM, "out of memory");
    while (used < (size_t)st.st_size) {
        ssize_t n = pread(j->fd, j->text + used, (size_t)st.st_size - used, (off_t)used);
        if (n < 0)
            return system_failed(j, "can't read", err);
        if (n == 0)
            break;
        used += (size_t)n;
    }
    j->text[used] = 0;
    *ret_length = used;
    return 0;
}

// What a kill in the middle of a write leaves behind.
static int drop_torn_line(struct fg_journal *j, size_t *length, struct fg_error *err)
{
    size_t whole = *length;
    while (whole > 0 && j->text[whole - 1] != '\n')
        whole--;
    if (whole == *length)
        return 0;
    // Only what we wrote ourselves may be cut off.
    size_t known = strlen(HEADER);
    if (strncmp(j->text, HEADER, *length < known ? *length : known) != 0)
        return fg_fail(err, -EINVAL, "%s: not a journal of facegate import", j->path);
    if (ftruncate(j->fd, (off_t)whole) < 0)
        return system_failed(j, "can't write", err);
    j->text[whole] = 0;
    *length = whole;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int index_lines(struct fg_journal *j, char *lines, struct fg_error *err)
{
    size_t most = 0;
    for (const char *at = lines; (at = strchr(at, '\n')); at++)
        most++;
    j->ids = calloc(most + 1, sizeof *j->ids);
    if (!j->ids)
        return fg_fail(err, -ENOMEM, "out of memory");
    for (char *end; (end = strchr(lines, '\n')); lines = end + 1) {
        *end = 0;
        j->ids[j->count++] = lines;
    }
    qsort(j->ids, j->count, sizeof *j->ids, by_text);
    return 0;
}

static int read_journal(struct fg_journal *j, const char *model, struct fg_error *err)
{
    size_t length = 0;
    char header[96];
    int n = snprintf(header, sizeof header, HEADER "%.60s\n", model);
    int code = read_text(j, &length, err);
    if (code == 0)
        code = drop_torn_line(j, &length, err);
    if (code < 0)
        return code;
    if (length == 0)
        return write_all(j, header, (size_t)n, err);
    if (strncmp(j->text, HEADER, strlen(HEADER)) != 0 || strlen(j->text) != length)
        return fg_fail(err, -EINVAL, "%s: not a journal of facegate import", j->path);
    if (strncmp(j->text, header, (size_t)n) != 0)
        return fg_fail(err, -EINVAL,
                       "%s: written by an import with another model; remove it to start anew",
                       j->path);
    return index_lines(j, j->text + n, err);
}

int fg_journal_open(const char *path, const char *model, struct fg_journal **ret,
                    struct fg_error *err)
{
    struct fg_journal *j = calloc(1, sizeof *j);
    if (!j)
        return fg_fail(err, -ENOMEM, "out of memory");
    j->fd = -1;
    j->path = strdup(path);
    int code = j->path ? open_locked(j, err) : fg_fail(err, -ENOMEM, "out of memory");
    if (code == 0)
        code = read_journal(j, model, err);
    if (code < 0) {
        fg_journal_close(j);
        return code;
    }
    *ret = j;
    return 0;
}

void fg_journal_close(struct fg_journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    free(journal->ids);
    free(journal->text);
    free(journal->path);
    free(journal);
}

bool fg_journal_has(const struct fg_journal *journal, const char *id)
{
    return journal->count > 0 &&
           bsearch(&id, journal->ids, journal->count, sizeof *journal->ids, by_text);
}

int fg_journal_add(struct fg_journal *journal, const char *const *ids, size_t count,
                   struct fg_error *err)
{
    char *lines = NULL;
    size_t length = 0;
    FILE *memory = count > 0 ? open_memstream(&lines, &length) : NULL;
    if (!memory)
        return count > 0 ? fg_fail(err, -ENOMEM, "out of memory") : 0;
    for (size_t i = 0; i < count; i++)
        fprintf(memory, "%s\n", ids[i]);
    int code = fclose(memory) == 0 ? write_all(journal, lines, length, err)
                                   : fg_fail(err, -ENOMEM, "out of memory");
    free(lines);
    return code;
}
