// SPDX-License-Identifier: Apache-2.0
// The frame pool and the mailbox: who owns a frame, who is woken, what is counted.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/wipe.h"
#include "pipeline/frame.h"
#include "pipeline/mailbox.h"

static bool is_readable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

static void test_pool_sizes(void **state)
{
    (void)state;
    struct fg_frame_pool *pool = NULL;
    assert_int_equal(fg_frame_pool_create(0, &pool), -EINVAL);
    assert_int_equal(fg_frame_pool_create(FG_POOL_SLOTS + 1, &pool), -EINVAL);
    assert_null(pool);
    const unsigned sizes[] = {1, 3, 31, 32};
    for (unsigned i = 0; i < 4; i++) {
        struct fg_frame *frames[FG_POOL_SLOTS];
        uint32_t seen = 0;
        assert_int_equal(fg_frame_pool_create(sizes[i], &pool), 0);
        for (unsigned n = 0; n < sizes[i]; n++) {
            frames[n] = fg_frame_pool_take(pool);
            assert_non_null(frames[n]);
            assert_ptr_equal(frames[n], fg_frame_pool_slot(pool, frames[n]->slot));
            assert_ptr_equal(frames[n]->pool, pool);
            assert_false(seen & UINT32_C(1) << frames[n]->slot);
            seen |= UINT32_C(1) << frames[n]->slot;
        }
        assert_null(fg_frame_pool_take(pool));
        assert_null(fg_frame_pool_slot(pool, sizes[i]));
        for (unsigned n = 0; n < sizes[i]; n++)
            fg_frame_release(frames[n]);
        fg_frame_pool_destroy(pool);
    }
    fg_frame_pool_destroy(NULL);
}

static void test_last_release_gives_back(void **state)
{
    (void)state;
    struct fg_frame_pool *pool = NULL;
    assert_int_equal(fg_frame_pool_create(1, &pool), 0);
    struct fg_frame *frame = fg_frame_pool_take(pool);
    fg_frame_hold(frame);
    fg_frame_hold(frame);
    fg_frame_release(frame);
    fg_frame_release(frame);
    assert_false(is_readable(fg_frame_pool_fd(pool)));
    assert_null(fg_frame_pool_take(pool));
    fg_frame_release(frame);
    assert_true(is_readable(fg_frame_pool_fd(pool)));
    assert_ptr_equal(fg_frame_pool_take(pool), frame);
    assert_false(is_readable(fg_frame_pool_fd(pool)));
    fg_frame_release(frame);
    fg_frame_pool_destroy(pool);
}

static void count_wipe(void *context, unsigned slot)
{
    unsigned *wipes = context;
    assert_int_equal(slot, 0);
    ++*wipes;
}

// By whoever is the last, before the slot is anybody's again.
static void test_last_release_wipes(void **state)
{
    (void)state;
    struct fg_frame_pool *pool = NULL;
    unsigned wipes = 0;
    assert_int_equal(fg_frame_pool_create(1, &pool), 0);
    fg_frame_pool_set_wipe(pool, count_wipe, &wipes);
    fg_frame_release(fg_frame_pool_take(pool));
    assert_int_equal(wipes, 0);
    fg_wipe_on_free(true);
    struct fg_frame *frame = fg_frame_pool_take(pool);
    fg_frame_hold(frame);
    fg_frame_release(frame);
    assert_int_equal(wipes, 0);
    fg_frame_release(frame);
    assert_int_equal(wipes, 1);
    fg_wipe_on_free(false);
    fg_frame_release(fg_frame_pool_take(pool));
    assert_int_equal(wipes, 1);
    fg_frame_pool_destroy(pool);
}

static void test_frame_without_pool(void **state)
{
    (void)state;
    struct fg_frame still = {.width = 7, .slot = 99}, before = still;
    fg_frame_hold(&still);
    fg_frame_release(&still);
    fg_frame_release(&still);
    assert_memory_equal(&still, &before, sizeof still);
}

static struct fg_frame good_frame(uint32_t fourcc, const uint8_t *memory)
{
    struct fg_frame frame = {.fourcc = fourcc, .width = 5, .height = 3, .n_planes = 1};
    frame.planes[0] = (struct fg_plane){.data = memory, .stride = 8, .length = 8 * 2 + 5};
    if (fourcc == FG_FOURCC_RGB) {
        frame.planes[0].stride = 16;
        frame.planes[0].length = 16 * 2 + 15;
    }
    if (fourcc == FG_FOURCC_YUV) {
        frame.n_planes = 3;
        frame.chroma_shift_x = frame.chroma_shift_y = 1;
        frame.planes[1] = (struct fg_plane){.data = memory, .stride = 4, .length = 4 + 3};
        frame.planes[2] = frame.planes[1];
    }
    return frame;
}

static void refuse(struct fg_frame frame, const char *part)
{
    struct fg_error err = {0};
    assert_int_equal(fg_frame_check(&frame, &err), -EINVAL);
    if (!strstr(err.text, part))
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void test_check(void **state)
{
    (void)state;
    static const uint8_t memory[64];
    const uint32_t formats[] = {FG_FOURCC_YUV, FG_FOURCC_GREY, FG_FOURCC_RGB};
    for (unsigned i = 0; i < 3; i++) {
        struct fg_frame frame = good_frame(formats[i], memory);
        assert_int_equal(fg_frame_check(&frame, NULL), 0);
        frame.planes[0].length--;
        refuse(frame, "plane 0");
        frame = good_frame(formats[i], memory);
        frame.planes[0].stride = formats[i] == FG_FOURCC_RGB ? 14 : 4;
        refuse(frame, "stride");
        frame = good_frame(formats[i], memory);
        frame.planes[0].data = NULL;
        refuse(frame, "no memory");
        frame = good_frame(formats[i], memory);
        frame.n_planes++;
        refuse(frame, "planes");
        frame = good_frame(formats[i], memory);
        frame.height = 0;
        refuse(frame, "5x0");
    }
    struct fg_frame frame = good_frame(FG_FOURCC_YUV, memory);
    frame.planes[2].length--;
    refuse(frame, "plane 2");
    frame = good_frame(FG_FOURCC_YUV, memory);
    frame.chroma_shift_y = 3;
    refuse(frame, "shifts");
    frame = good_frame(FG_FOURCC_YUV, memory);
    frame.chroma_shift_x = 0;
    refuse(frame, "plane 1");
    frame.fourcc = FG_FOURCC('N', 'V', '6', '1');
    refuse(frame, "not known");
    frame = good_frame(FG_FOURCC_GREY, memory);
    frame.width = UINT32_MAX; // must not wrap
    frame.height = UINT32_MAX;
    frame.planes[0].stride = UINT32_MAX;
    frame.planes[0].length = UINT32_MAX;
    refuse(frame, "plane 0");
}

static void test_check_camera_formats(void **state)
{
    (void)state;
    static uint8_t memory[64 * 64];
    static const struct {
        uint32_t fourcc;
        unsigned n_planes;
        uint32_t row; // bytes of a row of 15 pixels
    } formats[] = {{FG_FOURCC_YUYV, 1, 32}, {FG_FOURCC_UYVY, 1, 32}, {FG_FOURCC_NV12, 2, 16}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const uint32_t row = formats[i].row;
        struct fg_frame frame = {
            .fourcc = formats[i].fourcc,
            .width = 15,
            .height = 9,
            .n_planes = formats[i].n_planes,
            .planes = {{memory, row, 9 * row, -1, 0}, {memory, 16, 5 * 16, -1, 0}}};
        assert_int_equal(fg_frame_check(&frame, NULL), 0);
        frame.planes[frame.n_planes - 1].length--;
        refuse(frame, frame.n_planes == 2 ? "plane 1" : "plane 0");
        frame.planes[frame.n_planes - 1].length++;
        frame.planes[frame.n_planes - 1].stride = formats[i].n_planes == 2 ? 15 : row - 1;
        refuse(frame, "stride");
    }
    struct fg_frame jpeg = {.fourcc = FG_FOURCC_MJPG, .width = 15, .height = 9, .n_planes = 1};
    refuse(jpeg, "JPEG picture is missing");
}

// What is no dma-buf says so before anything is read; ordinary memory needs nothing.
static void test_read_brackets(void **state)
{
    (void)state;
    static uint8_t memory[64];
    struct fg_frame frame = {.fourcc = FG_FOURCC_GREY,
                             .width = 8,
                             .height = 8,
                             .n_planes = 1,
                             .planes = {{memory, 8, 64, -1, 0}}};
    assert_int_equal(fg_frame_read_begin(&frame), 0);
    fg_frame_read_end(&frame);
    int fd = memfd_create("no dma-buf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    frame.planes[0].dmabuf_fd = fd;
    assert_true(fg_frame_read_begin(&frame) < 0); // ENOTTY; an emulator may say ENOSYS
    close(fd);
}

static void *release_late(void *frame)
{
    usleep(20000);
    fg_frame_release(frame);
    return NULL;
}

static void test_wait_until_whole(void **state)
{
    (void)state;
    struct fg_frame_pool *pool;
    pthread_t thread;
    assert_int_equal(fg_frame_pool_create(3, &pool), 0);
    assert_int_equal(fg_frame_pool_wait_whole(pool, 0), 0);
    struct fg_frame *a = fg_frame_pool_take(pool), *b = fg_frame_pool_take(pool);
    fg_frame_release(a);
    assert_int_equal(fg_frame_pool_wait_whole(pool, 10), -ETIMEDOUT);
    assert_int_equal(pthread_create(&thread, NULL, release_late, b), 0);
    assert_int_equal(fg_frame_pool_wait_whole(pool, 60000), 0);
    pthread_join(thread, NULL);
    fg_frame_pool_destroy(pool);
}

// ---- threads -----------------------------------------------------------------------------------

#define ROUNDS 3000

struct relay {
    struct fg_frame_pool *pool;
    struct fg_mailbox *box;
    uint8_t pixels[FG_POOL_SLOTS][64]; // plain memory: a sanitizer sees a missing ordering
    bool keep_all;                     // producer waits until the box is empty
    uint64_t put, taken, torn, backwards;
};

static void *consume(void *argument)
{
    struct relay *relay = argument;
    struct fg_frame *frame;
    uint64_t last = 0;
    while (fg_mailbox_take(relay->box, -1, &frame) == 0) {
        const uint8_t *pixels = relay->pixels[frame->slot];
        relay->backwards += frame->sequence <= last;
        last = frame->sequence;
        fg_frame_hold(frame); // as a second stage would
        for (unsigned i = 0; i < 64; i++)
            relay->torn += pixels[i] != (uint8_t)last;
        fg_frame_release(frame);
        fg_frame_release(frame);
        relay->taken++;
    }
    return NULL;
}

static struct fg_frame *take_or_wait(struct fg_frame_pool *pool)
{
    struct fg_frame *frame;
    while (!(frame = fg_frame_pool_take(pool))) {
        struct pollfd entry = {.fd = fg_frame_pool_fd(pool), .events = POLLIN};
        if (poll(&entry, 1, 10000) != 1)
            return NULL; // a wake-up was lost
    }
    return frame;
}

static void *produce(void *argument)
{
    struct relay *relay = argument;
    for (unsigned i = 1; i <= ROUNDS; i++) {
        struct fg_frame *frame = take_or_wait(relay->pool);
        if (!frame || (relay->keep_all && fg_mailbox_wait_empty(relay->box, 10000) != 0))
            break;
        memset(relay->pixels[frame->slot], (uint8_t)i, 64);
        frame->sequence = i;
        fg_mailbox_put(relay->box, frame);
        relay->put++;
    }
    fg_mailbox_close(relay->box);
    return NULL;
}

static void run_relay(unsigned slots, bool keep_all)
{
    struct relay relay = {.keep_all = keep_all};
    pthread_t producer, consumer;
    assert_int_equal(fg_frame_pool_create(slots, &relay.pool), 0);
    assert_int_equal(fg_mailbox_create(&relay.box), 0);
    assert_int_equal(pthread_create(&consumer, NULL, consume, &relay), 0);
    assert_int_equal(pthread_create(&producer, NULL, produce, &relay), 0);
    pthread_join(producer, NULL);
    pthread_join(consumer, NULL);
    assert_int_equal(relay.put, ROUNDS);
    assert_int_equal(relay.torn, 0);
    assert_int_equal(relay.backwards, 0);
    assert_int_equal(relay.taken + fg_mailbox_displaced(relay.box), ROUNDS);
    if (keep_all)
        assert_int_equal(relay.taken, ROUNDS);
    fg_mailbox_destroy(relay.box);
    for (unsigned i = 0; i < slots; i++) // none leaked
        assert_non_null(fg_frame_pool_take(relay.pool));
    for (unsigned i = 0; i < slots; i++)
        fg_frame_release(fg_frame_pool_slot(relay.pool, i));
    fg_frame_pool_destroy(relay.pool);
}

static void test_threads_newest_wins(void **state)
{
    (void)state;
    run_relay(3, false);
}

static void test_threads_none_lost(void **state)
{
    (void)state;
    run_relay(1, true);
    run_relay(2, true);
}

// Each holder reads a word of its own: a sanitizer remembers few accesses to the same one.
struct holder {
    struct fg_frame *frame;
    unsigned index;
    uint64_t word;
};

static void *read_and_release(void *argument)
{
    struct holder *holder = argument;
    const uint8_t *pixels = holder->frame->planes[0].data;
    memcpy(&holder->word, pixels + 8 * holder->index, sizeof holder->word);
    fg_frame_release(holder->frame);
    return NULL;
}

static void test_threads_many_holders(void **state)
{
    (void)state;
    struct fg_frame_pool *pool = NULL;
    uint64_t pixels[4];
    assert_int_equal(fg_frame_pool_create(1, &pool), 0);
    for (unsigned round = 1; round <= 50; round++) {
        struct fg_frame *frame = take_or_wait(pool);
        struct holder holders[4] = {0};
        pthread_t threads[4];
        assert_non_null(frame);
        for (unsigned i = 0; i < 4; i++)
            pixels[i] = round;
        frame->planes[0].data = (const uint8_t *)pixels;
        for (unsigned i = 0; i < 4; i++) {
            fg_frame_hold(frame);
            holders[i] = (struct holder){.frame = frame, .index = i};
            assert_int_equal(pthread_create(&threads[i], NULL, read_and_release, &holders[i]), 0);
        }
        fg_frame_release(frame);
        struct fg_frame *again = take_or_wait(pool); // all four must be done
        assert_ptr_equal(again, frame);
        for (unsigned i = 0; i < 4; i++)
            pixels[i] = 0;
        fg_frame_release(again);
        for (unsigned i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(holders[i].word, round);
        }
    }
    fg_frame_pool_destroy(pool);
}

// ---- the mailbox alone -------------------------------------------------------------------------

struct bench {
    struct fg_frame_pool *pool;
    struct fg_mailbox *box;
};

static int set_up(void **state)
{
    static struct bench bench;
    *state = &bench;
    return fg_frame_pool_create(3, &bench.pool) || fg_mailbox_create(&bench.box);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    fg_mailbox_destroy(bench->box);
    fg_frame_pool_destroy(bench->pool); // asserts that every frame is back
    return 0;
}

static void test_box_newest_wins(void **state)
{
    struct bench *bench = *state;
    struct fg_frame *first = fg_frame_pool_take(bench->pool);
    struct fg_frame *second = fg_frame_pool_take(bench->pool), *got = NULL;
    assert_int_equal(fg_mailbox_take(bench->box, 0, &got), -ETIMEDOUT);
    assert_null(got);
    fg_mailbox_put(bench->box, first);
    assert_int_equal(fg_mailbox_wait_empty(bench->box, 1), -ETIMEDOUT);
    fg_mailbox_put(bench->box, second);
    assert_int_equal(fg_mailbox_displaced(bench->box), 1);
    assert_ptr_equal(fg_frame_pool_take(bench->pool), first); // it went back
    fg_frame_release(first);
    assert_int_equal(fg_mailbox_take(bench->box, -1, &got), 0);
    assert_ptr_equal(got, second);
    assert_int_equal(fg_mailbox_wait_empty(bench->box, 0), 0);
    assert_int_equal(fg_mailbox_take(bench->box, 5, &got), -ETIMEDOUT);
    fg_frame_release(second);
}

static void test_box_drop(void **state)
{
    struct bench *bench = *state;
    struct fg_frame *frame = fg_frame_pool_take(bench->pool);
    fg_mailbox_drop(bench->box); // nothing is inside
    assert_int_equal(fg_mailbox_displaced(bench->box), 0);
    fg_mailbox_put(bench->box, frame);
    fg_mailbox_drop(bench->box);
    assert_int_equal(fg_mailbox_displaced(bench->box), 1);
    assert_int_equal(fg_mailbox_take(bench->box, 0, &frame), -ETIMEDOUT);
    assert_int_equal(fg_frame_pool_wait_whole(bench->pool, 0), 0);
}

static void test_box_close(void **state)
{
    struct bench *bench = *state;
    struct fg_frame *inside = fg_frame_pool_take(bench->pool), *got = NULL;
    fg_mailbox_put(bench->box, inside);
    fg_mailbox_close(bench->box);
    assert_int_equal(fg_mailbox_wait_empty(bench->box, -1), -ECANCELED);
    assert_int_equal(fg_mailbox_take(bench->box, -1, &got), 0); // what is inside still comes out
    assert_ptr_equal(got, inside);
    fg_frame_release(got);
    assert_int_equal(fg_mailbox_take(bench->box, -1, &got), -ECANCELED);
    assert_int_equal(fg_mailbox_wait_empty(bench->box, -1), -ECANCELED);
    fg_mailbox_put(bench->box, fg_frame_pool_take(bench->pool)); // too late: released, counted
    assert_int_equal(fg_mailbox_displaced(bench->box), 1);
}

static void test_box_destroy_releases(void **state)
{
    struct bench *bench = *state;
    fg_mailbox_put(bench->box, fg_frame_pool_take(bench->pool));
    // tear_down destroys the box with the frame inside, then the pool asks for it
}

static void *blocked_take(void *argument)
{
    struct fg_frame *got;
    return (void *)(intptr_t)fg_mailbox_take(argument, -1, &got);
}

static void *blocked_wait(void *argument)
{
    return (void *)(intptr_t)fg_mailbox_wait_empty(argument, -1);
}

static void check_close_wakes(struct fg_mailbox *box, void *(*blocked)(void *))
{
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, blocked, box), 0);
    usleep(20000); // likely asleep by now; right either way
    fg_mailbox_close(box);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, -ECANCELED);
}

static void test_box_close_wakes_consumer(void **state)
{
    struct bench *bench = *state;
    check_close_wakes(bench->box, blocked_take);
}

static void test_box_close_wakes_producer(void **state)
{
    struct bench *bench = *state;
    fg_mailbox_put(bench->box, fg_frame_pool_take(bench->pool));
    check_close_wakes(bench->box, blocked_wait);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_sizes),
        cmocka_unit_test(test_last_release_gives_back),
        cmocka_unit_test(test_last_release_wipes),
        cmocka_unit_test(test_frame_without_pool),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_camera_formats),
        cmocka_unit_test(test_read_brackets),
        cmocka_unit_test(test_wait_until_whole),
        cmocka_unit_test(test_threads_newest_wins),
        cmocka_unit_test(test_threads_none_lost),
        cmocka_unit_test(test_threads_many_holders),
        cmocka_unit_test_setup_teardown(test_box_newest_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_box_drop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_box_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_box_destroy_releases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_box_close_wakes_consumer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_box_close_wakes_producer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
