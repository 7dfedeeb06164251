// SPDX-License-Identifier: Apache-2.0
// The figures of one bench: a table for people and one flat JSON object.
#ifndef FG_FIGURES_H
#define FG_FIGURES_H

#include "common/error.h"

struct fg_figures;

struct fg_figures *fg_figures_create(void); // aborts when out of memory: a bench has no plan B
void fg_figures_destroy(struct fg_figures *figures);

// `meaning` is a few words with the unit and the target, if there is one.
void fg_figures_add(struct fg_figures *figures, const char *key, double value, const char *meaning);
void fg_figures_print(const struct fg_figures *figures);
// Writes build/bench/NAME.json.
int fg_figures_write(const struct fg_figures *figures, const char *name, struct fg_error *err);

#endif
