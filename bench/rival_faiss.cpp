// SPDX-License-Identifier: Apache-2.0
#include "bench/rival.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/utils/distances.h>
#include <omp.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>
#include <vector>

#define LINKS     32 // of a vector in the graph; twice as many in its lowest layer
#define MOST_BEST 64 // probes at once

namespace
{

int failed(fg_error *err)
{
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return fg_fail(err, -ENOMEM, "FAISS: no memory");
    } catch (const std::exception &e) {
        return fg_fail(err, -EIO, "FAISS: %s", e.what());
    } catch (...) {
        return fg_fail(err, -EIO, "FAISS failed without a word");
    }
}

// Room is reserved at once, so that memory is counted as it is needed and not as it grows.
template <typename Make> int create(Make make, void **ret, fg_error *err) noexcept
{
    try {
        *ret = make();
        return 0;
    } catch (...) {
        return failed(err);
    }
}

int create_flat(uint32_t dimension, uint64_t most, void **ret, fg_error *err)
{
    return create(
        [=]() -> faiss::Index * {
            auto index = std::make_unique<faiss::IndexFlatIP>(dimension);
            index->codes.reserve(most * dimension * sizeof(float));
            return index.release();
        },
        ret, err);
}

int create_int8(uint32_t dimension, uint64_t most, void **ret, fg_error *err)
{
    return create(
        [=]() -> faiss::Index * {
            auto index = std::make_unique<faiss::IndexScalarQuantizer>(
                dimension, faiss::ScalarQuantizer::QT_8bit, faiss::METRIC_INNER_PRODUCT);
            index->codes.reserve(most * dimension);
            return index.release();
        },
        ret, err);
}

int create_graph(uint32_t dimension, uint64_t most, void **ret, fg_error *err)
{
    return create(
        [=]() -> faiss::Index * {
            auto index = std::make_unique<faiss::IndexHNSWFlat>(dimension, LINKS,
                                                                faiss::METRIC_INNER_PRODUCT);
            dynamic_cast<faiss::IndexFlat &>(*index->storage)
                .codes.reserve(most * dimension * sizeof(float));
            return index.release();
        },
        ret, err);
}

int add(void *self, const float *rows, uint64_t count, unsigned threads, fg_error *err)
{
    auto index = static_cast<faiss::Index *>(self);
    int r = 0;
    omp_set_num_threads(static_cast<int>(threads));
    try {
        if (!index->is_trained)
            index->train(static_cast<faiss::Index::idx_t>(count), rows);
        index->add(static_cast<faiss::Index::idx_t>(count), rows);
    } catch (...) {
        r = failed(err);
    }
    omp_set_num_threads(1);
    return r;
}

int search(void *self, const float *probes, unsigned count, fg_answer *ret)
{
    auto index = static_cast<const faiss::Index *>(self);
    float scores[MOST_BEST];
    faiss::Index::idx_t slots[MOST_BEST];
    if (count > MOST_BEST)
        return -EINVAL;
    try {
        index->search(count, probes, 1, scores, slots);
    } catch (...) {
        return failed(nullptr);
    }
    for (unsigned i = 0; i < count; i++)
        ret[i] = slots[i] < 0 ? fg_answer{FG_NOBODY, 0}
                              : fg_answer{static_cast<uint32_t>(slots[i]), scores[i]};
    return 0;
}

int search_flat(void *self, const float *probes, unsigned count, unsigned effort, fg_answer *ret)
{
    if (faiss::distance_compute_blas_threshold != static_cast<int>(effort))
        faiss::distance_compute_blas_threshold = static_cast<int>(effort);
    return search(self, probes, count, ret);
}

int search_int8(void *self, const float *probes, unsigned count, unsigned, fg_answer *ret)
{
    return search(self, probes, count, ret);
}

// The index's own field: this version takes parameters of a search and does not look at them.
int search_graph(void *self, const float *probes, unsigned count, unsigned effort, fg_answer *ret)
{
    auto &graph = static_cast<faiss::IndexHNSW *>(static_cast<faiss::Index *>(self))->hnsw;
    if (graph.efSearch != static_cast<int>(effort))
        graph.efSearch = static_cast<int>(effort);
    return search(self, probes, count, ret);
}

uint64_t compared_all(const void *)
{
    return 0;
}

uint64_t compared_of_graph(const void *)
{
    return faiss::hnsw_stats.n3;
}

void destroy(void *self)
{
    delete static_cast<faiss::Index *>(self);
}

} // namespace

const fg_rival_kind fg_faiss_flat = {"FAISS flat", create_flat,  add,
                                     search_flat,  compared_all, destroy};
const fg_rival_kind fg_faiss_int8 = {"FAISS int8", create_int8,  add,
                                     search_int8,  compared_all, destroy};
const fg_rival_kind fg_faiss_graph = {"FAISS HNSW", create_graph,      add,
                                      search_graph, compared_of_graph, destroy};
