// SPDX-License-Identifier: Apache-2.0
#include "common/conf.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONF_MOST_KEYS 64

struct reader {
    FILE *file;
    int line; // of the line last handed to libinih
    bool cut; // a line did not fit its buffer
    const char *path;
    const struct fg_conf_key *keys;
    size_t count;
    void *target;
    unsigned seen[CONF_MOST_KEYS]; // line of the first sight in this file, 0: not seen
    bool given[CONF_MOST_KEYS];    // in this file or one before
    char calls[512][40];           // names that came through a '*' key, for duplicates
    uint8_t call_keys[512];        // and which key that was
    unsigned n_calls;
    int code;
    struct fg_error *err;
};

static int set_text(const struct fg_conf_key *key, const char *value, char *at,
                    struct fg_error *err)
{
    if (strlen(value) >= key->size)
        return fg_fail(err, -EINVAL, "%s: longer than %zu bytes", key->key, key->size - 1);
    memcpy(at, value, strlen(value) + 1);
    return 0;
}

static int set_number(const struct fg_conf_key *key, const char *value, char *at,
                      struct fg_error *err)
{
    char *end;
    errno = 0;
    double number = strtod(value, &end);
    if (end == value || *end || errno || !isfinite(number))
        return fg_fail(err, -EINVAL, "%s = %s: not a number", key->key, value);
    if (number < key->low || number > key->high)
        return fg_fail(err, -EINVAL, "%s = %s: must be from %g to %g", key->key, value, key->low,
                       key->high);
    if (key->type == FG_CONF_DOUBLE) {
        memcpy(at, &number, sizeof number);
    } else if (key->type == FG_CONF_FLOAT) {
        float single = (float)number;
        memcpy(at, &single, sizeof single);
    } else {
        uint32_t whole = (uint32_t)number;
        if ((double)whole != number)
            return fg_fail(err, -EINVAL, "%s = %s: not a whole number", key->key, value);
        memcpy(at, &whole, sizeof whole);
    }
    return 0;
}

static int set_bool(const struct fg_conf_key *key, const char *value, char *at,
                    struct fg_error *err)
{
    static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
    for (int i = 0; i < 3; i++) {
        bool is_yes = strcasecmp(value, yes[i]) == 0;
        if (is_yes || strcasecmp(value, no[i]) == 0) {
            memcpy(at, &is_yes, sizeof is_yes);
            return 0;
        }
    }
    return fg_fail(err, -EINVAL, "%s = %s: must be yes or no", key->key, value);
}

static int set_choice(const struct fg_conf_key *key, const char *value, char *at,
                      struct fg_error *err)
{
    char all[160] = "";
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(value, key->choices[i]) == 0) {
            memcpy(at, &i, sizeof i);
            return 0;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", key->choices[i]);
    }
    return fg_fail(err, -EINVAL, "%s = %s: must be one of %s", key->key, value, all);
}

int fg_conf_set(const struct fg_conf_key *key, const char *value, void *target,
                struct fg_error *err)
{
    char *at = (char *)target + key->offset;
    switch (key->type) {
    case FG_CONF_STRING:
        return set_text(key, value, at, err);
    case FG_CONF_U32:
    case FG_CONF_DOUBLE:
    case FG_CONF_FLOAT:
        return set_number(key, value, at, err);
    case FG_CONF_BOOL:
        return set_bool(key, value, at, err);
    case FG_CONF_CHOICE:
        return set_choice(key, value, at, err);
    case FG_CONF_CALL:
        return key->call(target, key->key, value, err);
    }
    return -EINVAL;
}

static bool matches(const struct fg_conf_key *key, const char *section, const char *name)
{
    size_t stem = strlen(key->key);
    if (strcmp(key->section, section) != 0)
        return false;
    if (stem > 0 && key->key[stem - 1] == '*')
        return strncmp(key->key, name, stem - 1) == 0;
    return strcmp(key->key, name) == 0;
}

static int duplicate(struct reader *r, size_t index, const char *section, const char *name)
{
    const char *key = r->keys[index].key;
    if (key[strlen(key) - 1] != '*') {
        if (r->seen[index])
            return fg_fail(r->err, -EINVAL, "%s is given twice in [%s]; first in line %u", name,
                           section, r->seen[index]);
        r->seen[index] = (unsigned)r->line;
        return 0;
    }
    r->seen[index] = (unsigned)r->line;
    if (r->n_calls == sizeof r->calls / sizeof *r->calls || strlen(name) >= sizeof *r->calls)
        return fg_fail(r->err, -EINVAL, "%s: too many keys, or too long a name", name);
    for (unsigned i = 0; i < r->n_calls; i++)
        if (r->call_keys[i] == index && strcmp(r->calls[i], name) == 0)
            return fg_fail(r->err, -EINVAL, "%s is given twice in [%s]", name, section);
    r->call_keys[r->n_calls] = (uint8_t)index;
    memcpy(r->calls[r->n_calls++], name, strlen(name) + 1);
    return 0;
}

static int one_key(struct reader *r, const char *section, const char *name, const char *value)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct fg_conf_key *key = &r->keys[i];
        if (!matches(key, section, name))
            continue;
        int code = duplicate(r, i, section, name);
        if (code < 0)
            return code;
        if (key->type == FG_CONF_CALL)
            return key->call(r->target, name, value, r->err);
        return fg_conf_set(key, value, r->target, r->err);
    }
    if (!section[0])
        return fg_fail(r->err, -EINVAL, "%s stands before the first [section]", name);
    return fg_fail(r->err, -EINVAL, "unknown key %s in [%s]", name, section);
}

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct reader *r = context;
    if (r->code < 0)
        return 0;
    r->code = one_key(r, section, name, value);
    if (r->code < 0)
        fg_fail_prefix(r->err, r->code, "%s:%d", r->path, r->line);
    return r->code == 0;
}

static char *refuse_line(struct reader *r, const char *why, int number)
{
    r->code =
        fg_fail(r->err, -EINVAL, "%s:%d: the line has %s %d bytes", r->path, r->line, why, number);
    return NULL;
}

// libinih's handler gets no line number, so its reader is ours and counts. It also ends the
// reading at the first error, and takes the indentation off, which libinih would read as a
// continuation of the value above.
static char *next_line(char *buffer, int size, void *stream)
{
    struct reader *r = stream;
    int length = 0, c = 0;
    if (r->code < 0 || (c = getc(r->file)) == EOF)
        return NULL;
    r->line++;
    for (; c != EOF && c != '\n'; c = getc(r->file)) {
        if (c == 0)
            return refuse_line(r, "a NUL after", length);
        if (length == size - 2)
            return refuse_line(r, "over", size - 2);
        if (length > 0 || (c != ' ' && c != '\t'))
            buffer[length++] = (char)c;
    }
    buffer[length++] = '\n';
    buffer[length] = 0;
    return buffer;
}

static int check_required(const struct reader *r, const char *path)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->keys[i].required && !r->given[i])
            return fg_fail(r->err, -EINVAL, "%s: %s is missing in [%s]", path, r->keys[i].key,
                           r->keys[i].section);
    return 0;
}

static struct reader *make_reader(const struct fg_conf_key *keys, size_t count, void *target,
                                  struct fg_error *err)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r)
        *r = (struct reader){.keys = keys, .count = count, .target = target, .err = err};
    return r;
}

static int read_file(struct reader *r, const char *path)
{
    memset(r->seen, 0, sizeof r->seen);
    r->path = path;
    r->n_calls = 0;
    r->line = r->code = 0;
    r->file = fopen(path, "re");
    if (!r->file)
        return fg_fail(r->err, -errno, "%s: %s", path, strerror(errno));
    int bad_line = ini_parse_stream(next_line, r, on_key, r);
    if (r->code == 0 && ferror(r->file))
        r->code = fg_fail(r->err, -EIO, "%s: can't be read", path);
    if (bad_line > 0 && (r->code == 0 || bad_line < r->line))
        r->code = fg_fail(r->err, -EINVAL, "%s:%d: neither [section], nor key = value, nor comment",
                          path, bad_line);
    fclose(r->file);
    for (size_t i = 0; i < r->count; i++)
        r->given[i] |= r->seen[i] > 0;
    return r->code;
}

static int is_drop_in(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

// A drop-in that is listed and not there is a dangling link: an error, unlike a missing file.
static int read_drop_in(struct reader *r, const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return fg_fail(r->err, -ENOMEM, "out of memory");
    int code = read_file(r, path);
    free(path);
    return code == -ENOENT ? -EINVAL : code;
}

// ret_count: how many there were.
static int read_drop_ins(struct reader *r, const char *path, int *ret_count)
{
    char *folder = NULL;
    struct dirent **entries = NULL;
    if (asprintf(&folder, "%s.d", path) < 0)
        return fg_fail(r->err, -ENOMEM, "out of memory");
    int count = scandir(folder, &entries, is_drop_in, by_name), code = 0;
    if (count < 0 && errno != ENOENT)
        code = fg_fail(r->err, -errno, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (code == 0)
            code = read_drop_in(r, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    free(folder);
    *ret_count = count < 0 ? 0 : count;
    return code;
}

static int read_all(struct reader *r, const char *path, bool drop_ins)
{
    int count = 0, code = read_file(r, path);
    if (!drop_ins || (code < 0 && code != -ENOENT))
        return code;
    int more = read_drop_ins(r, path, &count);
    if (more < 0)
        return more;
    return count > 0 ? 0 : code;
}

static int read_with(const char *path, bool drop_ins, const struct fg_conf_key *keys, size_t count,
                     void *target, struct fg_error *err)
{
    if (count > CONF_MOST_KEYS)
        return fg_fail(err, -EINVAL, "%s: a table of over %d keys", path, CONF_MOST_KEYS);
    struct reader *r = make_reader(keys, count, target, err);
    if (!r)
        return fg_fail(err, -ENOMEM, "out of memory");
    int code = read_all(r, path, drop_ins);
    if (code == 0)
        code = check_required(r, path);
    free(r);
    return code;
}

int fg_conf_read(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                 struct fg_error *err)
{
    return read_with(path, false, keys, count, target, err);
}

int fg_conf_read_all(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                     struct fg_error *err)
{
    return read_with(path, true, keys, count, target, err);
}
