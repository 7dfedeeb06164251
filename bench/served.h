// SPDX-License-Identifier: Apache-2.0
// A facegate-matcher of its own (from $FACEGATE_BUILD, or build/) in a folder, for benches that
// speak to it.
#ifndef FG_SERVED_H
#define FG_SERVED_H

#include <stdint.h>

#include "common/error.h"
#include "tools/child.h"

struct fg_served {
    char folder[128];  // of the caller, who removes it; card, profile, key and gallery go there
    char control[160]; // its endpoint
    uint64_t model;    // of a toy card with `dimension`
    uint32_t dimension;
    struct fg_child child;
};

// Writes card and profile. Its gallery is the folder's "gallery", its key file "key".
int fg_served_init(struct fg_served *served, const char *folder, uint32_t dimension,
                   struct fg_error *err);
// Starts it and waits until it says READY=1; *ret_ms is how long that took.
int fg_served_start(struct fg_served *served, double *ret_ms, struct fg_error *err);
void fg_served_stop(struct fg_served *served);

#endif
