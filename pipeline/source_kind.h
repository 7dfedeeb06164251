// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: what each kind of source implements. source.c picks the kind by the
// spec's prefix and checks nothing else; all rules of source.h hold for these functions too.
#ifndef FG_SOURCE_KIND_H
#define FG_SOURCE_KIND_H

#include "pipeline/source.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_source_kind {
    const char *prefix; // "file:"
    // `name` is what follows the prefix. On success *ret_state and *ret_pool belong to the source;
    // close gets the state after every frame is back and destroys the pool too.
    int (*open)(const char *name, const struct fg_source_options *options, void **ret_state,
                struct fg_frame_pool **ret_pool, struct fg_error *err);
    void (*info)(const void *state, struct fg_source_info *ret);
    int (*next)(void *state, struct fg_frame **ret, struct fg_error *err);
    void (*counts)(const void *state, struct fg_source_counts *ret);
    // Gives back what the source itself holds of the pool (buffers queued in a driver), so that
    // the pool is whole once the frames handed out are released. May be called twice; close comes
    // after it.
    void (*halt)(void *state);
    void (*close)(void *state);
    bool (*is_there)(const char *name);
};

extern const struct fg_source_kind fg_source_kind_file;
extern const struct fg_source_kind fg_source_kind_v4l2;
extern const struct fg_source_kind fg_source_kind_libcamera;

#ifdef __cplusplus
}
#endif
#endif
