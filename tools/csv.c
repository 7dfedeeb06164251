// SPDX-License-Identifier: Apache-2.0
#include "tools/csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct fg_csv {
    FILE *file;
    char *path;
    unsigned line; // being read
    size_t used;
    char bytes[FG_CSV_BYTES]; // the record's fields, each with its NUL
};

static void skip_mark(FILE *file)
{
    static const unsigned char mark[] = {0xef, 0xbb, 0xbf};
    unsigned char head[3];
    if (fread(head, 1, sizeof head, file) != sizeof head || memcmp(head, mark, sizeof mark) != 0)
        rewind(file);
}

int fg_csv_open(const char *path, struct fg_csv **ret, struct fg_error *err)
{
    struct fg_csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return fg_fail(err, -ENOMEM, "out of memory");
    csv->path = strdup(path);
    csv->file = csv->path ? fopen(path, "re") : NULL;
    if (!csv->file) {
        int code = csv->path ? -errno : -ENOMEM;
        fg_csv_close(csv);
        return fg_fail(err, code, "%s: %s", path, strerror(-code));
    }
    csv->line = 1;
    skip_mark(csv->file);
    *ret = csv;
    return 0;
}

void fg_csv_close(struct fg_csv *csv)
{
    if (!csv)
        return;
    if (csv->file)
        fclose(csv->file);
    free(csv->path);
    free(csv);
}

static int put(struct fg_csv *csv, int c, unsigned begun, struct fg_error *err)
{
    if (csv->used == sizeof csv->bytes)
        return fg_fail(err, -EMSGSIZE,
                       "%s:%u: a record of more than %d bytes; is a quote left open here?",
                       csv->path, begun, FG_CSV_BYTES);
    csv->bytes[csv->used++] = (char)c;
    return 0;
}

// LF for CR LF too.
static int next_byte(struct fg_csv *csv)
{
    int c = getc(csv->file);
    if (c != '\r')
        return c;
    int after = getc(csv->file);
    if (after != '\n' && after != EOF)
        ungetc(after, csv->file);
    return after == '\n' ? '\n' : '\r';
}

// After the opening quote. Returns what follows the closing one.
static int read_quoted(struct fg_csv *csv, unsigned begun, int *ret_after, struct fg_error *err)
{
    for (;;) {
        int c = next_byte(csv), code = 0;
        if (c == EOF)
            return fg_fail(err, -EBADMSG, "%s:%u: a quote is opened and never closed", csv->path,
                           begun);
        if (c == 0)
            return fg_fail(err, -EBADMSG, "%s:%u: a NUL byte; is it a text file?", csv->path,
                           csv->line);
        if (c == '"') {
            *ret_after = next_byte(csv);
            if (*ret_after != '"')
                break;
        }
        csv->line += c == '\n';
        if ((code = put(csv, c, begun, err)) < 0)
            return code;
    }
    if (*ret_after == ',' || *ret_after == '\n' || *ret_after == EOF)
        return 0;
    return fg_fail(err, -EBADMSG, "%s:%u: something follows a closing quote; write it twice: \"\"",
                   csv->path, csv->line);
}

// One field from its first byte on; *ret_after is the comma, the line's end or EOF.
static int read_field(struct fg_csv *csv, int c, unsigned begun, int *ret_after,
                      struct fg_error *err)
{
    int code = 0;
    if (c == '"') {
        code = read_quoted(csv, begun, ret_after, err);
    } else {
        for (; c != ',' && c != '\n' && c != EOF && code == 0; c = next_byte(csv)) {
            if (c == 0)
                return fg_fail(err, -EBADMSG, "%s:%u: a NUL byte; is it a text file?", csv->path,
                               csv->line);
            code = put(csv, c, begun, err);
        }
        *ret_after = c;
    }
    return code < 0 ? code : put(csv, 0, begun, err);
}

static int skip_blank_lines(struct fg_csv *csv)
{
    int c;
    while ((c = next_byte(csv)) == '\n')
        csv->line++;
    return c;
}

int fg_csv_next(struct fg_csv *csv, struct fg_csv_record *ret, struct fg_error *err)
{
    struct fg_csv_record record = {0};
    int after = ',', c = skip_blank_lines(csv);
    csv->used = 0;
    record.line = csv->line;
    if (c == EOF)
        return ferror(csv->file) ? fg_fail(err, -EIO, "%s: can't be read", csv->path) : 0;
    while (after == ',') {
        if (record.count == FG_CSV_FIELDS)
            return fg_fail(err, -EMSGSIZE, "%s:%u: more than %d fields", csv->path, record.line,
                           FG_CSV_FIELDS);
        if (record.count > 0)
            c = next_byte(csv);
        record.fields[record.count++] = csv->bytes + csv->used;
        int code = read_field(csv, c, record.line, &after, err);
        if (code < 0)
            return code;
    }
    if (ferror(csv->file))
        return fg_fail(err, -EIO, "%s: can't be read", csv->path);
    csv->line += after == '\n';
    *ret = record;
    return 1;
}

void fg_csv_write(FILE *file, const char *field)
{
    if (!field[strcspn(field, ",\"\r\n")]) {
        fputs(field, file);
        return;
    }
    putc('"', file);
    for (; *field; field++) {
        if (*field == '"')
            putc('"', file);
        putc(*field, file);
    }
    putc('"', file);
}
