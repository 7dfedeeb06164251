// SPDX-License-Identifier: Apache-2.0
// Times as people write them: YYYY-MM-DD (the machine's time zone) and RFC 3339.
#ifndef FG_WHEN_H
#define FG_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_WHEN_TEXT 24 // bytes of a printed time

// Seconds since 1970. A date alone is the day's first second; with `through_day` the first second
// of the next day, so that a validity until that date includes it. Times need an offset ("Z" or
// "+02:00"); fractions of a second are refused. -EINVAL: err shows the two ways to write it.
int fg_when_read(const char *text, bool through_day, uint64_t *ret_s, struct fg_error *err);

// "2027-01-31T23:00:00Z"; "-" for 0.
const char *fg_when_text(uint64_t seconds, char ret[FG_WHEN_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
