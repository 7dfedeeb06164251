// SPDX-License-Identifier: Apache-2.0
// The capture thread: it alone calls the source, and puts each frame into the mailbox.
#ifndef FG_CAPTURE_H
#define FG_CAPTURE_H

#include <stdbool.h>

#include "common/error.h"
#include "pipeline/mailbox.h"
#include "pipeline/source.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_capture;

// Starts the thread; source and box are borrowed until fg_capture_join. With `keep_all` no frame
// is displaced: the thread waits until the last one was taken. At the end of the source, or when
// it fails, the box is closed.
int fg_capture_start(struct fg_source *source, struct fg_mailbox *box, struct fg_stop *stop,
                     bool keep_all, struct fg_capture **ret);

// Stops the source, waits for the thread and frees. 0 at the end of the source or after a stop,
// else the source's negative errno with its text.
int fg_capture_join(struct fg_capture *capture, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
