// SPDX-License-Identifier: Apache-2.0
// The index's kernels: each set that this processor has against what the header promises and
// against the set in C, bit for bit, over odd sizes and extreme values. What a kernel reads or
// writes ends at a page that must not be touched.
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/index_kernels.h"
#include "tests/dice.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct fg_index_kernels *sets[8];
static unsigned n_sets;

static uint32_t below(uint32_t limit)
{
    return random_u32() % limit;
}

static int8_t probe_value(void)
{
    return (int8_t)((int)below(255) - 127);
}

// ---- memory that ends at a guard ----------------------------------------------------------------

static struct {
    void *map;
    size_t size;
} rooms[16];
static unsigned n_rooms;

// `bytes` of zeros between two pages that must not be touched; up to `align` bytes, of which it is
// a multiple, may be between its end and the guard.
static void *room_of(size_t bytes, size_t align)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    uint8_t *map = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_true(n_rooms < LENGTH(rooms));
    assert_int_equal(inner == 0 || mprotect(map + page, inner, PROT_READ | PROT_WRITE) == 0, 1);
    rooms[n_rooms].map = map;
    rooms[n_rooms++].size = inner + 2 * page;
    return map + page + (inner - bytes) / align * align;
}

static void free_rooms(void)
{
    while (n_rooms > 0) {
        n_rooms--;
        munmap(rooms[n_rooms].map, rooms[n_rooms].size);
    }
}

static int after_each(void **state)
{
    (void)state;
    free_rooms();
    return 0;
}

// ---- scan ---------------------------------------------------------------------------------------

// Two tables for each row, their largest values `most` together.
static uint8_t *random_tables(unsigned rows)
{
    const uint32_t most = 65535 / rows < 255 ? 65535 / rows : 255;
    uint8_t *tables = room_of((size_t)rows * 32, 64);
    for (unsigned r = 0; r < rows; r++) {
        const uint32_t first = below(most + 1);
        for (unsigned i = 0; i < 16; i++) {
            tables[r * 32 + i] = (uint8_t)below(first + 1);
            tables[r * 32 + 16 + i] = (uint8_t)below(most - first + 1);
        }
        tables[r * 32 + below(16)] = (uint8_t)first;
        tables[r * 32 + 16 + below(16)] = (uint8_t)(most - first);
    }
    return tables;
}

static uint8_t *random_blocks(size_t count, unsigned rows)
{
    const size_t bytes = count * FG_BLOCK_BYTES(rows);
    uint8_t *blocks = room_of(bytes, 64);
    for (size_t i = 0; i < bytes; i++)
        blocks[i] = (uint8_t)below(256);
    return blocks;
}

// Floors around what the sums are, so that some survive and some do not.
static struct fg_lookup random_lookup(unsigned rows)
{
    struct fg_lookup l = {.tables = random_tables(rows), .rows = rows};
    uint32_t mean = 0;
    for (size_t i = 0; i < (size_t)rows * 32; i++)
        mean += l.tables[i];
    mean /= 16;
    l.lift = (uint16_t)below(below(2) ? 300 : 65536);
    l.agree_weight = (uint16_t)below(below(2) ? 300 : 65536);
    l.stray_weight = (uint16_t)below(below(2) ? 300 : 65536);
    const uint32_t floor =
        mean + l.lift + l.stray_weight / 2 - (l.agree_weight / 2 < mean ? l.agree_weight / 2 : 0);
    l.floor = (uint16_t)(floor < 65535 ? floor : 65535 - below(2));
    return l;
}

static void test_scan_as_in_c(void **state)
{
    static const unsigned all_rows[] = {2, 4, 6, 10, 16, 30, 64, 98, 126, 256, 258, 510, 512};
    static const size_t counts[] = {0, 1, 2, 3, 31, 33};
    uint64_t any = 0, every = UINT64_MAX;
    (void)state;
    for (size_t r = 0; r < LENGTH(all_rows); r++)
        for (size_t c = 0; c < LENGTH(counts); c++) {
            const size_t count = counts[c];
            const struct fg_lookup lookup = random_lookup(all_rows[r]);
            const uint8_t *blocks = random_blocks(count, all_rows[r]);
            uint64_t *expected = room_of(count * 8, 8), *got = room_of(count * 8, 8);
            fg_index_c.scan(blocks, count, &lookup, expected);
            for (unsigned s = 0; s < n_sets; s++) {
                memset(got, 0xa5, count * 8);
                sets[s]->scan(blocks, count, &lookup, got);
                assert_memory_equal(got, expected, count * 8);
            }
            for (size_t b = 0; b < count; b++) {
                any |= expected[b];
                every &= expected[b];
            }
            free_rooms();
        }
    assert_true(any == UINT64_MAX && every == 0); // neither all nor none survived
}

// Tables that pick 0 for code 0 and, for code 15, add up to `sum`.
static uint8_t *even_tables(unsigned rows, uint32_t sum)
{
    uint8_t *tables = room_of((size_t)rows * 32, 64);
    for (unsigned r = 0; r < rows; r++) {
        const uint32_t of_row = sum / rows + (r < sum % rows);
        tables[r * 32 + 15] = (uint8_t)(of_row / 2);
        tables[r * 32 + 31] = (uint8_t)(of_row - of_row / 2);
    }
    return tables;
}

static const struct {
    const char *what;
    uint32_t sum, lift, stray, stray_weight;
    uint32_t floor, agree, agree_weight;
    bool survives;
} limits[] = {
    {"nothing against nothing", 0, 0, 0, 0, 0, 0, 0, true},
    {"a floor", 0, 0, 0, 0, 1, 0, 0, false},
    {"a tie", 1000, 0, 0, 0, 1000, 0, 0, true},
    {"one too little", 999, 0, 0, 0, 1000, 0, 0, false},
    {"a tie in the upper half", 40000, 0, 0, 0, 40000, 0, 0, true},
    {"one too little in the upper half", 39999, 0, 0, 0, 40000, 0, 0, false},
    {"halves compared as unsigned", 40000, 0, 0, 0, 20000, 0, 0, true},
    {"halves compared as unsigned, turned", 20000, 0, 0, 0, 40000, 0, 0, false},
    {"the largest sum", 65535, 0, 0, 0, 65535, 0, 0, true},
    {"one less than the largest", 65534, 0, 0, 0, 65535, 0, 0, false},
    {"lifted to the tie", 65534, 1, 0, 0, 65535, 0, 0, true},
    {"a lift that saturates", 65535, 65535, 0, 0, 65535, 0, 0, true},
    {"a lift that would wrap to nothing", 65535, 1, 0, 0, 1, 0, 0, true},
    {"a stray that saturates", 65535, 0, 255, 65535, 65535, 0, 0, true},
    {"all of one side saturated", 65535, 65535, 255, 65535, 65535, 255, 65535, true},
    {"all of the other side saturated", 65534, 0, 0, 0, 65535, 255, 65535, false},
    {"a side that would wrap to nothing", 60000, 0, 0, 0, 65535, 2, 128, false},
    {"a stray's product rounds down", 0, 0, 1, 255, 1, 0, 0, false},
    {"a stray's product counts", 0, 0, 1, 256, 1, 0, 0, true},
    {"the largest stray", 0, 0, 255, 65535, 65279, 0, 0, true},
    {"the largest stray and one", 0, 0, 255, 65535, 65280, 0, 0, false},
    {"an agreement's product rounds down", 7, 0, 0, 0, 7, 1, 255, true},
    {"an agreement's product counts", 7, 0, 0, 0, 7, 1, 256, false},
    {"the largest agreement", 65279, 0, 0, 0, 0, 255, 65535, true},
    {"the largest agreement, one too little", 65278, 0, 0, 0, 0, 255, 65535, false},
};

// The template `at` has the values under test, its neighbours the opposite of them.
static void scan_limit(const struct fg_index_kernels *kernels, size_t limit, unsigned rows,
                       const struct fg_lookup *lookup, uint8_t *block, unsigned at)
{
    uint8_t *agree = block + (size_t)rows * FG_BLOCK, *stray = agree + FG_BLOCK;
    uint64_t survivors = 0;
    for (unsigned r = 0; r < rows; r++) {
        memset(block + (size_t)r * FG_BLOCK, at % 2 ? 0 : 0xff, FG_BLOCK);
        block[(size_t)r * FG_BLOCK + at] = 0xff;
    }
    memset(agree, at % 3 ? 0 : 255, FG_BLOCK);
    memset(stray, at % 5 ? 0 : 255, FG_BLOCK);
    agree[at] = (uint8_t)limits[limit].agree;
    stray[at] = (uint8_t)limits[limit].stray;
    kernels->scan(block, 1, lookup, &survivors);
    if ((survivors >> at & 1) != limits[limit].survives)
        fail_msg("%s: %s, %u rows, template %u", kernels->name, limits[limit].what, rows, at);
}

static void test_scan_limits(void **state)
{
    static const unsigned all_rows[] = {2, 4, 30, 258, 512};
    (void)state;
    for (size_t l = 0; l < LENGTH(limits); l++)
        for (size_t r = 0; r < LENGTH(all_rows); r++) {
            const unsigned rows = all_rows[r];
            if (limits[l].sum > rows * 255)
                continue;
            const struct fg_lookup lookup = {
                even_tables(rows, limits[l].sum), rows,
                (uint16_t)limits[l].floor,        (uint16_t)limits[l].lift,
                (uint16_t)limits[l].agree_weight, (uint16_t)limits[l].stray_weight};
            uint8_t *block = room_of(FG_BLOCK_BYTES(rows), 64);
            for (unsigned s = 0; s < n_sets; s++)
                for (unsigned at = 0; at < FG_BLOCK; at++)
                    scan_limit(sets[s], l, rows, &lookup, block, at);
            free_rooms();
        }
}

// Every value of every table is picked by its own code, and by no other.
static void test_scan_picks(void **state)
{
    (void)state;
    for (unsigned t = 0; t < 8; t++)
        for (unsigned code = 0; code < 16; code++) {
            uint8_t *tables = room_of(4 * 32, 64), *block = room_of(FG_BLOCK_BYTES(4), 64);
            const struct fg_lookup lookup = {tables, 4, 200, 0, 0, 0};
            tables[16 * t + code] = 200;
            for (unsigned i = 0; i < FG_BLOCK; i++) {
                const unsigned own = i % 16, other = 15 - code;
                for (unsigned r = 0; r < 4; r++)
                    block[r * FG_BLOCK + i] = (uint8_t)(other | other << 4);
                block[t / 2 * FG_BLOCK + i] =
                    (uint8_t)(t % 2 ? own << 4 | other : own | other << 4);
            }
            for (unsigned s = 0; s < n_sets; s++) {
                uint64_t survivors = 0;
                sets[s]->scan(block, 1, &lookup, &survivors);
                assert_true(survivors == 0x0001000100010001u << code);
            }
            free_rooms();
        }
}

// ---- flat and some ------------------------------------------------------------------------------

static const size_t strides[] = {16,  32,  48,  64,  80,  96,  112,  128,
                                 144, 192, 256, 496, 512, 528, 1008, 1024};

struct scene {
    size_t stride;
    unsigned count; // of rows
    int8_t *rows, *probe;
    float *scales;
};

static struct scene scene_of(size_t stride, unsigned count)
{
    struct scene s = {.stride = stride, .count = count};
    s.rows = room_of(count * stride, 16);
    s.probe = room_of(stride, 16);
    s.scales = room_of(count * sizeof(float), 4);
    for (size_t i = 0; i < count * stride; i++)
        s.rows[i] = (int8_t)((int)below(256) - 128);
    // As the index has it: zeros past a dimension.
    const size_t dimension = stride - below(16);
    for (size_t i = 0; i < dimension; i++)
        s.probe[i] = probe_value();
    for (unsigned i = 0; i < count; i++)
        s.scales[i] = (float)(1 + below(1000)) * 1e-5f;
    return s;
}

static int32_t dot(const struct scene *s, unsigned row)
{
    int32_t sum = 0;
    for (size_t k = 0; k < s->stride; k++)
        sum += s->rows[row * s->stride + k] * s->probe[k];
    return sum;
}

static float score(const struct scene *s, unsigned row)
{
    return (float)dot(s, row) * s->scales[row];
}

// Both kernels over all rows, against `expected`.
static void check_rows(const struct fg_index_kernels *kernels, const struct scene *s, float least,
                       uint64_t expected)
{
    assert_int_equal(s->count, FG_BLOCK);
    const uint64_t got = kernels->flat(s->rows, s->stride, s->scales, s->probe, least);
    if (got != expected)
        fail_msg("%s: flat, stride %zu, least %g: %016llx, not %016llx", kernels->name, s->stride,
                 (double)least, (unsigned long long)got, (unsigned long long)expected);
    uint32_t slots[FG_BLOCK];
    for (uint32_t i = 0; i < FG_BLOCK; i++)
        slots[i] = i;
    const unsigned kept =
        kernels->some(s->rows, s->stride, s->scales, s->probe, least, slots, FG_BLOCK);
    uint64_t kept_slots = 0;
    for (unsigned i = 0; i < kept; i++) {
        assert_true(i == 0 || slots[i] > slots[i - 1]);
        kept_slots |= (uint64_t)1 << slots[i];
    }
    if (kept_slots != expected)
        fail_msg("%s: some, stride %zu, least %g", kernels->name, s->stride, (double)least);
}

static void check_all_sets(const struct scene *s, float least)
{
    uint64_t expected = 0;
    for (unsigned i = 0; i < FG_BLOCK; i++)
        expected |= (uint64_t)(score(s, i) >= least) << i;
    for (unsigned k = 0; k < n_sets; k++)
        check_rows(sets[k], s, least, expected);
}

static void test_rows_at_random(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(strides); k++) {
        const struct scene s = scene_of(strides[k], FG_BLOCK);
        check_all_sets(&s, 0);
        check_all_sets(&s, -INFINITY);
        check_all_sets(&s, INFINITY);
        check_all_sets(&s, NAN);
        for (unsigned i = 0; i < FG_BLOCK; i += 7) {
            const float tie = score(&s, i);
            check_all_sets(&s, tie);
            check_all_sets(&s, nextafterf(tie, INFINITY));
            check_all_sets(&s, nextafterf(tie, -INFINITY));
        }
        free_rooms();
    }
}

// All of one value and its opposite: the largest sums, which float32 still holds.
static void test_rows_of_extremes(void **state)
{
    static const int8_t values[] = {-128, -127, -1, 0, 1, 127};
    static const int8_t probes[] = {-127, 0, 127};
    (void)state;
    for (size_t k = 0; k < LENGTH(strides); k++) {
        struct scene s = scene_of(strides[k], FG_BLOCK);
        for (size_t p = 0; p < LENGTH(probes); p++) {
            memset(s.probe, probes[p], s.stride);
            for (unsigned i = 0; i < FG_BLOCK; i++) {
                memset(s.rows + i * s.stride, values[i % LENGTH(values)], s.stride);
                s.rows[i * s.stride + i % s.stride] = values[i / LENGTH(values) % LENGTH(values)];
                s.scales[i] = 1;
            }
            for (unsigned i = 0; i < FG_BLOCK; i++) {
                check_all_sets(&s, (float)dot(&s, i));
                check_all_sets(&s, (float)dot(&s, i) + 1);
            }
        }
        free_rooms();
    }
}

static void test_odd_scales(void **state)
{
    static const float odd[] = {0,        -0.0f,    1e-45f,    -1e-45f, 1e-40f, FLT_MIN, FLT_MAX,
                                -FLT_MAX, INFINITY, -INFINITY, NAN,     -NAN,   1,       -1};
    static const float leasts[] = {0,        -0.0f, 1e-45f,   -1e-45f,   1e-38f, -1e-38f, FLT_MAX,
                                   -FLT_MAX, NAN,   INFINITY, -INFINITY, 1,      -1};
    (void)state;
    for (size_t k = 0; k < LENGTH(strides); k++) {
        struct scene s = scene_of(strides[k], FG_BLOCK);
        for (unsigned i = 0; i < FG_BLOCK; i++) {
            s.scales[i] = odd[i % LENGTH(odd)];
            if (i % 5 == 0)
                memset(s.rows + i * s.stride, 0, s.stride); // times infinity: no number
        }
        for (size_t l = 0; l < LENGTH(leasts); l++)
            check_all_sets(&s, leasts[l]);
        free_rooms();
    }
}

// Slots in any order, some of them twice.
static void check_some(const struct scene *s, unsigned count, float least)
{
    uint32_t *slots = room_of(count * 4, 4), *expected = room_of(count * 4, 4),
             *got = room_of(count * 4, 4);
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) {
        slots[i] = i % 9 == 3 ? slots[i - 1] : below(s->count);
        if (score(s, slots[i]) >= least)
            expected[n++] = slots[i];
    }
    for (unsigned k = 0; k < n_sets; k++) {
        memcpy(got, slots, count * 4);
        assert_int_equal(sets[k]->some(s->rows, s->stride, s->scales, s->probe, least, got, count),
                         n);
        assert_memory_equal(got, expected, n * 4);
    }
}

static void test_some(void **state)
{
    static const unsigned counts[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 257};
    static const float leasts[] = {-INFINITY, 0, INFINITY}; // all, some, none
    (void)state;
    for (size_t k = 0; k < LENGTH(strides); k++)
        for (size_t c = 0; c < LENGTH(counts); c++)
            for (size_t l = 0; l < LENGTH(leasts); l++) {
                const struct scene s = scene_of(strides[k], 70);
                check_some(&s, counts[c], leasts[l]);
                free_rooms();
            }
}

// Slots over 2^31, rows over 2^32 bytes away; only the pages that are written take memory.
static void test_far_slots(void **state)
{
    const uint32_t far = 0x80000005u;
    const size_t stride = 16;
    (void)state;
    int8_t *rows = mmap(NULL, (far + 1ul) * stride, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    float *scales = mmap(NULL, (far + 1ul) * sizeof(float), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const bool room = rows != MAP_FAILED && scales != MAP_FAILED;
    if (room) {
        _Alignas(16) int8_t probe[16];
        memset(probe, 100, sizeof probe);
        memset(rows + far * stride, 100, stride);
        scales[far] = 1;
        for (unsigned s = 0; s < n_sets; s++) {
            uint32_t slots[] = {far, far - 1, 3, far, 0x10000000u};
            assert_int_equal(sets[s]->some(rows, stride, scales, probe, 160000, slots, 5), 2);
            assert_true(slots[0] == far && slots[1] == far);
        }
    }
    if (rows != MAP_FAILED)
        munmap(rows, (far + 1ul) * stride);
    if (scales != MAP_FAILED)
        munmap(scales, (far + 1ul) * sizeof(float));
    if (!room)
        skip(); // the addresses are limited here
}

// ---- rotate -------------------------------------------------------------------------------------

static float *random_floats(size_t count)
{
    float *values = room_of(count * sizeof *values, 64);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)random_u32() / 8388608.0f - 1.0f;
    return values;
}

// Whatever the order of n float32 additions of products, fused or not, the error is under
// n * FLT_EPSILON / (2 - n * FLT_EPSILON) times the sum of the products' sizes.
static void check_product(const struct fg_index_kernels *kernels, const float *transposed,
                          size_t dimension, const float *in, const float *out)
{
    const double rounding = (double)dimension * FLT_EPSILON;
    for (size_t i = 0; i < dimension; i++) {
        double exact = 0, sizes = 0;
        for (size_t k = 0; k < dimension; k++) {
            const double product = (double)transposed[k * dimension + i] * (double)in[k];
            exact += product;
            sizes += fabs(product);
        }
        if (!(fabs((double)out[i] - exact) <= rounding / (2 - rounding) * sizes))
            fail_msg("%s: dimension %zu, element %zu: %g, not %g", kernels->name, dimension, i,
                     (double)out[i], exact);
    }
}

static void check_rotate(size_t dimension, size_t count)
{
    const size_t n = count * dimension, slack = n % 16 ? 16 - n % 16 : 0;
    const float *transposed = random_floats(dimension * dimension), *in = random_floats(n);
    float *out = room_of((n + slack) * sizeof *out, 64);
    for (unsigned s = 0; s < n_sets; s++) {
        for (size_t i = 0; i < n + slack; i++)
            out[i] = NAN;
        sets[s]->rotate(transposed, dimension, count, in, out);
        for (size_t v = 0; v < count; v++)
            check_product(sets[s], transposed, dimension, in + v * dimension, out + v * dimension);
        for (size_t i = n; i < n + slack; i++)
            assert_true(isnan(out[i])); // nothing is written behind the last
    }
    free_rooms();
}

static void test_rotate(void **state)
{
    (void)state;
    for (size_t dimension = 32; dimension <= 264; dimension += 8)
        for (size_t count = 0; count < 10; count++)
            check_rotate(dimension, count);
    check_rotate(64, 64);
    check_rotate(512, 1);
    check_rotate(512, 5);
    check_rotate(1000, 3);
    check_rotate(1016, 6);
    check_rotate(1024, 2);
    check_rotate(1024, 4);
}

// ---- the choice ---------------------------------------------------------------------------------

static void test_choice(void **state)
{
    const struct fg_index_kernels *few[2];
    (void)state;
    assert_ptr_equal(fg_index_kernels(NULL), sets[0]);
    assert_ptr_equal(fg_index_kernels("c"), &fg_index_c);
    assert_ptr_equal(sets[n_sets - 1], &fg_index_c); // the last resort
    assert_null(fg_index_kernels("abacus"));
    assert_null(fg_index_kernels(""));
    for (unsigned s = 0; s < n_sets; s++) {
        assert_true(sets[s]->present());
        assert_ptr_equal(fg_index_kernels(sets[s]->name), sets[s]);
    }
    assert_int_equal(fg_index_kernels_present(few, 0), 0);
    assert_int_equal(fg_index_kernels_present(few, 1), 1);
    assert_ptr_equal(few[0], sets[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_choice, after_each),
        cmocka_unit_test_teardown(test_scan_as_in_c, after_each),
        cmocka_unit_test_teardown(test_scan_limits, after_each),
        cmocka_unit_test_teardown(test_scan_picks, after_each),
        cmocka_unit_test_teardown(test_rows_at_random, after_each),
        cmocka_unit_test_teardown(test_rows_of_extremes, after_each),
        cmocka_unit_test_teardown(test_odd_scales, after_each),
        cmocka_unit_test_teardown(test_some, after_each),
        cmocka_unit_test_teardown(test_far_slots, after_each),
        cmocka_unit_test_teardown(test_rotate, after_each),
    };
    n_sets = fg_index_kernels_present(sets, LENGTH(sets));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
