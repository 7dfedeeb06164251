// SPDX-License-Identifier: Apache-2.0
// LANE, the matcher's heartbeat for the lane (facegate-wire(7)): that it lives, and which report it
// has.
#ifndef FG_HEARTBEAT_H
#define FG_HEARTBEAT_H

#include <stdbool.h>

#include "common/bus.h"
#include "gate/lane.h"

#ifdef __cplusplus
extern "C" {
#endif

// False: the message is no LANE of that lane, from this boot. *ret_acknowledged may be none.
bool fg_heartbeat_read(const struct fg_message *message, const char *lane,
                       struct fg_decision_id *ret_acknowledged);

#ifdef __cplusplus
}
#endif
#endif
