// SPDX-License-Identifier: Apache-2.0
// The matcher's state for operators: what `status` answers. No id, no score, no vector.
#ifndef FG_STATUS_H
#define FG_STATUS_H

#include <stdint.h>

#include "common/json.h"
#include "matcher/control.h"

#ifdef __cplusplus
extern "C" {
#endif

// Adds the members that facegate-control(7) lists to a reply.
void fg_status_add(const struct fg_control *control, struct fg_json *reply, uint64_t now_ns,
                   uint64_t realtime_s);

#ifdef __cplusplus
}
#endif
#endif
