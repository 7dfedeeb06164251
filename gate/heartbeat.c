// SPDX-License-Identifier: Apache-2.0
#include "gate/heartbeat.h"

#include <string.h>

#include "common/clock.h"
#include "common/wire.h"

bool fg_heartbeat_read(const struct fg_message *message, const char *lane,
                       struct fg_decision_id *ret_acknowledged)
{
    struct fg_wire_message m;
    char topic[FG_WIRE_NAME];
    size_t length = fg_wire_topic(lane, topic);
    if (message->count != 2 || message->parts[0].length != length ||
        memcmp(message->parts[0].data, topic, length) != 0 ||
        fg_wire_decode(message->parts[1].data, message->parts[1].length, &m, NULL) < 0)
        return false;
    if (m.head.type != FG_WIRE_LANE || strcmp(m.head.lane, lane) != 0 ||
        m.head.boot != fg_boot_number())
        return false;
    *ret_acknowledged = (struct fg_decision_id){m.lane.ack_run, m.lane.ack_decision};
    return true;
}
