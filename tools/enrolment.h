// SPDX-License-Identifier: Apache-2.0
// What is said of a subject besides photographs: read from options and CSV columns, checked as the
// matcher checks it, written as a request's members.
#ifndef FG_ENROLMENT_H
#define FG_ENROLMENT_H

#include <stdint.h>

#include "common/calendar.h"
#include "common/error.h"
#include "common/json.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_field {
    FG_FIELD_ID,
    FG_FIELD_VALID_FROM,
    FG_FIELD_VALID_UNTIL,
    FG_FIELD_LANES, // words, separated by blanks, commas or semicolons
    FG_FIELD_TAGS,
    FG_FIELD_CONSENT,
    FG_FIELD_GUARDIAN,
    FG_FIELD_BORN, // YYYY-MM-DD
    FG_FIELDS
};

// "id", "valid_from", ...
const char *fg_field_name(enum fg_field field);

struct fg_enrolment { // starts as {0}
    char id[FG_SUBJECT_ID];
    uint64_t valid_from_s, valid_until_s; // 0: no bound
    unsigned n_lanes, n_tags;
    char lanes[FG_SUBJECT_LISTS][FG_SUBJECT_WORD], tags[FG_SUBJECT_LISTS][FG_SUBJECT_WORD];
    char consent[FG_SUBJECT_ID], guardian[FG_SUBJECT_ID];
    char born[FG_DAY_TEXT]; // a date, or empty
};

// Sets one field from text; lanes and tags are added to those that are there. -EINVAL, and err says
// what is allowed.
int fg_enrolment_set(struct fg_enrolment *enrolment, enum fg_field field, const char *text,
                     struct fg_error *err);

// What can be judged only when all fields are set. -EINVAL.
int fg_enrolment_check(const struct fg_enrolment *enrolment, struct fg_error *err);

// Adds the members of facegate-control(7) to `object`.
void fg_enrolment_describe(const struct fg_enrolment *enrolment, struct fg_json *object);

#ifdef __cplusplus
}
#endif
#endif
