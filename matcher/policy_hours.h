// SPDX-License-Identifier: Apache-2.0
// Times of the week as a profile has them: mon-fri 06:00-22:00, sat 08:00-12:00.
#ifndef FG_POLICY_HOURS_H
#define FG_POLICY_HOURS_H

#include "matcher/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

// Without days, every day; until 24:00 at most, or a time of the next day that is not after the
// first. -EINVAL: err says how to write it. The results are untouched then.
int fg_hours_read(const char *text, struct fg_hours ret[FG_POLICY_HOURS], unsigned *ret_count,
                  struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
