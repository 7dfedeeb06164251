// SPDX-License-Identifier: Apache-2.0
// The lane's lines on a played chip: opened, lost, taken, bouncing, without edges.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate/board.h"
#include "tests/played_chip.h"

#define MS UINT64_C(1000000)

static struct fg_gpio_system played;
static struct played_chip *chip;
static struct fg_gate_conf conf;
static struct fg_board *board;
static uint64_t now;

// Every line is wired to the number of its use.
static int set_up(void **state)
{
    (void)state;
    chip = played_chip_open(&played);
    conf = (struct fg_gate_conf){.chip = "played"};
    for (unsigned i = 0; i < FG_PINS; i++) {
        snprintf(conf.pins[i].line, sizeof conf.pins[i].line, "%u", i);
        conf.pins[i].debounce_ms = 20;
    }
    now = 1000 * MS;
    return chip && fg_board_create(&conf, &played, &board) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fg_board_destroy(board);
    int leaks = 0;
    for (unsigned i = 0; i < PLAYED_LINES; i++)
        leaks += chip->lines[i].opened != chip->lines[i].closed;
    played_chip_close(chip);
    return leaks;
}

// Works as often as the board wants, until ms are over.
static void work_for(unsigned ms)
{
    for (const uint64_t end = now + ms * MS;;) {
        fg_board_work(board, now);
        uint64_t due = fg_board_due_ns(board);
        assert_true(due > now);
        if (due > end) {
            now = end;
            return;
        }
        now = due;
    }
}

static void test_lines_are_opened_and_driven(void **state)
{
    (void)state;
    fg_board_set(board, FG_PIN_RED, true, now); // before it is there
    work_for(10);
    assert_true(fg_board_is_whole(board));
    assert_string_equal(fg_board_trouble(board), "");
    assert_true(chip->lines[FG_PIN_RED].level);
    assert_false(chip->lines[FG_PIN_OPEN].level);
    fg_board_set(board, FG_PIN_OPEN, true, now);
    fg_board_set(board, FG_PIN_OPEN, true, now);
    assert_true(chip->lines[FG_PIN_OPEN].level);
    assert_int_equal(chip->lines[FG_PIN_OPEN].sets, 1);
}

static void test_what_is_not_wired_is_left_alone(void **state)
{
    (void)state;
    conf.pins[FG_PIN_BUZZER].line[0] = 0;
    work_for(2000);
    fg_board_set(board, FG_PIN_BUZZER, true, now);
    assert_true(fg_board_is_whole(board));
    assert_int_equal(chip->lines[FG_PIN_BUZZER].opened, 0);
}

static void test_an_edge_wakes_and_a_level_counts(void **state)
{
    (void)state;
    work_for(10);
    played_chip_put(chip, FG_PIN_BEAM, true);
    fg_board_work(board, now);
    assert_false(fg_board_input(board, FG_PIN_BEAM));
    assert_true(fg_board_due_ns(board) <= now + 20 * MS);
    work_for(20);
    fg_board_work(board, now);
    assert_true(fg_board_input(board, FG_PIN_BEAM));
    played_chip_put(chip, FG_PIN_BEAM, false);
    work_for(25);
    assert_false(fg_board_input(board, FG_PIN_BEAM));
}

static void test_a_bouncing_input_is_quiet(void **state)
{
    (void)state;
    work_for(10);
    for (unsigned i = 0; i < 50; i++) {
        played_chip_put(chip, FG_PIN_BUTTON, i % 2 == 0);
        work_for(7);
        assert_false(fg_board_input(board, FG_PIN_BUTTON));
    }
    for (unsigned i = 0; i < 20; i++) { // on, off and on again between two looks
        chip->lines[FG_PIN_BUTTON].level = true;
        played_chip_edge(chip, FG_PIN_BUTTON);
        work_for(15);
        assert_false(fg_board_input(board, FG_PIN_BUTTON));
    }
    work_for(30);
    assert_true(fg_board_input(board, FG_PIN_BUTTON));
}

static void test_a_lost_edge_is_found(void **state)
{
    (void)state;
    work_for(10);
    chip->lines[FG_PIN_EMERGENCY].level = true; // and nothing wakes us
    work_for(125);
    assert_true(fg_board_input(board, FG_PIN_EMERGENCY));
}

static void test_edges_without_end_cost_no_turn(void **state)
{
    (void)state;
    work_for(10);
    unsigned turns = 0;
    for (const uint64_t end = now + 100 * MS; now < end; turns++) {
        played_chip_edge(chip, FG_PIN_BEAM);
        fg_board_work(board, now);
        uint64_t due = fg_board_due_ns(board);
        assert_true(due > now);
        now = due < now + MS ? due : now + MS;
    }
    assert_in_range(turns, 99, 101);
    assert_false(fg_board_input(board, FG_PIN_BEAM));
}

static void test_a_chip_without_edges(void **state)
{
    (void)state;
    chip->no_edges = true;
    work_for(10);
    assert_true(fg_board_is_whole(board));
    chip->lines[FG_PIN_BEAM].level = true;
    work_for(45);
    assert_true(fg_board_input(board, FG_PIN_BEAM));
    assert_true(fg_board_due_ns(board) - now <= 20 * MS);
}

static void test_a_taken_line_leaves_the_emergency_working(void **state)
{
    (void)state;
    chip->lines[FG_PIN_RED].taken = true;
    work_for(100);
    assert_false(fg_board_is_whole(board));
    assert_non_null(strstr(fg_board_trouble(board), "red: chip played: line 1 is taken"));
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    work_for(30);
    assert_true(fg_board_input(board, FG_PIN_EMERGENCY));
    fg_board_set(board, FG_PIN_OPEN, true, now);
    assert_true(chip->lines[FG_PIN_OPEN].level);
    chip->lines[FG_PIN_RED].taken = false;
    work_for(1000);
    assert_true(fg_board_is_whole(board));
    assert_string_equal(fg_board_trouble(board), "");
}

static void test_it_is_tried_again_less_and_less_often(void **state)
{
    (void)state;
    static const unsigned wanted_ms[] = {250, 500, 1000, 2000, 4000, 4000};
    chip->gone = true;
    fg_board_work(board, now);
    assert_true(fg_board_missing_ns(board) == now);
    for (unsigned i = 0; i < sizeof wanted_ms / sizeof *wanted_ms; i++) {
        const uint64_t before = now;
        const unsigned tries = chip->tries;
        while (chip->tries == tries)
            fg_board_work(board, now = fg_board_due_ns(board));
        assert_int_equal((now - before) / MS, wanted_ms[i]);
    }
    chip->gone = false;
    work_for(4000);
    fg_board_work(board, now);
    assert_true(fg_board_is_whole(board));
    assert_true(fg_board_missing_ns(board) == 0);
}

// As after a crash: the lines are as they were left.
static void test_it_starts_closed_but_in_an_emergency(void **state)
{
    (void)state;
    chip->lines[FG_PIN_OPEN].level = true;
    fg_board_work(board, now);
    assert_false(chip->lines[FG_PIN_OPEN].level);
    fg_board_destroy(board);
    chip->lines[FG_PIN_OPEN].level = chip->lines[FG_PIN_EMERGENCY].level = true;
    chip->lines[FG_PIN_OPEN].falls = 0;
    assert_int_equal(fg_board_create(&conf, &played, &board), 0);
    fg_board_work(board, now);
    assert_true(fg_board_input(board, FG_PIN_EMERGENCY)); // at once
    work_for(500);
    assert_true(chip->lines[FG_PIN_OPEN].level);
    assert_int_equal(chip->lines[FG_PIN_OPEN].falls, 0);
    chip->lines[FG_PIN_EMERGENCY].level = false;
    work_for(200);
    assert_false(fg_board_input(board, FG_PIN_EMERGENCY));
}

static void test_an_unplugged_chip_comes_back(void **state)
{
    (void)state;
    work_for(10);
    fg_board_set(board, FG_PIN_GREEN, true, now);
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    work_for(30);
    chip->gone = true;
    work_for(1200);
    assert_false(fg_board_is_whole(board));
    assert_non_null(strstr(fg_board_trouble(board), "played"));
    assert_true(fg_board_missing_ns(board) > 0);
    assert_true(fg_board_input(board, FG_PIN_EMERGENCY)); // not over: nobody saw it end
    for (unsigned i = 0; i < FG_PINS; i++)
        chip->lines[i].level = false;
    fg_board_set(board, FG_PIN_OPEN, true, now); // meanwhile
    chip->gone = false;
    work_for(4100);
    assert_true(fg_board_is_whole(board));
    assert_true(chip->lines[FG_PIN_GREEN].level);
    assert_true(chip->lines[FG_PIN_OPEN].level);
    assert_false(fg_board_input(board, FG_PIN_EMERGENCY));
}

// What is logged while it works for so long.
static const char *log_of(unsigned ms)
{
    static char log[4096];
    int kept = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
    assert_true(kept >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
    work_for(ms);
    dup2(kept, STDERR_FILENO);
    close(kept);
    ssize_t length = pread(file, log, sizeof log - 1, 0);
    close(file);
    log[length > 0 ? length : 0] = 0;
    return log;
}

static unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;
    while ((text = strstr(text, word))) {
        text += strlen(word);
        count++;
    }
    return count;
}

// A chip that is pulled out in the middle of a look says first that the look has failed.
static void test_why_it_is_gone_is_told_once(void **state)
{
    (void)state;
    work_for(10);
    chip->lines[FG_PIN_BEAM].refuses = EPROTO;
    const char *log = log_of(120);
    assert_non_null(strstr(log, "beam: chip played, line 4: Protocol error; trying again"));
    chip->gone = true;
    log = log_of(20000);
    assert_non_null(strstr(log, "unplugged; trying again"));
    assert_int_equal(count_of(log, "trying again"), 1);
    chip->gone = false;
    chip->lines[FG_PIN_BEAM].refuses = 0;
    log = log_of(4100);
    assert_non_null(strstr(log, "all lines of chip played are there"));
    assert_int_equal(count_of(log, "\n"), 1);
}

static void test_a_line_that_fails_is_opened_again(void **state)
{
    (void)state;
    work_for(10);
    chip->lines[FG_PIN_OPEN].refuses = EIO;
    fg_board_set(board, FG_PIN_OPEN, true, now);
    assert_false(fg_board_is_whole(board));
    assert_non_null(strstr(fg_board_trouble(board), "open: chip played, line 0: Input/output"));
    chip->lines[FG_PIN_OPEN].refuses = 0;
    work_for(400);
    assert_true(fg_board_is_whole(board));
    assert_int_equal(chip->lines[FG_PIN_OPEN].opened, 2);
    assert_true(chip->lines[FG_PIN_OPEN].level);
}

static void test_outputs_alone_show_that_the_chip_is_gone(void **state)
{
    (void)state;
    for (unsigned i = FG_PIN_INPUTS; i < FG_PINS; i++)
        conf.pins[i].line[0] = 0;
    work_for(10);
    chip->gone = true;
    work_for(1010);
    assert_false(fg_board_is_whole(board));
}

static void test_how_it_is_left(void **state)
{
    (void)state;
    static const bool left[3][2] = {[FG_ON_STOP_CLOSED] = {false, false},
                                    [FG_ON_STOP_OPEN] = {true, true},
                                    [FG_ON_STOP_HOLD] = {false, true}};
    work_for(10);
    for (unsigned how = 0; how < 3; how++) {
        for (unsigned was = 0; was < 2; was++) {
            fg_board_set(board, FG_PIN_OPEN, was, now);
            fg_board_set(board, FG_PIN_GREEN, true, now);
            fg_board_set(board, FG_PIN_BUZZER, true, now);
            fg_board_stop(board, (enum fg_on_stop)how, now);
            assert_int_equal(chip->lines[FG_PIN_OPEN].level, left[how][was]);
            assert_false(chip->lines[FG_PIN_GREEN].level);
            assert_false(chip->lines[FG_PIN_BUZZER].level);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines_are_opened_and_driven),
        TEST(test_what_is_not_wired_is_left_alone),
        TEST(test_an_edge_wakes_and_a_level_counts),
        TEST(test_a_bouncing_input_is_quiet),
        TEST(test_a_lost_edge_is_found),
        TEST(test_edges_without_end_cost_no_turn),
        TEST(test_a_chip_without_edges),
        TEST(test_a_taken_line_leaves_the_emergency_working),
        TEST(test_it_is_tried_again_less_and_less_often),
        TEST(test_it_starts_closed_but_in_an_emergency),
        TEST(test_an_unplugged_chip_comes_back),
        TEST(test_why_it_is_gone_is_told_once),
        TEST(test_a_line_that_fails_is_opened_again),
        TEST(test_outputs_alone_show_that_the_chip_is_gone),
        TEST(test_how_it_is_left),
    };
    return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
