// SPDX-License-Identifier: Apache-2.0
// What a camera does beside following faces, as its lane wants it (lane.h): it reads codes, sleeps,
// says that somebody moves before a lane that is asleep, and keeps nothing.
#ifndef FG_DUTY_H
#define FG_DUTY_H

#include <stdbool.h>

#include "pipeline/frame.h"
#include "pipeline/publish.h"
#include "pipeline/stream.h"
#include "pipeline/zone.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_duty_options {
    const char *lane_socket, *lane; // borrowed for the call
    bool wake_at_motion;
    struct fg_zone wake_zone;
};

struct fg_duty; // one thread at a time, the stream's

// `publisher` and `stream` are borrowed for the duty's life. Until a lane has said whether it keeps
// anything, freed memory and frames are wiped (common/wipe.h): that could not be made good later.
int fg_duty_open(const struct fg_duty_options *options, struct fg_publisher *publisher,
                 struct fg_stream *stream, struct fg_duty **ret, struct fg_error *err);
void fg_duty_close(struct fg_duty *duty); // accepts NULL

// Hears what the lane wants and does it: before each frame, and now and then when none comes.
// Whether it is awake. Tracks end when it falls asleep.
bool fg_duty_hear(struct fg_duty *duty, uint64_t now_ns);

// A frame of a lane that is awake, after the stream has seen it: sends the codes in it when they
// are wanted and it is time for a look. 0; failure: as fg_code_look.
int fg_duty_read_codes(struct fg_duty *duty, const struct fg_frame *frame, struct fg_error *err);

// A frame of a lane that is asleep: nobody is looked for in it; sends WAKE at motion, where that is
// set. 0; failure: as fg_motion_look.
int fg_duty_watch(struct fg_duty *duty, const struct fg_frame *frame, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
