// SPDX-License-Identifier: Apache-2.0
// Other people's indexes, as Debian has them: FAISS (rival_faiss.cpp) and hnswlib
// (rival_hnswlib.cpp). Vectors are of length 1 and compared by inner product; nothing is thrown
// out of them.
#ifndef FG_RIVAL_H
#define FG_RIVAL_H

#include <stdint.h>

#include "bench/answer.h"
#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_rival_kind {
    const char *name; // with the library's version and its parameters
    // `most` vectors will be added. Success: *ret owned by the caller.
    int (*create)(uint32_t dimension, uint64_t most, void **ret, struct fg_error *err);
    // Adds `count` vectors, packed one after the other, on so many threads. The first call also
    // trains what has to be trained.
    int (*add)(void *self, const float *rows, uint64_t count, unsigned threads,
               struct fg_error *err);
    // Who is most like each of `count` probes, whatever the score, on this thread alone; slots
    // count what was added from 0. `effort` is ef of a graph. Several threads may search, with the
    // same effort.
    int (*search)(void *self, const float *probes, unsigned count, unsigned effort,
                  struct fg_answer *ret);
    // Vectors that searches have compared so far, or 0 where that is all of them.
    uint64_t (*compared)(const void *self);
    void (*destroy)(void *self); // accepts NULL
};

extern const struct fg_rival_kind fg_faiss_flat;  // float32, every vector compared
extern const struct fg_rival_kind fg_faiss_int8;  // one byte a dimension, every vector compared
extern const struct fg_rival_kind fg_faiss_graph; // HNSW
extern const struct fg_rival_kind fg_hnswlib;

#ifdef __cplusplus
}
#endif
#endif
