// SPDX-License-Identifier: Apache-2.0
// A flight that is boarded through lanes. Who has the tag flight:NAME is its passenger.
#ifndef FG_FLIGHT_H
#define FG_FLIGHT_H

#include <stdint.h>

#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_FLIGHT_LANES 8

struct fg_flight { // of the store
    char name[FG_WIRE_NAME];
    char lanes[FG_FLIGHT_LANES][FG_WIRE_NAME];
    unsigned n_lanes;            // at least 1
    uint64_t opens_s, departs_s; // boarding: from opens_s until just before departs_s
};

#ifdef __cplusplus
}
#endif
#endif
