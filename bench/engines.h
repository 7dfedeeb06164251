// SPDX-License-Identifier: Apache-2.0
// Who takes part in bench_index: ours, our own plain scans, FAISS and hnswlib, behind one call.
#ifndef FG_ENGINES_H
#define FG_ENGINES_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/answer.h"
#include "bench/field.h"
#include "common/error.h"

// Where templates are kept; two engines may search one store.
enum fg_store_kind {
    FG_STORE_OURS,
    FG_STORE_DETERMINISTIC,
    FG_STORE_OWN_FP32,
    FG_STORE_OWN_INT8,
    FG_STORE_FAISS_FLAT,
    FG_STORE_FAISS_INT8,
    FG_STORE_FAISS_GRAPH,
    FG_STORE_HNSWLIB,
    FG_STORES
};

struct fg_store {                 // starts as {0}
    const struct fg_field *field; // NULL: not open
    enum fg_store_kind kind;
    struct fg_index *index; // ours
    void *rival;
    double build_s, bytes; // build_s: NAN for none; bytes: of memory a template
    unsigned build_threads;
};

// Fills a store with the field's templates, which are borrowed until it is closed.
int fg_store_open(const struct fg_field *field, enum fg_store_kind kind, struct fg_store *ret,
                  struct fg_error *err);
void fg_store_close(struct fg_store *store); // accepts what is not open
bool fg_store_is_graph(enum fg_store_kind kind);

struct fg_engine {
    const char *key, *name;
    enum fg_store_kind store;
    unsigned effort; // see fg_rival_kind
    bool aims;       // a higher threshold is less work
    bool batches;    // several probes at once are less work
};

#define FG_ENGINES 11
extern const struct fg_engine fg_engines[FG_ENGINES];

// Answers `count` probes (at most 16), packed one after the other, with the best at or above the
// threshold. *ret_bytes grows by what was read of templates, codes and vectors.
int fg_engine_search(const struct fg_engine *engine, const struct fg_store *store,
                     const float *probes, unsigned count, float threshold, struct fg_answer *ret,
                     uint64_t *ret_bytes);

#endif
