// SPDX-License-Identifier: Apache-2.0
// Searches that are bound to sets of slots, as filters of a gate are.
#ifndef FG_SETS_H
#define FG_SETS_H

#include "bench/field.h"
#include "common/error.h"

struct fg_sets {
    double all_ms, few_ms, half_ms; // no set, 300 slots, every second slot: medians
    unsigned differing;             // from the exhaustive search within the same set
};

// On one core. `index` holds the field's person n in slot n.
int fg_sets_measure(const struct fg_field *field, const struct fg_index *index, float threshold,
                    struct fg_sets *ret, struct fg_error *err);

#endif
