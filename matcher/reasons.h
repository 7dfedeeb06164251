// SPDX-License-Identifier: Apache-2.0
// Why a decision is what it is: the codes that gates and consoles switch on, each with what the
// person at the gate is told. The codes are stable and explained in facegate-wire(7), REASONS; the
// sentences are English here and other languages in po/.
//
// A new reason: a name here, a row in reasons.c, a line in the manual, po/ brought up to date by
// `make po`. Tests compare the three.
#ifndef FG_REASONS_H
#define FG_REASONS_H

#ifdef __cplusplus
extern "C" {
#endif

#define FG_WHY_MATCHED           "matched"
#define FG_WHY_NO_MATCH          "no_match"
#define FG_WHY_MORE_EVIDENCE     "more_evidence"
#define FG_WHY_LOW_QUALITY       "low_quality"
#define FG_WHY_NOT_LIVE          "not_live"
#define FG_WHY_MIXED_TRACK       "mixed_track"
#define FG_WHY_ONE_PERSON        "one_person"
#define FG_WHY_GALLERY_TOO_LARGE "gallery_too_large"

// The registration.
#define FG_WHY_NOT_VALID_NOW        "not_valid_now"
#define FG_WHY_NOT_YET_VALID        "not_yet_valid"
#define FG_WHY_REGISTRATION_EXPIRED "registration_expired"
#define FG_WHY_BLOCKED              "blocked"
#define FG_WHY_NOT_A_CUSTOMER       "not_a_customer"
#define FG_WHY_NO_CONSENT           "no_consent"
#define FG_WHY_BIRTH_UNKNOWN        "birth_unknown"
#define FG_WHY_TOO_YOUNG            "too_young"
#define FG_WHY_GUARDIAN_NEEDED      "guardian_needed"

// Here and now.
#define FG_WHY_WRONG_LANE     "wrong_lane"
#define FG_WHY_NO_PERMIT      "no_permit"
#define FG_WHY_OUTSIDE_HOURS  "outside_hours"
#define FG_WHY_ZONE_FULL      "zone_full"
#define FG_WHY_NO_TICKET      "no_ticket"
#define FG_WHY_WRONG_GATE     "wrong_gate"
#define FG_WHY_TOO_EARLY      "too_early"
#define FG_WHY_DEPARTED       "departed"
#define FG_WHY_OTHER_LANE     "other_lane"
#define FG_WHY_COOLING_DOWN   "cooling_down"
#define FG_WHY_USED_ALREADY   "used_already"
#define FG_WHY_ALREADY_INSIDE "already_inside"
#define FG_WHY_NOT_INSIDE     "not_inside"
#define FG_WHY_TAILGATE       "tailgate"
#define FG_WHY_UNKNOWN_INSIDE "unknown_inside"

// Payments.
#define FG_WHY_NO_REQUEST     "no_request"
#define FG_WHY_LIMIT_EXCEEDED "limit_exceeded"
#define FG_WHY_PIN_NEEDED     "pin_needed"
#define FG_WHY_PIN_WRONG      "pin_wrong"

// Tokens and documents.
#define FG_WHY_SHOW_TOKEN          "show_token"
#define FG_WHY_TOKEN_UNKNOWN       "token_unknown"
#define FG_WHY_TOKEN_FORGED        "token_forged"
#define FG_WHY_TOKEN_EXPIRED       "token_expired"
#define FG_WHY_TOKEN_REVOKED       "token_revoked"
#define FG_WHY_TOKEN_USED          "token_used"
#define FG_WHY_TOKEN_SCOPE         "token_scope"
#define FG_WHY_OTHER_FACE          "token_other_face"
#define FG_WHY_NO_OWNER            "token_no_owner"
#define FG_WHY_DOCUMENT_REFUSED    "document_refused"
#define FG_WHY_DOCUMENT_UNVERIFIED "document_unverified"
#define FG_WHY_PORTRAIT_NO_FACE    "portrait_no_face"
#define FG_WHY_PORTRAIT_MANY_FACES "portrait_many_faces"
#define FG_WHY_PORTRAIT_POOR       "portrait_poor"

// The machine.
#define FG_WHY_CLOCK_WRONG  "clock_wrong"
#define FG_WHY_STORE_FULL   "store_full"
#define FG_WHY_MATCHER_BUSY "matcher_busy"

#define FG_WHYS 61 // of them, with the names of a NOTICE's reasons

// What a sentence may name: of a decision, `detail` or `when_s`.
enum fg_parameter {
    FG_PARAMETER_NONE,
    FG_PARAMETER_WORD,     // the detail: a gate, a lane, a flight
    FG_PARAMETER_DAY,      // the day of when_s
    FG_PARAMETER_LAST_DAY, // the last day before when_s, which is the first second too late
    FG_PARAMETER_TIME,     // the time of day of when_s, with its day unless that is today
};

struct fg_why {
    const char *code;
    const char *sentence;
    enum fg_parameter parameter;
    const char *naming; // the sentence that names the parameter as %1$s; NULL: there is none
};

extern const struct fg_why fg_whys[FG_WHYS];

const struct fg_why *fg_why_find(const char *code); // NULL: no such code

#ifdef __cplusplus
}
#endif
#endif
