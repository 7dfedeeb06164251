// SPDX-License-Identifier: Apache-2.0
// A lane for end-to-end tests: a matcher with a shipped profile, people made from the sample
// photographs before a real camera program, the gate's reports, and what is decided. Over rig.h,
// whose folder must be open. Everything fails the running test when it goes wrong.
#ifndef FG_LANE_RIG_H
#define FG_LANE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "common/wire.h"

// Starts the matcher with profiles/NAME.ini, watched by a person (profiles/attended.conf), and the
// drop-in `more` ("" for none). `words`: more of its command line, NULL at the end; may be NULL.
void lane_open(const char *name, const char *more, const char *const *words);
void lane_close(void);
void lane_restart(int signal); // ends the matcher by the signal, and starts it again

// Enrols PERSON of the footage under this id; further words as `facegate enrol` takes them.
#define lane_enrol(id, person, ...)                                                                \
    lane_enrol_words(id, person, (const char *const[]){__VA_ARGS__, NULL})
void lane_enrol_words(const char *id, const char *person, const char *const *words);

// A picture of PERSON, as a document may have; valid until rig_close.
const char *lane_picture(const char *person);

// Shows a camera of the lane what the script of `footage --lane` says, to its end.
void lane_see(const char *lane, const char *script);

// The decisions of the last lane_see, retries left out. Borrowed until the next.
unsigned lane_decisions(void);
const struct fg_json *lane_decision(unsigned index);
// Fails unless there is one such decision alone.
const struct fg_json *lane_expect(const char *outcome, const char *reason);
// Whether a decision of lane_see, retries too, had the reason.
bool lane_heard(const char *reason);

// Reports about a decision as its gate would. `event` names the crossing: the same one is the same
// report once more. Waits until the matcher acknowledges it.
void lane_report(enum fg_wire_type type, const struct fg_json *decision, uint64_t event);

// Asks the matcher; the answer is the caller's. `endpoint` NULL: the operator's. The request is
// taken.
struct fg_json *lane_ask_at(const char *endpoint, struct fg_json *request, const void *bytes,
                            size_t length);
#define lane_ask(request) lane_ask_at(NULL, request, NULL, 0)

#endif
