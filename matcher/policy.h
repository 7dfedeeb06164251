// SPDX-License-Identifier: Apache-2.0
// A profile: what a gate wants from its matcher, in one INI file. Documented in
// facegate-profile(5). Operators set error rates, never scores.
#ifndef FG_POLICY_H
#define FG_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_POLICY_LANES     32
#define FG_POLICY_ZONES     16
#define FG_POLICY_FIRMS     16
#define FG_POLICY_WORDS     4 // tags of a lane or a zone
#define FG_POLICY_HOURS     4
#define FG_POLICY_LANGUAGES 4
#define FG_POLICY_CONTROL   256 // bytes of a firm's socket with its NUL

// Tags that bind a subject to a firm or a flight are these words followed by its name.
#define FG_TAG_FIRM   "firm:"
#define FG_TAG_FLIGHT "flight:"

enum fg_mode { FG_MODE_IDENTIFY, FG_MODE_PASS, FG_MODE_VAULT, FG_MODE_PORTRAIT };
enum fg_liveness { FG_LIVENESS_ATTENDED, FG_LIVENESS_REQUIRED };
// What makes an admission a passage: the gate's PASSED, or the admission itself.
enum fg_passage { FG_PASSAGE_BEAM, FG_PASSAGE_ON_ADMIT };
enum fg_direction { FG_DIRECTION_NONE, FG_DIRECTION_IN, FG_DIRECTION_OUT };
// What the events hold: every outcome but retries; admissions and passages; nothing at all.
enum fg_recording { FG_RECORDING_OUTCOMES, FG_RECORDING_PASSAGES, FG_RECORDING_NOTHING };

struct fg_hours {
    uint8_t days;         // bit 0 Monday .. bit 6 Sunday
    uint16_t from, until; // minutes of the local day; until <= from: over midnight
};

struct fg_lane_rules { // a section [lane NAME]; a a lane without one has zeros
    char name[FG_WIRE_NAME];
    enum fg_direction direction;
    char zone[FG_WIRE_NAME]; // that the lane leads into (in) or out of (out); empty: none
    char firm[FG_WIRE_NAME]; // whose customers alone are candidates; empty: everybody
    char tags[FG_POLICY_WORDS][FG_WIRE_NAME]; // a subject needs all
    unsigned n_tags;
    struct fg_hours hours[FG_POLICY_HOURS];
    unsigned n_hours; // 0: always
    bool watch;       // no gate: nobody is let through, and an unknown face is an alarm
};

struct fg_zone_rules { // [zone NAME]
    char name[FG_WIRE_NAME];
    char tags[FG_POLICY_WORDS][FG_WIRE_NAME]; // a subject needs one of them; none: everybody
    unsigned n_tags;
    struct fg_hours hours[FG_POLICY_HOURS];
    unsigned n_hours;
    uint32_t most; // people inside at once; 0: no bound
    // The zone around this one: who is inside is inside that one too, and who leaves is there
    // again. Empty: outside is around it.
    char within[FG_WIRE_NAME];
};

struct fg_firm { // [firm NAME]: a tenant with customers of its own
    char name[FG_WIRE_NAME];
    char control[FG_POLICY_CONTROL]; // its own control socket, or empty
};

struct fg_policy {
    char name[FG_WIRE_NAME];
    enum fg_mode mode;
    enum fg_liveness liveness;
    double fmr, fpir;                           // exactly one is set, the other is 0
    uint32_t good_probes;                       // probes that a track may have before it is denied
    uint32_t decide_ms;                         // and the time, from its first good probe
    uint32_t attempts;                          // the last of them is answered with fallback
    uint32_t absent_ms;                         // a lane empty for so long ends the presence
    uint32_t valid_ms;                          // gates ignore decisions that are older
    float min_quality;                          // least unified quality of a good probe, 0..1
    double passages_per_day, impostors_per_day; // 0: not said; for the status alone
    char languages[FG_POLICY_LANGUAGES][8];     // of the sentences in decisions
    unsigned n_languages;                       // at least 1
    bool single;            // one person at a time: with two faces in the lane nobody is admitted
    uint32_t sleep_after_s; // a lane without anybody sleeps after so long; 0: never

    // passages
    enum fg_passage passage;
    uint32_t passage_s; // an admission that the gate says nothing of is void after so long
    uint32_t reuse_s;   // within it a void admission of the same subject and lane is taken up again
    uint32_t cooldown_s;  // after a passage the same subject does not pass the same lane again
    uint32_t exclusive_s; // nor another lane; an admission that is not settled holds the others
                          // too. 0: lanes know nothing of each other
    bool anti_passback;   // in only when outside, out only when inside

    // who
    uint32_t registration_days;             // after enrolment; 0: as the subject says
    uint32_t refused_under, guardian_under; // years of age; 0: no rule. Subjects need a birth date
    bool consent;                           // a reference to a consent is needed
    bool ticket; // a flight (tag flight:NAME) that boards at this lane now

    // money; amounts in the currency's smallest unit
    uint64_t fare;                    // charged for each passage; 0: none
    char currency[4];                 // ISO 4217; empty without fare and payments
    bool payments;                    // admissions answer a request to pay
    uint64_t payment_most, pin_above; // 0: no bound; no PIN
    uint32_t pin_tries;

    // tokens and documents
    char scope[FG_WIRE_NAME];       // of the tokens that are good here; empty: of any
    bool one_time;                  // a token's serial is good once
    uint32_t token_s;               // a token waits for its owner's face so long
    bool authenticated, unverified; // documents that are taken

    // what is kept
    enum fg_recording recording;
    uint32_t retention_days; // of events; 0: for ever
    bool keep_nothing;       // no vector, picture or event outlives the answer

    struct fg_lane_rules lanes[FG_POLICY_LANES];
    unsigned n_lanes;
    struct fg_zone_rules zones[FG_POLICY_ZONES];
    unsigned n_zones;
    struct fg_firm firms[FG_POLICY_FIRMS];
    unsigned n_firms;
};

// Reads and checks a profile: `path`, then path.d/*.conf as fg_conf_read_all does. -ENOENT,
// -EACCES, -EINVAL with file and line of the first fault in err; -EOPNOTSUPP for what this version
// can't run (liveness = required, which needs a detector). *ret is untouched on failure.
int fg_policy_read(const char *path, struct fg_policy *ret, struct fg_error *err);

// The same for who only wants to look: what this version can't run is no error.
int fg_policy_inspect(const char *path, struct fg_policy *ret, struct fg_error *err);

// All faults of a profile, not only the first: `say` is called for each with a sentence that begins
// with FILE:LINE. Returns how many, or a negative errno when the file can't be read, which is told
// to `say` too.
int fg_policy_check(const char *path, void (*say)(void *context, const char *fault), void *context);

// The rules of a lane; never NULL. Valid as long as the policy; those of a lane without a section,
// which has its name alone, until the thread asks for another such lane.
const struct fg_lane_rules *fg_policy_lane(const struct fg_policy *policy, const char *lane);
// NULL: there is no such zone.
const struct fg_zone_rules *fg_policy_zone(const struct fg_policy *policy, const char *zone);

// Whether `zone` is `outer` or lies within it, however deep. Two empty names are the same: the
// site.
bool fg_policy_encloses(const struct fg_policy *policy, const char *outer, const char *zone);

const char *fg_mode_name(enum fg_mode mode); // "identify"

#ifdef __cplusplus
}
#endif
#endif
