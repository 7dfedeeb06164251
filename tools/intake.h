// SPDX-License-Identifier: Apache-2.0
// People of a roll turned into vectors on several threads, each with networks of its own. Results
// come in any order, at most FG_INTAKE_WAITING of them waiting.
#ifndef FG_INTAKE_H
#define FG_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/vision.h"
#include "tools/enrolment.h"
#include "tools/portrait.h"
#include "tools/problems.h"
#include "tools/roll.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_INTAKE_WAITING 32
#define FG_INTAKE_THREADS 64

struct fg_intake_plan { // all borrowed until fg_intake_stop
    const struct fg_vision_options *vision;
    struct fg_portrait_rule rule;
    const struct fg_enrolment *standard; // for what a CSV does not say
    const struct fg_roll *roll;
    const size_t *todo; // indices of roll's entries
    size_t n_todo;
    struct fg_problems *problems; // gets photographs set aside and people refused
    unsigned threads;             // 1..FG_INTAKE_THREADS
};

struct fg_intake_result {
    size_t entry; // of the roll
    bool refused; // noted in problems; no portrait
    struct fg_enrolment enrolment;
    struct fg_portrait portrait;
};

struct fg_intake;

// Starts the threads. Success: *ret owned by the caller (fg_intake_stop). -ENOMEM, -EAGAIN.
int fg_intake_start(const struct fg_intake_plan *plan, struct fg_intake **ret,
                    struct fg_error *err);
// Ends the threads after the person at hand, wipes what waits. Accepts NULL.
void fg_intake_stop(struct fg_intake *intake);

// The next result: 1, *ret filled (the caller wipes it); 0 when all are done; -EAGAIN when none
// came within timeout_ms; -EIO, -ENOMEM or an error of fg_vision_open when a thread failed.
int fg_intake_next(struct fg_intake *intake, int timeout_ms, struct fg_intake_result *ret,
                   struct fg_error *err);

// Photographs looked at so far.
uint64_t fg_intake_photos(const struct fg_intake *intake);

#ifdef __cplusplus
}
#endif
#endif
