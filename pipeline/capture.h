// SPDX-License-Identifier: Apache-2.0
// The capture thread: it alone calls the source, puts each frame into the mailbox, and brings a
// camera back that stalled or failed: it opens it again, at most three times in a row.
#ifndef FG_CAPTURE_H
#define FG_CAPTURE_H

#include <stdbool.h>

#include "common/error.h"
#include "pipeline/mailbox.h"
#include "pipeline/source.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CAPTURE_TRIES 3u

enum fg_capture_end {
    FG_CAPTURE_ENDED,   // the source's end, or a stop
    FG_CAPTURE_GONE,    // the system no longer has the camera
    FG_CAPTURE_GAVE_UP, // it has, but opening it again did not help
    FG_CAPTURE_FAILED,  // a file or memory failed
};

struct fg_capture_state {
    struct fg_source_counts counts; // of all openings
    uint64_t recoveries;            // times that frames came again after a failure
    uint64_t t_frame_ns;            // when the last frame came; 0: none yet
    bool retrying;                  // between a failure and the next frame
    enum fg_source_memory memory;
};

struct fg_capture;

// Opens the source, with `stop` in its options. `spec`, the strings in `options`, `stop` and `box`
// are borrowed until fg_capture_close. Failure: fg_source_open's.
int fg_capture_open(const char *spec, const struct fg_source_options *options, struct fg_stop *stop,
                    struct fg_mailbox *box, struct fg_capture **ret, struct fg_error *err);

// Of the source as it is; before fg_capture_start.
void fg_capture_info(const struct fg_capture *capture, struct fg_source_info *ret);

// Starts the thread. With `keep_all` no frame is displaced: it waits until the last one was taken.
// When capture ends, for whatever reason, the box is closed. 0 or negative errno.
int fg_capture_start(struct fg_capture *capture, bool keep_all);

void fg_capture_state(struct fg_capture *capture, struct fg_capture_state *ret); // any thread

// Sets the stop and waits for the thread; err says why it ended when that was no end of the source.
enum fg_capture_end fg_capture_join(struct fg_capture *capture, struct fg_error *err);

// Joins if that was not done. A frame that still lies in the box is dropped, frames that were taken
// from it must be released. Accepts NULL.
void fg_capture_close(struct fg_capture *capture);

#ifdef __cplusplus
}
#endif
#endif
