// SPDX-License-Identifier: Apache-2.0
// Changes of an index: what one costs, and what many between searches do to these.
#ifndef FG_UPKEEP_H
#define FG_UPKEEP_H

#include "bench/field.h"
#include "common/error.h"

// Of one template in a full index, with its code: means.
struct fg_upkeep_changes {
    double insert_us, replace_us, delete_us;
};

// Searches back to back on one thread, and the same with changes that fall due by the clock and
// are made before the next search, whose time they count into.
struct fg_upkeep_busy {
    double changes_per_s; // that were made: as many of them insert as delete
    double quiet_p50_ms, quiet_p99_ms, busy_p50_ms, busy_p99_ms;
};

// `index` holds the field's person n in slot n, and does again afterwards.
int fg_upkeep_measure_changes(const struct fg_field *field, struct fg_index *index,
                              struct fg_upkeep_changes *ret, struct fg_error *err);
int fg_upkeep_measure_busy(const struct fg_field *field, struct fg_index *index, float threshold,
                           struct fg_upkeep_busy *ret, struct fg_error *err);

#endif
