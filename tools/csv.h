// SPDX-License-Identifier: Apache-2.0
// Comma-separated values as RFC 4180 has them: quoted fields, doubled quotes, line breaks inside
// quotes; LF and CR LF; a UTF-8 byte order mark is skipped. Read one record at a time.
#ifndef FG_CSV_H
#define FG_CSV_H

#include <stddef.h>
#include <stdio.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CSV_FIELDS 64    // most of one record
#define FG_CSV_BYTES  65536 // most of one record

struct fg_csv;

struct fg_csv_record { // borrowed until the next read or the close
    unsigned line;     // where it begins, from 1
    unsigned count;
    const char *fields[FG_CSV_FIELDS];
};

// Failure: -ENOENT, -EACCES, ...; err names the file.
int fg_csv_open(const char *path, struct fg_csv **ret, struct fg_error *err);
void fg_csv_close(struct fg_csv *csv); // accepts NULL

// 1: *ret is the next record (blank lines are skipped); 0: the end. -EBADMSG: a quote that is never
// closed, something after a closing quote, a NUL byte; -EMSGSIZE: over a limit above; err is
// "FILE:LINE: ...". -EIO.
int fg_csv_next(struct fg_csv *csv, struct fg_csv_record *ret, struct fg_error *err);

// Writes one field, quoted where it must be.
void fg_csv_write(FILE *file, const char *field);

#ifdef __cplusplus
}
#endif
#endif
