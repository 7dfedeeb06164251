// SPDX-License-Identifier: Apache-2.0
// The gate's configuration: what is read from which file, each refusal with its message, and what
// an emergency can still be saved from.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate/gate_conf.h"
#include "tests/scratch_folder.h"

static struct fg_gate_conf conf;
static struct fg_error err;

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int read_text(const char *text)
{
    put("gate.conf", text);
    err = (struct fg_error){""};
    int code = fg_gate_conf_read(in_folder("gate.conf"), "1", &conf, &err);
    unlink(in_folder("gate.conf"));
    return code;
}

static void refused(const char *text, const char *what)
{
    assert_int_equal(read_text(text), -EINVAL);
    if (!strstr(err.text, what) || !strstr(err.text, "gate.conf"))
        fail_msg("\"%s\" has not \"%s\"", err.text, what);
}

static void test_every_key(void **state)
{
    (void)state;
    assert_int_equal(
        read_text("[lane]\nid = east\npassage_ms = 4000\npulse_ms = 300\nafter_ms = 0\n"
                  "blocked_ms = 1\nextend = yes\nbutton = open\non_loss = hold\n"
                  "loss_ms = 2000\non_stop = open\n"
                  "[gpio]\nchip = gpiochip0\nopen = 5\nred = RELAY2 active-low\n"
                  "green = 7\nbuzzer = 8\nbeam = 9 pull-up active-low\n"
                  "button =  10\tpull-down\nemergency = 11 no-pull\n"
                  "beam_debounce_ms = 1\nbutton_debounce_ms = 2\n"
                  "emergency_debounce_ms = 3\ngive_up_ms = 5000\n"
                  "[exec]\ncommand = /bin/true a b\ncommand_ms = 100\n"
                  "[zmq]\npublish = ipc:///a\n"
                  "[sockets]\ndecision = ipc:///b\nlane = ipc:///d\nprobe = ipc:///c\n"),
        0);
    assert_string_equal(conf.lane, "1");
    assert_string_equal(conf.id, "east");
    assert_int_equal(conf.rules.passage_ms, 4000);
    assert_int_equal(conf.rules.pulse_ms, 300);
    assert_int_equal(conf.rules.blocked_ms, 1);
    assert_true(conf.rules.extend && conf.rules.button_opens && conf.rules.has_beam);
    assert_int_equal(conf.rules.on_loss, FG_ON_LOSS_HOLD);
    assert_int_equal(conf.rules.loss_ms, 2000);
    assert_int_equal(conf.on_stop, FG_ON_STOP_OPEN);
    assert_string_equal(conf.pins[FG_PIN_RED].line, "RELAY2");
    assert_true(conf.pins[FG_PIN_RED].active_low);
    assert_int_equal(conf.pins[FG_PIN_BEAM].bias, FG_BIAS_PULL_UP);
    assert_true(conf.pins[FG_PIN_BEAM].active_low);
    assert_int_equal(conf.pins[FG_PIN_BUTTON].bias, FG_BIAS_PULL_DOWN);
    assert_int_equal(conf.pins[FG_PIN_EMERGENCY].bias, FG_BIAS_NONE);
    assert_int_equal(conf.pins[FG_PIN_EMERGENCY].debounce_ms, 3);
    assert_int_equal(conf.give_up_ms, 5000);
    assert_string_equal(conf.publish, "ipc:///a");
    assert_string_equal(conf.decision, "ipc:///b");
    assert_string_equal(conf.lanes, "ipc:///d");
    assert_string_equal(conf.probe, "ipc:///c");
    assert_false(conf.salvaged);
}

static void test_what_holds_without_a_word(void **state)
{
    (void)state;
    assert_int_equal(read_text("[gpio]\nchip = 0\nopen = 1\n"), 0);
    assert_string_equal(conf.id, "gate");
    assert_int_equal(conf.rules.passage_ms, 5000);
    assert_int_equal(conf.rules.pulse_ms, 0);
    assert_int_equal(conf.rules.on_loss, FG_ON_LOSS_CLOSED);
    assert_int_equal(conf.on_stop, FG_ON_STOP_CLOSED);
    assert_false(conf.rules.has_beam || conf.rules.button_opens || conf.rules.extend);
    assert_string_equal(conf.decision, "ipc:///run/facegate/gate/decision.sock");
    assert_string_equal(conf.lanes, "ipc:///run/facegate/probe/lane.sock");
    assert_string_equal(conf.probe, "ipc:///run/facegate/probe/probe.sock");
}

static void test_the_lanes_own_file_has_the_last_word(void **state)
{
    (void)state;
    put("gate@1.conf", "[lane]\npassage_ms = 2000\n[gpio]\nopen = 4\n");
    mkdir(in_folder("gate@1.conf.d"), 0700);
    put("gate@1.conf.d/1.conf", "[gpio]\nopen = 5 active-low\n");
    put("gate@2.conf", "[gpio]\nopen = 6\n");
    assert_int_equal(read_text("[lane]\npassage_ms = 9000\nid = all\n[gpio]\nchip = 0\nopen = 1\n"),
                     0);
    unlink(in_folder("gate@2.conf"));
    unlink(in_folder("gate@1.conf.d/1.conf"));
    rmdir(in_folder("gate@1.conf.d"));
    unlink(in_folder("gate@1.conf"));
    assert_int_equal(conf.rules.passage_ms, 2000);
    assert_string_equal(conf.id, "all");
    assert_string_equal(conf.pins[FG_PIN_OPEN].line, "5");
    assert_true(conf.pins[FG_PIN_OPEN].active_low);
}

static void test_a_line_said_again_is_said_anew(void **state)
{
    (void)state;
    put("gate@1.conf", "[gpio]\nopen = 4\nred =\n");
    assert_int_equal(read_text("[gpio]\nchip = 0\nopen = 1 active-low\nred = 2\n"), 0);
    unlink(in_folder("gate@1.conf"));
    assert_false(conf.pins[FG_PIN_OPEN].active_low);
    assert_string_equal(conf.pins[FG_PIN_RED].line, "");
}

static void test_no_file(void **state)
{
    (void)state;
    err = (struct fg_error){""};
    assert_int_equal(fg_gate_conf_read(in_folder("absent.conf"), "1", &conf, &err), -ENOENT);
    assert_non_null(strstr(err.text, "absent.conf"));
}

#define CHIP "[gpio]\nchip = 0\nopen = 1\n"

static void test_each_refusal(void **state)
{
    (void)state;
    refused("", "nothing to open: give [gpio] open");
    refused("[gpio]\nchip = 0\nred = 1\n", "nothing to open");
    refused("[gpio]\nopen = 1\n", "open: on which chip?");
    refused(CHIP "red = 1\n", "open and red are both line 1");
    refused(CHIP "beam = 3\nbutton = 3\n", "beam and button are both line 3");
    refused(CHIP "red = 2 low\n", "red: low: after the line may stand active-low");
    refused(CHIP "red = 2 pull-up\n", "red: an output is not pulled");
    refused("[gpio]\nchip = 0\nopen = "
            "0123456789012345678901234567890123456789012345678901234567890123456789\n",
            "a line's name has at most 63 bytes");
    refused(CHIP "door = 2\n", "gate.conf:4: unknown key door in [gpio]");
    refused(CHIP "open = 2\n", "open is given twice");
    refused(CHIP "beam_debounce_ms = 5000\n", "must be from 0 to 1000");
    refused(CHIP "[lane]\non_loss = maybe\n", "must be one of closed, open, hold");
    refused(CHIP "[lane]\non_stop = ajar\n", "must be one of closed, open, hold");
    refused(CHIP "[lane]\nbutton = open\n", "there is no [gpio] button");
    refused(CHIP "[lane]\nbutton = ring\n", "must be one of wake, open");
    refused(CHIP "[lane]\npassage_ms = 5\n", "must be from 100 to 600000");
    refused(CHIP "[lane]\nloss_ms = 1000\n", "must be from 1500 to 600000");
    refused(CHIP "[lane]\npassage_ms = 500\npulse_ms = 501\n",
            "pulse_ms is longer than passage_ms");
    refused(CHIP "[lane]\nid = two words\n", "1 to 31 letters");
    refused(CHIP "[exec]\ncommand = echo\n", "echo: give the program's whole path");
    assert_int_equal(read_text("[exec]\ncommand = /nowhere/gate -x\n"), -ENOENT);
    assert_non_null(strstr(err.text, "command: /nowhere/gate: No such file"));
}

// ---- what can be saved -------------------------------------------------------------------------

static int salvage(const char *text)
{
    put("gate.conf", text);
    int code = fg_gate_conf_salvage(in_folder("gate.conf"), "1", &conf);
    unlink(in_folder("gate.conf"));
    return code;
}

static void expect_saved(const char *open, const char *emergency)
{
    assert_true(conf.salvaged);
    assert_string_equal(conf.chip, "0");
    assert_string_equal(conf.pins[FG_PIN_OPEN].line, open);
    assert_string_equal(conf.pins[FG_PIN_EMERGENCY].line, emergency);
    assert_string_equal(conf.pins[FG_PIN_RED].line, "");
    assert_string_equal(conf.command, "");
    assert_false(conf.rules.has_beam || conf.rules.button_opens);
    assert_int_equal(conf.rules.loss_ms, 0);
}

static void test_an_emergency_is_saved(void **state)
{
    (void)state;
    static const char *const off[] = {"unknown = 1\n",
                                      "red = 2 low\n",
                                      "red = 1\n",
                                      "[lane]\non_loss = maybe\n",
                                      "nonsense\n",
                                      "[nowhere]\na=b\n",
                                      "[exec]\ncommand = no\n"};
    char text[1024], start[512];
    for (unsigned i = 0; i < sizeof off / sizeof *off; i++) {
        for (unsigned last = 0; last < 2; last++) { // before the lines, or after
            snprintf(start, sizeof start, "[gpio]\nchip = 0\nopen = 1 active-low\nemergency = 9\n");
            snprintf(text, sizeof text, "%s%s%s%s", last ? start : "[gpio]\n", off[i],
                     last ? "" : "[gpio]\n", last ? "" : start + 7);
            assert_true(read_text(text) < 0);
            assert_int_equal(salvage(text), 0);
            expect_saved("1", "9");
            assert_true(conf.pins[FG_PIN_OPEN].active_low);
        }
    }
}

static void test_it_is_saved_from_every_file(void **state)
{
    (void)state;
    put("gate@1.conf", "garbage\n[gpio]\nopen = 4\nemergency = 3 bad-word\n");
    assert_int_equal(salvage("[gpio]\nchip = 0\nopen = 1\nemergency = 2\n"), 0);
    unlink(in_folder("gate@1.conf"));
    expect_saved("4", "2");
    char text[2000];
    int used = snprintf(text, sizeof text, "[gpio]\nchip = 0\nopen = 1\n;");
    memset(text + used, 'x', 1000);
    snprintf(text + used + 1000, sizeof text - (size_t)used - 1000, "\nemergency = 2\n");
    assert_int_equal(salvage(text), 0);
    expect_saved("1", "2");
}

static void test_what_can_not_be_saved(void **state)
{
    (void)state;
    assert_int_equal(salvage(""), -ENODATA);
    assert_int_equal(salvage("[gpio]\nchip = 0\nopen = 1\n"), -ENODATA);
    assert_int_equal(salvage("[gpio]\nchip = 0\nemergency = 1\n"), -ENODATA);
    assert_int_equal(salvage("[gpio]\nopen = 1\nemergency = 2\n"), -ENODATA);
    assert_int_equal(salvage("[gpio]\nchip = 0\nopen = 2\nemergency = 2\n"), -ENODATA);
    assert_int_equal(fg_gate_conf_salvage(in_folder("absent.conf"), "1", &conf), -ENODATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_what_holds_without_a_word),
        cmocka_unit_test(test_the_lanes_own_file_has_the_last_word),
        cmocka_unit_test(test_a_line_said_again_is_said_anew),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_each_refusal),
        cmocka_unit_test(test_an_emergency_is_saved),
        cmocka_unit_test(test_it_is_saved_from_every_file),
        cmocka_unit_test(test_what_can_not_be_saved),
    };
    return cmocka_run_group_tests_name("gate_conf", tests, set_up, tear_down);
}
