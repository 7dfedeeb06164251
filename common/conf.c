// SPDX-License-Identifier: Apache-2.0
#include "common/conf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED_MOST = 256, LINE_MOST = 512 };

struct named { // a named section that this file has opened
    const struct fg_conf_kind *kind;
    char *name;
};

struct reader {
    FILE *file;
    unsigned line; // the line last handed to libinih
    bool pending;  // which must be a key, and libinih has not called for it yet
    bool salvage;  // faults are passed over
    const char *path;
    const struct fg_conf_table *table;
    const struct fg_conf_listener *listener; // never NULL
    void *target;
    char section[LINE_MOST];         // the section at hand, as it is written
    const struct fg_conf_kind *kind; // of it, or NULL
    void *base;                      // what its keys are set in; NULL: its keys are passed over
    unsigned seen[FG_CONF_KEYS];     // line of the first sight in this file, 0: not seen
    bool given[FG_CONF_KEYS];        // in this file or one before
    char calls[512][40];             // names that came through a '*' key, for duplicates
    uint8_t call_keys[512];          // and which key that was
    unsigned n_calls, n_named;
    struct named named[NAMED_MOST];
    int code;  // ends the reading
    int first; // of the faults that a listener took
    struct fg_error *err;
};

// ---- faults -------------------------------------------------------------------------------------

// r->err has the text. A listener takes it and the reading goes on.
static int fault(struct reader *r, int code)
{
    if (r->salvage)
        return 0;
    if (!r->listener->fault)
        return r->code = code;
    r->listener->fault(r->listener->context, r->err->text);
    if (r->first == 0)
        r->first = code;
    return 0;
}

static void fault_here(struct reader *r, int code)
{
    fg_fail_prefix(r->err, code, "%s:%u", r->path, r->line);
    fault(r, code);
}

static void met(struct reader *r, const struct fg_conf_key *key, bool good)
{
    if (r->listener->met)
        r->listener->met(r->listener->context, key, r->base, r->path, r->line, good);
}

// ---- sections -----------------------------------------------------------------------------------

// Whether the key is of [word ...]: its section is "word *".
static bool of_kind(const struct fg_conf_key *key, const struct fg_conf_kind *kind)
{
    size_t length = strlen(kind->word);
    return strncmp(key->section, kind->word, length) == 0 &&
           strcmp(key->section + length, " *") == 0;
}

static bool in_section(const struct reader *r, const struct fg_conf_key *key)
{
    return r->kind ? of_kind(key, r->kind) : strcmp(key->section, r->section) == 0;
}

// "lane north" is of the kind "lane"; *ret_name "north", empty when there is none.
static const struct fg_conf_kind *kind_of(const struct reader *r, const char **ret_name)
{
    for (size_t i = 0; i < r->table->n_kinds; i++) {
        const struct fg_conf_kind *kind = &r->table->kinds[i];
        size_t length = strlen(kind->word);
        const char *rest = r->section + length;
        if (strncmp(r->section, kind->word, length) != 0 || (*rest && *rest != ' '))
            continue;
        *ret_name = rest + strspn(rest, " ");
        return kind;
    }
    return NULL;
}

static bool opened_before(const struct reader *r, const char *name)
{
    for (unsigned i = 0; i < r->n_named; i++)
        if (r->named[i].kind == r->kind && strcmp(r->named[i].name, name) == 0)
            return true;
    return false;
}

static int open_named(struct reader *r, const char *name)
{
    if (!*name)
        return fg_fail(r->err, -EINVAL, "[%s] needs a name: [%s NAME]", r->section, r->section);
    if (opened_before(r, name))
        return fg_fail(r->err, -EINVAL, "[%s] is there twice; write its keys once", r->section);
    if (r->n_named == NAMED_MOST)
        return fg_fail(r->err, -EINVAL, "more than %d sections", NAMED_MOST);
    char *copy = strdup(name);
    if (!copy)
        return fg_fail(r->err, -ENOMEM, "out of memory");
    r->named[r->n_named++] = (struct named){r->kind, copy};
    for (size_t i = 0; i < r->table->n_keys; i++)
        if (of_kind(&r->table->keys[i], r->kind))
            r->seen[i] = 0;
    r->base = r->kind->open(r->target, name, r->err);
    return r->base ? 0 : -EINVAL;
}

static void begin_section(struct reader *r)
{
    const char *name = NULL;
    int code = -EINVAL;
    r->base = NULL;
    r->kind = kind_of(r, &name);
    if (r->kind) {
        code = open_named(r, name);
    } else {
        for (size_t i = 0; i < r->table->n_keys && code < 0; i++)
            code = in_section(r, &r->table->keys[i]) ? 0 : -EINVAL;
        r->base = code == 0 ? r->target : NULL;
        if (code < 0)
            fg_fail(r->err, code, "unknown section [%s]", r->section);
    }
    if (code < 0)
        fault_here(r, code);
    else
        met(r, NULL, true);
}

// ---- keys ---------------------------------------------------------------------------------------

static bool matches(const struct reader *r, const struct fg_conf_key *key, const char *name)
{
    size_t stem = strlen(key->key);
    if (!in_section(r, key))
        return false;
    if (stem > 0 && key->key[stem - 1] == '*')
        return strncmp(key->key, name, stem - 1) == 0;
    return strcmp(key->key, name) == 0;
}

static int duplicate(struct reader *r, size_t index, const char *name)
{
    const char *key = r->table->keys[index].key;
    if (key[strlen(key) - 1] != '*') {
        if (r->seen[index])
            return fg_fail(r->err, -EINVAL, "%s is given twice in [%s]; first in line %u", name,
                           r->section, r->seen[index]);
        r->seen[index] = r->line;
        return 0;
    }
    r->seen[index] = r->line;
    if (r->n_calls == sizeof r->calls / sizeof *r->calls || strlen(name) >= sizeof *r->calls)
        return fg_fail(r->err, -EINVAL, "%s: too many keys, or too long a name", name);
    for (unsigned i = 0; i < r->n_calls; i++)
        if (r->call_keys[i] == index && strcmp(r->calls[i], name) == 0)
            return fg_fail(r->err, -EINVAL, "%s is given twice in [%s]", name, r->section);
    r->call_keys[r->n_calls] = (uint8_t)index;
    memcpy(r->calls[r->n_calls++], name, strlen(name) + 1);
    return 0;
}

static int set_key(struct reader *r, size_t index, const char *name, const char *value)
{
    const struct fg_conf_key *key = &r->table->keys[index];
    int code = duplicate(r, index, name);
    if (code < 0)
        return code;
    code = key->type == FG_CONF_CALL ? key->call(r->base, name, value, r->err)
                                     : fg_conf_set(key, value, r->base, r->err);
    met(r, key, code == 0);
    return code;
}

static int one_key(struct reader *r, const char *name, const char *value)
{
    if (!r->section[0])
        return fg_fail(r->err, -EINVAL, "%s stands before the first [section]", name);
    if (!r->base)
        return 0;
    for (size_t i = 0; i < r->table->n_keys; i++)
        if (matches(r, &r->table->keys[i], name))
            return set_key(r, i, name, value);
    return fg_fail(r->err, -EINVAL, "unknown key %s in [%s]", name, r->section);
}

// libinih cuts long names of sections; ours is whole.
static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct reader *r = context;
    (void)section;
    r->pending = false;
    if (r->code < 0)
        return 0;
    int code = one_key(r, name, value);
    if (code < 0)
        fault_here(r, code);
    return code == 0;
}

// ---- lines --------------------------------------------------------------------------------------

static void check_pending(struct reader *r)
{
    if (!r->pending || r->code < 0)
        return;
    r->pending = false;
    fg_fail(r->err, -EINVAL, "neither [section], nor key = value, nor comment");
    fault_here(r, -EINVAL);
}

static char *refuse_line(struct reader *r, const char *why, int number)
{
    fg_fail(r->err, -EINVAL, "the line has %s %d bytes", why, number);
    fault_here(r, -EINVAL);
    return NULL; // and with it the file: what follows would be guessed at
}

// What is salvaged goes on behind a line that is no text.
static char *skip_line(struct reader *r, char *buffer)
{
    int c;
    while ((c = getc(r->file)) != EOF && c != '\n')
        continue;
    memcpy(buffer, "\n", 2);
    return buffer;
}

// The name between "[" and "]", unless a comment comes before its end.
static bool read_section(struct reader *r, const char *at)
{
    size_t length = 0;
    for (at++; at[length] != ']'; length++)
        if (!at[length] || length == sizeof r->section - 1 ||
            (at[length] == ';' && length > 0 && isspace((unsigned char)at[length - 1])))
            return false;
    memcpy(r->section, at, length);
    r->section[length] = '\0';
    return true;
}

// What libinih will make of the line, which tells neither sections nor line numbers.
static void look_at_line(struct reader *r, const char *at)
{
    if (r->line == 1 && strncmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    at += strspn(at, " \t\r\n\v\f");
    if (!*at || *at == ';' || *at == '#')
        return;
    r->pending = *at != '[' || !read_section(r, at);
    if (!r->pending)
        begin_section(r);
}

// libinih's handler gets no line number, so its reader is ours and counts. It also ends the
// reading at the first error, and takes the indentation off, which libinih would read as a
// continuation of the value above.
static char *next_line(char *buffer, int size, void *stream)
{
    struct reader *r = stream;
    int length = 0, c = 0;
    check_pending(r);
    if (r->code < 0 || (c = getc(r->file)) == EOF)
        return NULL;
    r->line++;
    for (; c != EOF && c != '\n'; c = getc(r->file)) {
        if (r->salvage && (c == 0 || length == size - 2))
            return skip_line(r, buffer);
        if (c == 0)
            return refuse_line(r, "a NUL after", length);
        if (length == size - 2)
            return refuse_line(r, "over", size - 2);
        if (length > 0 || !isspace(c))
            buffer[length++] = (char)c;
    }
    buffer[length++] = '\n';
    buffer[length] = 0;
    look_at_line(r, buffer);
    return r->code < 0 ? NULL : buffer;
}

// ---- files --------------------------------------------------------------------------------------

static int check_required(struct reader *r, const char *path)
{
    for (size_t i = 0; i < r->table->n_keys && r->code == 0; i++)
        if (r->table->keys[i].required && !r->given[i])
            fault(r, fg_fail(r->err, -EINVAL, "%s: %s is missing in [%s]", path,
                             r->table->keys[i].key, r->table->keys[i].section));
    return r->code;
}

static void begin_file(struct reader *r, const char *path)
{
    memset(r->seen, 0, sizeof r->seen);
    for (; r->n_named > 0; r->n_named--)
        free(r->named[r->n_named - 1].name);
    r->path = path;
    r->n_calls = r->line = 0;
    r->pending = false;
    r->section[0] = '\0';
    r->kind = NULL;
    r->base = NULL;
    r->code = 0;
}

static int read_file(struct reader *r, const char *path)
{
    begin_file(r, path);
    r->file = fopen(path, "re");
    if (!r->file)
        return r->salvage ? 0 : fg_fail(r->err, -errno, "%s: %s", path, strerror(errno));
    int parsed = ini_parse_stream(next_line, r, on_key, r);
    if (r->code == 0 && ferror(r->file))
        r->code = fg_fail(r->err, -EIO, "%s: can't be read", path);
    if (r->code == 0 && parsed < 0)
        r->code = fg_fail(r->err, -ENOMEM, "out of memory");
    fclose(r->file);
    for (size_t i = 0; i < r->table->n_keys; i++)
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

// How a reading goes: with the folder of drop-ins, or with its faults passed over.
enum manner { ONE_FILE, DROP_INS, SALVAGE };

static int read_with(const char *path, enum manner manner, const struct fg_conf_table *table,
                     void *target, const struct fg_conf_listener *listener, struct fg_error *err)
{
    static const struct fg_conf_listener nobody;
    struct fg_error own = {""}; // a listener's faults leave the caller's alone
    if (table->n_keys > FG_CONF_KEYS)
        return fg_fail(err, -EINVAL, "%s: a table of over %d keys", path, FG_CONF_KEYS);
    struct reader *r = calloc(1, sizeof *r);
    if (!r)
        return fg_fail(err, -ENOMEM, "out of memory");
    r->table = table;
    r->target = target;
    r->salvage = manner == SALVAGE;
    r->listener = listener ? listener : &nobody;
    r->err = &own;
    int code = read_all(r, path, manner != ONE_FILE);
    if (code == 0)
        code = check_required(r, path);
    if (code < 0)
        fg_fail(err, code, "%s", own.text);
    else
        code = r->first;
    for (; r->n_named > 0; r->n_named--)
        free(r->named[r->n_named - 1].name);
    free(r);
    return code;
}

int fg_conf_read(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                 struct fg_error *err)
{
    const struct fg_conf_table table = {.keys = keys, .n_keys = count};
    return read_with(path, ONE_FILE, &table, target, NULL, err);
}

int fg_conf_read_all(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                     struct fg_error *err)
{
    const struct fg_conf_table table = {.keys = keys, .n_keys = count};
    return read_with(path, DROP_INS, &table, target, NULL, err);
}

void fg_conf_salvage(const char *path, const struct fg_conf_key *keys, size_t count, void *target)
{
    const struct fg_conf_table table = {.keys = keys, .n_keys = count};
    read_with(path, SALVAGE, &table, target, NULL, NULL);
}

int fg_conf_read_table(const char *path, const struct fg_conf_table *table, void *target,
                       const struct fg_conf_listener *listener, struct fg_error *err)
{
    return read_with(path, DROP_INS, table, target, listener, err);
}
