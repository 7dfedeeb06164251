// SPDX-License-Identifier: Apache-2.0
// Writing a model card's calibration: scores with their FMR and FNMR.
#ifndef FG_SCORE_TABLE_H
#define FG_SCORE_TABLE_H

#include "common/error.h"
#include "tools/det.h"

// Replaces the card's [calibration] section (or adds one at the end), through a new file beside
// it that takes its place. Scores sorted; only points with at least 10 impostor pairs behind them
// are written, and -ENODATA when these are fewer than the two that a card needs. 0 or negative
// errno, the card as it was.
int fg_score_table_write(const char *card_path, const char *dataset,
                         const struct fg_scores *genuine, const struct fg_scores *impostors,
                         struct fg_error *err);

#endif
