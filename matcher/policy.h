// SPDX-License-Identifier: Apache-2.0
// A profile: what a gate wants from its matcher, in one INI file. Documented in
// facegate-matcher(8). Operators set error rates, never scores.
#ifndef FG_POLICY_H
#define FG_POLICY_H

#include <stdint.h>

#include "common/error.h"
#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_mode { FG_MODE_IDENTIFY };

struct fg_policy {
    char name[FG_WIRE_NAME];
    enum fg_mode mode;
    double fmr, fpir;                           // exactly one is set, the other is 0
    uint32_t good_probes;                       // probes that a track may have before it is denied
    uint32_t decide_ms;                         // and the time, from its first good probe
    uint32_t attempts;                          // the last of them is answered with fallback
    uint32_t absent_ms;                         // a lane empty for so long ends the presence
    uint32_t valid_ms;                          // gates ignore decisions that are older
    float min_quality;                          // least unified quality of a good probe, 0..1
    double passages_per_day, impostors_per_day; // 0: not said; for the status alone
};

// Reads and checks a profile. -ENOENT, -EACCES, -EINVAL with file and line in err; -EOPNOTSUPP for
// what this version does not have (another mode; liveness = required, which needs a detector).
// *ret is untouched on failure.
int fg_policy_read(const char *path, struct fg_policy *ret, struct fg_error *err);

const char *fg_mode_name(enum fg_mode mode); // "identify"

#ifdef __cplusplus
}
#endif
#endif
