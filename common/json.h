// SPDX-License-Identifier: Apache-2.0
// JSON values over cJSON: a tree is built or parsed, read with defaults, printed once.
#ifndef FG_JSON_H
#define FG_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_json;

// Parses exactly `length` bytes (at most 1 MiB, at most 64 deep). Failure: -EINVAL, err names the
// byte. Success: *ret owned by the caller.
int fg_json_parse(const void *text, size_t length, struct fg_json **ret, struct fg_error *err);
struct fg_json *fg_json_object(void);
struct fg_json *fg_json_array(void);
void fg_json_destroy(struct fg_json *json); // the whole tree; accepts NULL

// Adding to an object (`name` set) or an array (`name` NULL). The child passes to the parent.
// Out of memory aborts: a tree is a few hundred bytes.
void fg_json_add(struct fg_json *parent, const char *name, struct fg_json *child);
void fg_json_add_string(struct fg_json *parent, const char *name, const char *value);
void fg_json_add_number(struct fg_json *parent, const char *name, double value);
void fg_json_add_bool(struct fg_json *parent, const char *name, bool value);

// Reading; borrowed. A member that is absent or of another type gives the default, and so does a
// number too large for a double (1e999).
const struct fg_json *fg_json_get(const struct fg_json *object, const char *name);
const char *fg_json_get_string(const struct fg_json *object, const char *name, const char *absent);
double fg_json_get_number(const struct fg_json *object, const char *name, double absent);
bool fg_json_get_bool(const struct fg_json *object, const char *name, bool absent);
size_t fg_json_count(const struct fg_json *array); // 0 for what is no array or object
const struct fg_json *fg_json_at(const struct fg_json *array, size_t index); // counts up to it
// The member behind this one; NULL: it is the last. So a long array is walked.
const struct fg_json *fg_json_next(const struct fg_json *member);
const char *fg_json_string(const struct fg_json *json); // NULL when it is no string
const char *fg_json_name(const struct fg_json *member); // of an object's member, else NULL
bool fg_json_is_object(const struct fg_json *json);
bool fg_json_is_array(const struct fg_json *json);

// One line, or indented; numbers with 15 digits. malloc'd, owned by the caller.
char *fg_json_print(const struct fg_json *json, bool indented);

#ifdef __cplusplus
}
#endif
#endif
