// SPDX-License-Identifier: Apache-2.0
// Made-up people, the same at every run: number i has the id of fg_crowd_id and a random unit
// vector. Ids come in no order, as those of badges do.
#ifndef FG_CROWD_H
#define FG_CROWD_H

#include "matcher/gallery.h"

void fg_crowd_id(uint32_t i, char ret[FG_SUBJECT_ID]);
void fg_crowd_vector(uint32_t i, uint32_t dimension, float *ret);

// Stores those from `first` to before `end`, in transactions of 4096.
int fg_crowd_fill(struct fg_gallery *gallery, uint64_t model, uint32_t dimension, uint32_t first,
                  uint32_t end, struct fg_error *err);

#endif
