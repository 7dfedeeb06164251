// SPDX-License-Identifier: Apache-2.0
// A live face against the portrait of a document, in a child process: pictures come from strangers
// and their decoders are large, so neither the decoders nor the networks are in the matcher.
//
// One check has one child at a time: fg_portrait_check_start() makes it, it opens its networks and
// waits; fg_portrait_check_request() hands it the document; after LOOKED with a good portrait
// fg_portrait_check_ask() hands it the vectors of the live face, and each has a VERDICT; then
// fg_portrait_check_end(). Nothing waits but destroy: bytes go out as the child takes them, which
// fg_portrait_check_work() sees to whenever fg_portrait_check_fd() is readable. Every way to the
// end of a child comes as one ENDED; then the next may be started. For people who follow each
// other closely make two checks.
//
// All by one thread, the one that made the check. The document and the vectors are copied into
// memory of the check that is not swapped (as far as the limit on locked memory goes) nor dumped,
// and wiped there as they are sent: after LOOKED, and after ENDED, no byte of the document is in
// it. The caller wipes its own.
#ifndef FG_MATCHER_PORTRAIT_H
#define FG_MATCHER_PORTRAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/portrait_wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_PORTRAIT_WAITING 8 // vectors whose verdict is not there yet

struct fg_portrait_options {
    const char *program;          // path of facegate-portrait, copied
    const char *const *arguments; // NULL-ended, copied; NULL: none
    uint64_t model;               // fg_card.id of the live faces' vectors
    uint32_t dimension;           // of them
    uint32_t start_ms;            // from start to WARM; 0: 30000
    uint32_t look_ms;             // from request (and WARM) to LOOKED; 0: 5000
    uint32_t check_ms;            // from request to the end; 0: 25000 (the child gives up at 30000)
};

enum fg_portrait_state {
    FG_PORTRAIT_OFF,      // no child
    FG_PORTRAIT_STARTING, // it opens its networks; a request may be made, and waits
    FG_PORTRAIT_READY,    // a request would be looked at at once
    FG_PORTRAIT_LOOKING,  // a request is with it
    FG_PORTRAIT_ASKING,   // the portrait is good: vectors may be asked
    FG_PORTRAIT_ENDING,   // killed, not yet gone
};

enum fg_portrait_what {
    FG_PORTRAIT_IS_WARM,    // its networks are ready
    FG_PORTRAIT_HAS_LOOKED, // `looked` is set; whatever but GOOD is followed by ENDED
    FG_PORTRAIT_HAS_SAID,   // `id` and `match` are set
    FG_PORTRAIT_HAS_ENDED,  // `why` and `exit_code` are set; the state is OFF
};

enum fg_portrait_why {
    FG_PORTRAIT_FINISHED,    // the portrait was refused, or fg_portrait_check_end()
    FG_PORTRAIT_DIED,        // crashed, or gave up; before WARM: could not start, its log says why
    FG_PORTRAIT_TIMED_OUT,   // over a limit of the options
    FG_PORTRAIT_GARBLED,     // it does not speak as it should, or is of another version
    FG_PORTRAIT_OTHER_MODEL, // its embedder is not the one of the live faces
};

struct fg_portrait_event {
    enum fg_portrait_what what;
    struct fg_portrait_looked looked;
    uint64_t id;
    bool match;
    enum fg_portrait_why why;
    int exit_code; // of the child; 128 + signal when killed by one
};

struct fg_portrait_check;

// 0: *ret is owned by the caller. -ENOMEM, -EMFILE, -EINVAL (names too long).
int fg_portrait_check_create(const struct fg_portrait_options *options,
                             struct fg_portrait_check **ret, struct fg_error *err);
// Kills a child and waits until it is gone, wipes; accepts NULL.
void fg_portrait_check_destroy(struct fg_portrait_check *check);

// Starts a child with an empty environment, this process's standard error and no other file. Takes
// about a millisecond. -EBUSY: there is one; or what posix_spawn says, with the remedy in err.
int fg_portrait_check_start(struct fg_portrait_check *check, struct fg_error *err);

// Hands over the document and the least cosine that matches, once for a child. -EAGAIN: no child,
// or it has its request; -EMSGSIZE: 0 bytes or over FG_PORTRAIT_BYTES; -EINVAL: the score is no
// number.
int fg_portrait_check_request(struct fg_portrait_check *check, const void *document, size_t length,
                              float score);

// Asks whether this is the person; the verdict has `id`. `vector`: `dimension` floats, length 1.
// -EAGAIN: not ASKING, or FG_PORTRAIT_WAITING verdicts are still to come.
int fg_portrait_check_ask(struct fg_portrait_check *check, const float *vector, uint64_t id);

// The check is over: kills the child, wipes what waits. HAS_ENDED follows when it is gone.
void fg_portrait_check_end(struct fg_portrait_check *check);

// Readable (an epoll) when there is work; the same for the check's whole life.
int fg_portrait_check_fd(const struct fg_portrait_check *check);

// Sends, receives, keeps time. true: *ret is set; call until false.
bool fg_portrait_check_work(struct fg_portrait_check *check, struct fg_portrait_event *ret);

enum fg_portrait_state fg_portrait_check_state(const struct fg_portrait_check *check);

// A word for the log: "finished", "died", "timed_out", "garbled", "other_model"; never NULL.
const char *fg_portrait_why_name(enum fg_portrait_why why);

#ifdef __cplusplus
}
#endif
#endif
