// SPDX-License-Identifier: Apache-2.0
#include "tools/roll.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/csv.h"
#include "tools/people.h"

#define COLUMN_PHOTO FG_FIELDS

struct reader {
    const char *path;
    char *folder; // of the CSV, with its slash; empty: the current one
    int columns[FG_CSV_FIELDS];
    unsigned n_columns;
    struct fg_roll roll;
    size_t room;
};

// ---- a folder ----------------------------------------------------------------------------------

static int read_folder(const char *path, struct fg_roll *ret, struct fg_error *err)
{
    struct fg_people people = {0};
    int code = fg_people_read(path, &people, err);
    if (code < 0)
        return code;
    struct fg_roll_entry *entries = calloc(people.count, sizeof *entries);
    if (!entries) {
        fg_people_finish(&people);
        return fg_fail(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < people.count; i++) {
        struct fg_person *p = &people.people[i];
        entries[i] =
            (struct fg_roll_entry){.id = p->name, .photos = p->photos, .n_photos = p->n_photos};
        *p = (struct fg_person){0};
    }
    *ret = (struct fg_roll){entries, people.count};
    fg_people_finish(&people);
    return 0;
}

// ---- a CSV -------------------------------------------------------------------------------------

// "photo", "photo2", "photo_3", ...
static bool names_photo(const char *name)
{
    if (strncmp(name, "photo", 5) != 0)
        return false;
    name += 5;
    name += *name == '_';
    return name[strspn(name, "0123456789")] == 0;
}

static int column_named(const char *name)
{
    for (int i = 0; i < FG_FIELDS; i++)
        if (strcmp(fg_field_name((enum fg_field)i), name) == 0)
            return i;
    return names_photo(name) ? COLUMN_PHOTO : -1;
}

static int read_header(struct reader *r, const struct fg_csv_record *record, struct fg_error *err)
{
    unsigned seen[FG_FIELDS + 1] = {0};
    for (unsigned i = 0; i < record->count; i++) {
        int column = column_named(record->fields[i]);
        if (column < 0)
            return fg_fail(err, -EINVAL,
                           "%s:%u: no such column: %.60s; there are id, photo, photo2, ..., "
                           "valid_from, valid_until, lanes, tags, consent, guardian, born",
                           r->path, record->line, record->fields[i]);
        if (seen[column]++ && column != COLUMN_PHOTO)
            return fg_fail(err, -EINVAL, "%s:%u: the column %s twice", r->path, record->line,
                           record->fields[i]);
        r->columns[i] = column;
    }
    if (!seen[FG_FIELD_ID] || !seen[COLUMN_PHOTO])
        return fg_fail(err, -EINVAL,
                       "%s:%u: the first row must name the columns, id and photo among them",
                       r->path, record->line);
    r->n_columns = record->count;
    return 0;
}

static int add_photo(const struct reader *r, struct fg_roll_entry *entry, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s", name[0] == '/' ? "" : r->folder, name) < 0)
        return -ENOMEM;
    entry->photos[entry->n_photos++] = path;
    return 0;
}

static int fill_entry(const struct reader *r, const struct fg_csv_record *record,
                      struct fg_roll_entry *entry)
{
    entry->line = record->line;
    entry->photos = calloc(record->count, sizeof *entry->photos);
    if (!entry->photos)
        return -ENOMEM;
    for (unsigned i = 0; i < record->count; i++) {
        const char *text = record->fields[i];
        int column = r->columns[i], code = 0;
        char **at = column == FG_FIELD_ID ? &entry->id : &entry->fields[column % FG_FIELDS];
        if (column == COLUMN_PHOTO)
            code = text[0] ? add_photo(r, entry, text) : 0;
        else if ((text[0] || column == FG_FIELD_ID) && !(*at = strdup(text)))
            code = -ENOMEM;
        if (code < 0)
            return code;
    }
    return 0;
}

static int add_entry(struct reader *r, const struct fg_csv_record *record, struct fg_error *err)
{
    if (record->count != r->n_columns)
        return fg_fail(err, -EINVAL, "%s:%u: %u fields, the first row names %u columns", r->path,
                       record->line, record->count, r->n_columns);
    if (r->roll.count == r->room) {
        size_t room = r->room ? r->room * 2 : 64;
        struct fg_roll_entry *more = reallocarray(r->roll.entries, room, sizeof *more);
        if (!more)
            return fg_fail(err, -ENOMEM, "out of memory");
        r->roll.entries = more;
        r->room = room;
    }
    struct fg_roll_entry *entry = &r->roll.entries[r->roll.count++];
    *entry = (struct fg_roll_entry){0};
    int code = fill_entry(r, record, entry);
    return code < 0 ? fg_fail(err, code, "out of memory") : 0;
}

static int by_id(const void *a, const void *b)
{
    const struct fg_roll_entry *one = *(const struct fg_roll_entry *const *)a;
    const struct fg_roll_entry *other = *(const struct fg_roll_entry *const *)b;
    int order = strcmp(one->id, other->id);
    return order ? order : one->line < other->line ? -1 : 1;
}

static int mark_repeated(struct fg_roll *roll, struct fg_error *err)
{
    struct fg_roll_entry **sorted = calloc(roll->count, sizeof *sorted);
    if (!sorted)
        return fg_fail(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < roll->count; i++)
        sorted[i] = &roll->entries[i];
    qsort(sorted, roll->count, sizeof *sorted, by_id);
    for (size_t i = 1; i < roll->count; i++) {
        const struct fg_roll_entry *before = sorted[i - 1];
        if (strcmp(before->id, sorted[i]->id) == 0)
            sorted[i]->same_as = before->same_as ? before->same_as : before->line;
    }
    free(sorted);
    return 0;
}

static int read_records(struct reader *r, struct fg_csv *csv, struct fg_error *err)
{
    struct fg_csv_record record;
    int code = fg_csv_next(csv, &record, err);
    if (code == 0)
        return fg_fail(err, -EINVAL, "%s: empty; the first row must name the columns", r->path);
    if (code > 0)
        code = read_header(r, &record, err);
    while (code >= 0 && (code = fg_csv_next(csv, &record, err)) > 0)
        code = add_entry(r, &record, err);
    if (code == 0 && r->roll.count == 0)
        return fg_fail(err, -ENODATA, "%s: nobody below the first row", r->path);
    return code;
}

static int read_csv(const char *path, struct fg_roll *ret, struct fg_error *err)
{
    struct reader r = {.path = path};
    struct fg_csv *csv = NULL;
    const char *slash = strrchr(path, '/');
    r.folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    if (!r.folder)
        return fg_fail(err, -ENOMEM, "out of memory");
    int code = fg_csv_open(path, &csv, err);
    if (code == 0)
        code = read_records(&r, csv, err);
    if (code == 0)
        code = mark_repeated(&r.roll, err);
    fg_csv_close(csv);
    free(r.folder);
    if (code < 0)
        fg_roll_finish(&r.roll);
    else
        *ret = r.roll;
    return code;
}

int fg_roll_read(const char *path, struct fg_roll *ret, struct fg_error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    return S_ISDIR(st.st_mode) ? read_folder(path, ret, err) : read_csv(path, ret, err);
}

void fg_roll_finish(struct fg_roll *roll)
{
    for (size_t i = 0; i < roll->count; i++) {
        struct fg_roll_entry *e = &roll->entries[i];
        for (size_t k = 0; k < e->n_photos; k++)
            free(e->photos[k]);
        for (int k = 0; k < FG_FIELDS; k++)
            free(e->fields[k]);
        free(e->photos);
        free(e->id);
    }
    free(roll->entries);
    *roll = (struct fg_roll){0};
}
