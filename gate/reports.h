// SPDX-License-Identifier: Apache-2.0
// What the gate tells the matcher: ALIVE, WAKE, PASSED, TIMEOUT, FORCED of facegate-wire(7), to the
// probe socket. PASSED and TIMEOUT of a decision are sent again, one at a time in their order,
// until the matcher acknowledges them; the others once. What happens while no matcher listens is
// kept; the time of the event is in it, and a crossing is told from another by it. One thread.
#ifndef FG_REPORTS_H
#define FG_REPORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/wire.h"
#include "gate/lane.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_REPORTS_KEPT  64  // the oldest is given up for a newer one
#define FG_REPORTS_TRIES 600 // a second apart; then it is given up
#define FG_REPORTS_PATH  240

struct fg_report {
    enum fg_wire_type type;
    struct fg_decision_id decision;
    uint64_t t_ns;
    unsigned tries;
};

struct fg_reports { // starts zeroed
    struct fg_socket *socket;
    struct fg_wire_message message;         // its head stays
    struct fg_report kept[FG_REPORTS_KEPT]; // oldest first
    unsigned count;
    uint64_t sent, acknowledged, given_up; // sent: each time
    uint64_t again_ns, alive_ns;           // when to send the oldest again, and ALIVE
    bool full, unwritten;                  // told once
    char file[FG_REPORTS_PATH];            // of what is owed; "": none
};

// PASSED and TIMEOUT of a decision.
bool fg_report_is_owed(const struct fg_report *report);

// Failure: as fg_socket_connect.
int fg_reports_open(struct fg_reports *reports, struct fg_bus *bus, const char *endpoint,
                    const char *lane, const char *id, struct fg_error *err);
// Keeps what is owed in a file too, and takes up what a gate that was killed left there. An error
// is one of the file: the reports go on without what it held.
int fg_reports_keep_in(struct fg_reports *reports, const char *path, struct fg_error *err);
// What was not acknowledged is given up, unless a file keeps it; logged.
void fg_reports_close(struct fg_reports *reports);

// A WAKE that nobody listens to is not kept: it is about now.
void fg_reports_tell(struct fg_reports *reports, enum fg_wire_type type,
                     struct fg_decision_id decision, uint64_t t_ns);

// The matcher has what was reported of that decision, for good.
void fg_reports_acknowledge(struct fg_reports *reports, struct fg_decision_id decision);

// Sends what is due, and ALIVE once a second, when a matcher listens. Logs what is given up.
void fg_reports_work(struct fg_reports *reports, uint64_t now_ns);

#ifdef __cplusplus
}
#endif
#endif
