// SPDX-License-Identifier: Apache-2.0
#include "bench/rival.h"

#include <hnswlib/hnswlib.h>

#include <atomic>
#include <cerrno>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#define LINKS        16  // of a vector; twice as many in the lowest layer
#define BUILD_EFFORT 200 // both as hnswlib has them

namespace
{

struct graph {
    explicit graph(uint32_t dimension, uint64_t most)
        : dimension(dimension), space(dimension), index(&space, most, LINKS, BUILD_EFFORT)
    {
    }
    uint32_t dimension;
    hnswlib::InnerProductSpace space;
    hnswlib::HierarchicalNSW<float> index;
    uint64_t count = 0;
    std::atomic<unsigned> effort{0};
};

int failed(fg_error *err)
{
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return fg_fail(err, -ENOMEM, "hnswlib: no memory");
    } catch (const std::exception &e) {
        return fg_fail(err, -EIO, "hnswlib: %s", e.what());
    } catch (...) {
        return fg_fail(err, -EIO, "hnswlib failed without a word");
    }
}

int create(uint32_t dimension, uint64_t most, void **ret, fg_error *err)
{
    try {
        *ret = new graph(dimension, most);
        return 0;
    } catch (...) {
        return failed(err);
    }
}

// Takes the next vector until there is none; a failure ends all.
void add_some(graph *g, const float *rows, uint64_t count, std::atomic<uint64_t> *next,
              std::atomic<int> *code, fg_error *err)
{
    try {
        for (uint64_t i; (i = (*next)++) < count && *code == 0;)
            g->index.addPoint(rows + i * g->dimension, g->count + i);
    } catch (...) {
        fg_error mine;
        int r = failed(&mine), none = 0;
        if (code->compare_exchange_strong(none, r) && err)
            *err = mine;
    }
}

int add(void *self, const float *rows, uint64_t count, unsigned threads, fg_error *err)
{
    auto g = static_cast<graph *>(self);
    std::atomic<uint64_t> next{0};
    std::atomic<int> code{0};
    std::vector<std::thread> others;
    try {
        for (unsigned k = 1; k < threads; k++)
            others.emplace_back(add_some, g, rows, count, &next, &code, err);
    } catch (...) { // fewer threads do it too
    }
    add_some(g, rows, count, &next, &code, err);
    for (auto &other : others)
        other.join();
    g->count += code == 0 ? count : 0;
    return code;
}

int search(void *self, const float *probes, unsigned count, unsigned effort, fg_answer *ret)
{
    auto g = static_cast<graph *>(self);
    try {
        if (g->effort.exchange(effort) != effort)
            g->index.setEf(effort);
        for (unsigned i = 0; i < count; i++) {
            auto best = g->index.searchKnn(probes + static_cast<size_t>(i) * g->dimension, 1);
            ret[i] = best.empty() ? fg_answer{FG_NOBODY, 0}
                                  : fg_answer{static_cast<uint32_t>(best.top().second),
                                              1 - best.top().first};
        }
        return 0;
    } catch (...) {
        return failed(nullptr);
    }
}

uint64_t compared(const void *self)
{
    return static_cast<uint64_t>(
        static_cast<const graph *>(self)->index.metric_distance_computations);
}

void destroy(void *self)
{
    delete static_cast<graph *>(self);
}

} // namespace

const fg_rival_kind fg_hnswlib = {"hnswlib", create, add, search, compared, destroy};
