// SPDX-License-Identifier: Apache-2.0
// One event of the ledger: its bytes, its JSON, its line of CSV. No biometrics, no names.
#ifndef FG_EVENT_H
#define FG_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/wire.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CHARGE_ID   16 // random bytes
#define FG_EVENT_BYTES 640

enum fg_event_kind {
    FG_EVENT_START = 1, // of a run of the matcher
    FG_EVENT_ADMIT,
    FG_EVENT_DENY,
    FG_EVENT_FALLBACK,
    FG_EVENT_PASSED,       // detail: in, out or empty
    FG_EVENT_TIMEOUT,      // nobody went through
    FG_EVENT_UNSETTLED,    // the gate never said
    FG_EVENT_TAILGATE,     // somebody right behind
    FG_EVENT_FORCED,       // somebody without a decision
    FG_EVENT_CHARGE_DUE,   // detail: the payment's id
    FG_EVENT_CHARGE_VOID,  // the same
    FG_EVENT_CHARGE_TAKEN, // by the back office
    FG_EVENT_TOKEN_USED,
    FG_EVENT_REVOKED, // detail: the serial in hex
    FG_EVENT_BLOCKED,
    FG_EVENT_UNBLOCKED,
    FG_EVENT_FLIGHT,  // made, changed or removed; detail: its name
    FG_EVENT_PAYMENT, // asked for
    FG_EVENT_ALARM,   // an unknown face inside a zone
    FG_EVENT_LOST,    // events that could not be written: amount of them
    FG_EVENT_KINDS
};

struct fg_event {
    uint64_t number; // from 1, set when it is appended
    enum fg_event_kind kind;
    uint64_t t_ns;          // CLOCK_REALTIME, never falling
    uint64_t run, decision; // 0: of none
    char lane[FG_WIRE_NAME], zone[FG_WIRE_NAME], firm[FG_WIRE_NAME];
    char subject[FG_SUBJECT_ID];  // or empty
    char reason[FG_WIRE_NAME];    // a code, or empty
    char detail[FG_SUBJECT_ID];   // or empty
    char liveness[16];            // attended, pass, fail, absent or empty
    uint8_t charge[FG_CHARGE_ID]; // zero: none
    uint64_t amount;
    char currency[4];
};

const char *fg_event_name(enum fg_event_kind kind); // "admit", ...; never NULL

#define FG_EVENT_TIME 32 // bytes of a printed time

// "2027-01-31T23:00:00.250Z"
const char *fg_event_time(uint64_t t_ns, char ret[FG_EVENT_TIME]);
void fg_event_hex(const void *bytes, size_t count, char *ret); // 2 * count + 1 bytes

// Everything but the number, which is the key. pack returns the length; unpack: 0 or -EBADMSG.
size_t fg_event_pack(const struct fg_event *event, uint8_t bytes[FG_EVENT_BYTES]);
int fg_event_unpack(const uint8_t *bytes, size_t length, struct fg_event *ret);

// What is empty is left out. A tree owned by the caller.
struct fg_json *fg_event_json(const struct fg_event *event);

#ifdef __cplusplus
}
#endif
#endif
