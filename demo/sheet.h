// SPDX-License-Identifier: Apache-2.0
// The contact sheet: one telling frame of each photograph, with boxes, tracks and decisions.
#ifndef FG_SHEET_H
#define FG_SHEET_H

#include "demo/tally.h"

#ifdef __cplusplus
extern "C" {
#endif

// Reads frames of `footage` and writes a PNG. Green: admitted, red: denied, yellow: undecided.
// `caption` stands below. Failure: negative errno, err names the file.
int fg_sheet_write(const struct fg_tally *tally, const char *footage, const char *caption,
                   const char *path, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
