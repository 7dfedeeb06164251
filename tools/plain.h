// SPDX-License-Identifier: Apache-2.0
// Text from elsewhere (files, the matcher) on a terminal: control bytes become "?", so that it
// can't move the cursor or add a line. And JSON, printed.
#ifndef FG_PLAIN_H
#define FG_PLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "common/json.h"

#ifdef __cplusplus
extern "C" {
#endif

// Returns how many columns it took, a byte each (UTF-8 sequences count once).
int fg_plain_print(FILE *to, const char *text);

// The same, filled with blanks to `width` columns.
void fg_plain_column(FILE *to, const char *text, int width);

// Prints the tree and a line break to standard output, and destroys it.
void fg_plain_json(struct fg_json *json, bool indented);

#ifdef __cplusplus
}
#endif
#endif
