// SPDX-License-Identifier: Apache-2.0
// The placement report of an opened model: which layer runs where, and why not elsewhere.
#ifndef FG_PLACEMENT_H
#define FG_PLACEMENT_H

#include "accel/accel.h"
#include "common/json.h"

// Multiply-accumulates of one run.
uint64_t fg_placement_macs(const struct fg_accel *accel);

// A line a layer, a line a backend, and one each on fallbacks and on copied tensors, to standard
// output. The model has run once: before that the copies may not be known.
void fg_placement_print(const struct fg_accel *accel);

// Adds engine, reason, zero_copy, copies, fallbacks, backends and layers.
void fg_placement_add(const struct fg_accel *accel, struct fg_json *json);

#endif
