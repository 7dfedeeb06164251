// SPDX-License-Identifier: Apache-2.0
// What red, green and buzzer show people. Pure: time is an argument.
#ifndef FG_LAMPS_H
#define FG_LAMPS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum fg_sign {
    FG_SIGN_CLOSED,    // red
    FG_SIGN_OPEN,      // green
    FG_SIGN_EMERGENCY, // green, short beeps
    FG_SIGN_RETRY,     // both lamps blink for a second: look again
    FG_SIGN_DENY,      // red blinks, three beeps
    FG_SIGN_FALLBACK,  // red blinks slowly, one long beep: see the staff
    FG_SIGN_ALARM,     // red and buzzer together: somebody went through who may not
    FG_SIGNS,
};

struct fg_lamps {
    bool red, green, buzzer;
};

// `shown_ns`: for how long the sign has been shown.
struct fg_lamps fg_sign_lamps(enum fg_sign sign, uint64_t shown_ns);

// How long a sign lasts; UINT64_MAX: until another comes.
uint64_t fg_sign_length_ns(enum fg_sign sign);

// The `shown_ns` at which the lamps change next, or the sign ends; UINT64_MAX: never.
uint64_t fg_sign_next_ns(enum fg_sign sign, uint64_t shown_ns);

#ifdef __cplusplus
}
#endif
#endif
