// SPDX-License-Identifier: Apache-2.0
// An index that makes its codes later (`later`, fg_index_tend), as at a start.
#ifndef FG_LATER_H
#define FG_LATER_H

#include "bench/field.h"
#include "common/error.h"

struct fg_later {
    double insert_s;    // all templates
    double start_ms;    // that and the first answer
    double flat_ms;     // a search before there are codes, median
    double tend_s;      // all codes, in steps of 1 ms
    double step_ms;     // the longest of these steps
    double tended_ms;   // a search after that, median
    unsigned differing; // answers that are not the best of all
};

// On one core; the field is judged.
int fg_later_measure(const struct fg_field *field, float threshold, struct fg_later *ret,
                     struct fg_error *err);

#endif
