// SPDX-License-Identifier: Apache-2.0
// A DET plot as SVG: FNMR over FMR, both logarithmic.
#ifndef FG_PLOT_H
#define FG_PLOT_H

#include "common/error.h"
#include "tools/det.h"

// Scores sorted. 0 or negative errno (the file could not be written).
int fg_plot_det(const char *path, const char *title, const struct fg_scores *genuine,
                const struct fg_scores *impostors, struct fg_error *err);

#endif
