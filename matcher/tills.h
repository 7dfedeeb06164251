// SPDX-License-Identifier: Apache-2.0
// What tills and cash machines have asked for: one payment a lane, until it is made, refused,
// withdrawn, or its time is over; and the PIN that was typed for it. In memory alone. No rules, no
// clock.
#ifndef FG_TILLS_H
#define FG_TILLS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "matcher/payment.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_TILLS       32 // lanes that wait at once
#define FG_TILL_PIN    13 // bytes of a PIN with its NUL: 4 to 12 digits
#define FG_TILL_MS     60000
#define FG_TILL_LATELY 64 // payments whose outcome is remembered

enum fg_till_state { FG_TILL_UNKNOWN, FG_TILL_WAITING, FG_TILL_ADMITTED, FG_TILL_REFUSED };

struct fg_till {
    char lane[FG_WIRE_NAME]; // empty: free
    struct fg_payment payment;
    uint64_t until_ns;
    char pin[FG_TILL_PIN]; // empty: none was typed
    unsigned tries;        // PINs that were wrong
};

struct fg_till_outcome {
    char firm[FG_WIRE_NAME], id[FG_SUBJECT_ID];
    enum fg_till_state state;
    const char *reason; // static
};

struct fg_tills { // starts zeroed
    struct fg_till at[FG_TILLS];
    struct fg_till_outcome lately[FG_TILL_LATELY];
    unsigned next;
};

// Asks in a lane. 0, also again for the same payment; -EBUSY: the lane waits for another one;
// -ENOSPC: too many lanes wait.
int fg_tills_ask(struct fg_tills *tills, const char *lane, const struct fg_payment *payment,
                 uint64_t now_ns);
// The lane's payment, or NULL. Borrowed until the next call that changes something.
struct fg_till *fg_tills_find(struct fg_tills *tills, const char *lane);
// Takes 4 to 12 digits. -ENOENT: no payment waits there; -EINVAL.
int fg_tills_pin(struct fg_tills *tills, const char *lane, const char *pin);
// The payment is made or refused, for this reason. Wipes the PIN.
void fg_tills_end(struct fg_tills *tills, const char *lane, enum fg_till_state state,
                  const char *reason);
// What became of a payment; *ret_reason may be NULL.
enum fg_till_state fg_tills_outcome(const struct fg_tills *tills, const char *firm, const char *id,
                                    const char **ret_reason);
// Ends what has waited too long, as refused with `reason`. Returns how many.
unsigned fg_tills_tick(struct fg_tills *tills, uint64_t now_ns, const char *reason);

#ifdef __cplusplus
}
#endif
#endif
