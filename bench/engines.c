// SPDX-License-Identifier: Apache-2.0
#include "bench/engines.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/crew.h"
#include "bench/rival.h"
#include "common/clock.h"

#define MOST_AT_ONCE 16
#define PIECES       50 // in which a rival gets its vectors, so that progress shows

const struct fg_engine fg_engines[FG_ENGINES] = {
    {"ours", "ours", FG_STORE_OURS, 0, true, true},
    {"ours_deterministic", "ours, deterministic", FG_STORE_DETERMINISTIC, 0, true, true},
    {"own_int8", "own int8 scan", FG_STORE_OWN_INT8, 0, false, false},
    {"own_fp32", "own fp32 scan", FG_STORE_OWN_FP32, 0, false, false},
    {"faiss_flat", "FAISS flat", FG_STORE_FAISS_FLAT, 20, false, true}, // its own choice
    {"faiss_blas", "FAISS flat by BLAS", FG_STORE_FAISS_FLAT, 1, false, true},
    {"faiss_int8", "FAISS int8", FG_STORE_FAISS_INT8, 0, false, true},
    {"faiss_hnsw_64", "FAISS HNSW, ef 64", FG_STORE_FAISS_GRAPH, 64, false, false},
    {"faiss_hnsw_512", "FAISS HNSW, ef 512", FG_STORE_FAISS_GRAPH, 512, false, false},
    {"hnswlib_64", "hnswlib, ef 64", FG_STORE_HNSWLIB, 64, false, false},
    {"hnswlib_512", "hnswlib, ef 512", FG_STORE_HNSWLIB, 512, false, false},
};

static const struct {
    const char *name;
    const struct fg_rival_kind *rival; // NULL: ours
} stores[FG_STORES] = {
    [FG_STORE_OURS] = {"ours", NULL},
    [FG_STORE_DETERMINISTIC] = {"ours, deterministic", NULL},
    [FG_STORE_OWN_FP32] = {"own fp32", NULL},
    [FG_STORE_OWN_INT8] = {"own int8", NULL},
    [FG_STORE_FAISS_FLAT] = {"FAISS flat", &fg_faiss_flat},
    [FG_STORE_FAISS_INT8] = {"FAISS int8", &fg_faiss_int8},
    [FG_STORE_FAISS_GRAPH] = {"FAISS HNSW", &fg_faiss_graph},
    [FG_STORE_HNSWLIB] = {"hnswlib", &fg_hnswlib},
};

bool fg_store_is_graph(enum fg_store_kind kind)
{
    return kind == FG_STORE_FAISS_GRAPH || kind == FG_STORE_HNSWLIB;
}

// ---- filling ------------------------------------------------------------------------------------

static int fill_index(struct fg_store *store, struct fg_error *err)
{
    const struct fg_flat *flat = &store->field->flat;
    const struct fg_index_options options = {.dimension = flat->dimension,
                                             .deterministic = store->kind == FG_STORE_DETERMINISTIC,
                                             .seed = 1};
    int r = fg_index_create(&options, &store->index);
    for (uint64_t n = 0; r == 0 && n < flat->count; n++) {
        uint32_t slot;
        r = fg_index_insert(store->index, flat->scales[n], flat->values + n * flat->dimension,
                            &slot);
        if (r == 0 && slot != n)
            return fg_fail(err, -EIO, "the index did not take its slots in turn");
    }
    if (r < 0)
        return fg_fail(err, r, "the index does not hold so many");
    store->bytes = (double)fg_index_bytes(store->index) / (double)flat->count;
    return 0;
}

static double allocated(void)
{
    const struct mallinfo2 info = mallinfo2();
    return (double)info.uordblks + (double)info.hblkhd;
}

static void show_progress(const struct fg_store *store, uint64_t done, uint64_t start_ns)
{
    if (fg_monotonic_ns() - start_ns < 3000000000u || !isatty(2))
        return;
    fprintf(stderr, "\r  %s: %3.0f %% ", stores[store->kind].name,
            100 * (double)done / (double)store->field->count);
    if (done == store->field->count)
        fprintf(stderr, "\r%40s\r", "");
}

static int fill_rival(struct fg_store *store, struct fg_error *err)
{
    const struct fg_flat *flat = &store->field->flat;
    const struct fg_rival_kind *kind = stores[store->kind].rival;
    const uint64_t start = fg_monotonic_ns(), piece = (flat->count + PIECES - 1) / PIECES;
    const double before = allocated();
    store->build_threads = fg_crew_cores() < 2 ? 1 : 2;
    int r = kind->create(flat->dimension, flat->count, &store->rival, err);
    for (uint64_t n = 0; r == 0 && n < flat->count; n += piece) {
        const uint64_t some = flat->count - n < piece ? flat->count - n : piece;
        r = kind->add(store->rival, flat->rows + n * flat->dimension, some, store->build_threads,
                      err);
        show_progress(store, n + some, start);
    }
    store->bytes = (allocated() - before) / (double)flat->count;
    return r;
}

static int fill(struct fg_store *store, struct fg_error *err)
{
    store->build_threads = 1;
    switch (store->kind) {
    case FG_STORE_OURS:
    case FG_STORE_DETERMINISTIC:
        return fill_index(store, err);
    case FG_STORE_OWN_FP32: // the field's own arrays
        store->build_s = NAN;
        store->bytes = store->field->dimension * (double)sizeof(float);
        return 0;
    case FG_STORE_OWN_INT8:
        store->build_s = NAN;
        store->bytes = store->field->dimension + (double)sizeof(float);
        return 0;
    default:
        return fill_rival(store, err);
    }
}

int fg_store_open(const struct fg_field *field, enum fg_store_kind kind, struct fg_store *ret,
                  struct fg_error *err)
{
    const uint64_t start = fg_monotonic_ns();
    *ret = (struct fg_store){.field = field, .kind = kind};
    int r = fill(ret, err);
    if (!isnan(ret->build_s))
        ret->build_s = (double)(fg_monotonic_ns() - start) / 1e9;
    if (r < 0)
        fg_store_close(ret);
    return r;
}

void fg_store_close(struct fg_store *store)
{
    if (!store->field)
        return;
    fg_index_destroy(store->index);
    if (store->rival)
        stores[store->kind].rival->destroy(store->rival);
    *store = (struct fg_store){0};
    malloc_trim(0); // the next store counts what it takes
}

// ---- searching ----------------------------------------------------------------------------------

static int search_index(const struct fg_store *store, const float *probes, unsigned count,
                        float threshold, struct fg_answer *ret, uint64_t *ret_bytes)
{
    struct fg_index_query queries[MOST_AT_ONCE];
    struct fg_candidate best[MOST_AT_ONCE];
    struct fg_index_cost cost;
    for (unsigned i = 0; i < count; i++)
        queries[i] = (struct fg_index_query){.probe = probes + (size_t)i * store->field->dimension,
                                             .threshold = threshold,
                                             .best = &best[i],
                                             .k = 1};
    int r = fg_index_search(store->index, queries, count, &cost);
    for (unsigned i = 0; r == 0 && i < count; i++)
        ret[i] = queries[i].found ? (struct fg_answer){best[i].slot, best[i].score}
                                  : (struct fg_answer){FG_NOBODY, 0};
    *ret_bytes += r == 0 ? cost.bytes : 0;
    return r;
}

static int search_flat(const struct fg_store *store, const float *probes, unsigned count,
                       float threshold, struct fg_answer *ret, uint64_t *ret_bytes)
{
    const struct fg_flat *flat = &store->field->flat;
    for (unsigned i = 0; i < count; i++) {
        const float *probe = probes + (size_t)i * flat->dimension;
        ret[i] = store->kind == FG_STORE_OWN_FP32 ? fg_flat_search_fp32(flat, probe, threshold)
                                                  : fg_flat_search_int8(flat, probe, threshold);
    }
    *ret_bytes += (uint64_t)((double)flat->count * store->bytes) * count;
    return 0;
}

static int search_rival(const struct fg_engine *engine, const struct fg_store *store,
                        const float *probes, unsigned count, float threshold, struct fg_answer *ret,
                        uint64_t *ret_bytes)
{
    const struct fg_rival_kind *kind = stores[store->kind].rival;
    const uint64_t compared = kind->compared(store->rival);
    int r = kind->search(store->rival, probes, count, engine->effort, ret);
    for (unsigned i = 0; r == 0 && i < count; i++)
        if (ret[i].slot == FG_NOBODY || ret[i].score < threshold)
            ret[i] = (struct fg_answer){FG_NOBODY, 0};
    *ret_bytes +=
        fg_store_is_graph(store->kind)
            ? (kind->compared(store->rival) - compared) * store->field->dimension * sizeof(float)
            : (uint64_t)((double)store->field->count * store->bytes) * count;
    return r;
}

int fg_engine_search(const struct fg_engine *engine, const struct fg_store *store,
                     const float *probes, unsigned count, float threshold, struct fg_answer *ret,
                     uint64_t *ret_bytes)
{
    if (count > MOST_AT_ONCE)
        return -EINVAL;
    switch (store->kind) {
    case FG_STORE_OURS:
    case FG_STORE_DETERMINISTIC:
        return search_index(store, probes, count, threshold, ret, ret_bytes);
    case FG_STORE_OWN_FP32:
    case FG_STORE_OWN_INT8:
        return search_flat(store, probes, count, threshold, ret, ret_bytes);
    default:
        return search_rival(engine, store, probes, count, threshold, ret, ret_bytes);
    }
}
