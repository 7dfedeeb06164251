// SPDX-License-Identifier: Apache-2.0
// Checks of documents: one process each (matcher/portrait.h), started ahead, given to the lane that
// brings a document, gone with the check. One thread; nothing waits.
#ifndef FG_CHECKS_H
#define FG_CHECKS_H

#include "common/wire.h"
#include "matcher/portrait.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CHECKS          4    // at once; as many processes are kept ready
#define FG_CHECKS_AGAIN_MS 2000 // before a process that could not start is tried again

struct fg_checks;

struct fg_checks_options {
    struct fg_portrait_options portrait; // borrowed for the call
    unsigned ready;                      // processes started ahead, 1 to FG_CHECKS
    void *context;
    // The lane's face was compared; or its check failed, for a reason of facegate-wire(7) (static).
    void (*compared)(void *context, const char *lane, bool match);
    void (*failed)(void *context, const char *lane, const char *reason);
};

// -ENOMEM, -EMFILE, -EINVAL.
int fg_checks_create(const struct fg_checks_options *options, struct fg_checks **ret,
                     struct fg_error *err);
void fg_checks_destroy(struct fg_checks *checks); // kills and reaps; accepts NULL

// A lane brings a document, to match at the score or above. 0; -EBUSY: all are in use; -EMSGSIZE.
// One that the lane had is over.
int fg_checks_bring(struct fg_checks *checks, const char *lane, const void *document, size_t length,
                    float score);
// Asks for the lane's face. False: it has no check, or too many faces wait for their answers. A
// face that comes before the portrait was looked at waits; a later one takes its place.
bool fg_checks_compare(struct fg_checks *checks, const char *lane, const float *face,
                       uint32_t dimension);
void fg_checks_dismiss(struct fg_checks *checks, const char *lane);

int fg_checks_fd(const struct fg_checks *checks); // readable when there is work
void fg_checks_work(struct fg_checks *checks, uint64_t now_ns);
unsigned fg_checks_ready(const struct fg_checks *checks); // processes that wait for a document

#ifdef __cplusplus
}
#endif
#endif
