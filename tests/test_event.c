// SPDX-License-Identifier: Apache-2.0
// Events of every kind, their bytes, JSON and CSV, against tests/golden/event/. FG_UPDATE_GOLDEN=1
// writes those anew.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "matcher/event.h"
#include "tests/dice.h"
#include "tools/event_text.h"

#define T_NS UINT64_C(1800000000250000000)

static struct fg_event make(enum fg_event_kind kind)
{
    struct fg_event e = {.number = kind,
                         .kind = kind,
                         .t_ns = T_NS + kind,
                         .run = UINT64_C(0xfedcba9876543210),
                         .decision = 70u + kind,
                         .lane = "west-1",
                         .zone = "site",
                         .firm = "stores",
                         .subject = "s-1",
                         .reason = "matched",
                         .detail = "in",
                         .liveness = "attended",
                         .amount = 7500,
                         .currency = "EUR"};
    for (unsigned i = 0; i < FG_CHARGE_ID; i++)
        e.charge[i] = (uint8_t)(16 * i + kind);
    return e;
}

// ---- golden files ------------------------------------------------------------------------------

static void compare(const char *name, const void *bytes, size_t length)
{
    char path[96], kept[65536];
    snprintf(path, sizeof path, "tests/golden/event/%s", name);
    if (getenv("FG_UPDATE_GOLDEN")) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        assert_int_equal(fwrite(bytes, 1, length, out), length);
        assert_int_equal(fclose(out), 0);
    }
    FILE *in = fopen(path, "r");
    if (!in)
        fail_msg("%s is missing", path);
    size_t n = fread(kept, 1, sizeof kept, in);
    fclose(in);
    assert_int_equal(n, length);
    assert_memory_equal(kept, bytes, n);
}

static void test_golden_bytes(void **state)
{
    static uint8_t bytes[FG_EVENT_KINDS * FG_EVENT_BYTES];
    size_t length = 0;
    (void)state;
    for (unsigned kind = 1; kind < FG_EVENT_KINDS; kind++) {
        struct fg_event e = make((enum fg_event_kind)kind);
        length += fg_event_pack(&e, bytes + length);
    }
    compare("events.bin", bytes, length);
}

static void test_golden_text(void **state)
{
    char *text = NULL;
    size_t length = 0;
    (void)state;
    FILE *file = open_memstream(&text, &length);
    fg_event_csv_head(file);
    for (int pass = 0; pass < 3; pass++) { // CSV, JSON, lines
        for (unsigned kind = 1; kind < FG_EVENT_KINDS; kind++) {
            struct fg_event e = make((enum fg_event_kind)kind);
            struct fg_json *json = fg_event_json(&e);
            char *line = fg_json_print(json, false);
            if (pass == 0)
                fg_event_csv(file, json);
            else if (pass == 1)
                fprintf(file, "%s\n", line);
            else
                fg_event_line(file, json);
            free(line);
            fg_json_destroy(json);
        }
    }
    fclose(file);
    compare("events.txt", text, length);
    free(text);
}

// ---- bytes -------------------------------------------------------------------------------------

static void test_round(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind < FG_EVENT_KINDS; kind++) {
        uint8_t bytes[FG_EVENT_BYTES];
        struct fg_event e = make((enum fg_event_kind)kind), back;
        assert_string_not_equal(fg_event_name(e.kind), "");
        e.number = 0; // it is the key
        size_t length = fg_event_pack(&e, bytes);
        assert_int_equal(fg_event_unpack(bytes, length, &back), 0);
        assert_memory_equal(&e, &back, sizeof e);
        for (size_t cut = 0; cut < length; cut++)
            assert_int_equal(fg_event_unpack(bytes, cut, &back), -EBADMSG);
        bytes[length] = 0;
        assert_int_equal(fg_event_unpack(bytes, length + 1, &back), -EBADMSG);
    }
}

// Whatever the bytes are, what is read is an event whose texts end.
static void test_random_bytes(void **state)
{
    unsigned taken = 0;
    (void)state;
    random_state = 5;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t bytes[FG_EVENT_BYTES];
        struct fg_event e = make((enum fg_event_kind)(1 + random_below(FG_EVENT_KINDS - 1))), back;
        size_t length = fg_event_pack(&e, bytes);
        for (unsigned i = 0; i < 1 + random_below(3); i++)
            bytes[random_below((uint32_t)length)] = (uint8_t)random_below(256);
        if (fg_event_unpack(bytes, length, &back) < 0)
            continue;
        taken++;
        assert_true(back.kind >= 1 && back.kind < FG_EVENT_KINDS);
        assert_true(strnlen(back.lane, sizeof back.lane) < sizeof back.lane);
        assert_true(strnlen(back.detail, sizeof back.detail) < sizeof back.detail);
        assert_true(strnlen(back.currency, sizeof back.currency) < sizeof back.currency);
    }
    assert_true(taken > 1000);
}

// ---- text --------------------------------------------------------------------------------------

static char *print(void (*write)(FILE *file, const struct fg_json *event), const struct fg_event *e)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    struct fg_json *json = fg_event_json(e);
    write(file, json);
    fg_json_destroy(json);
    fclose(file);
    return text;
}

static void test_empty_left_out(void **state)
{
    const struct fg_event e = {.number = 1, .kind = FG_EVENT_START, .t_ns = T_NS};
    (void)state;
    struct fg_json *json = fg_event_json(&e);
    char *text = fg_json_print(json, false);
    assert_string_equal(text,
                        "{\"number\":1,\"t\":\"2027-01-15T08:00:00.250Z\",\"event\":\"start\"}");
    free(text);
    fg_json_destroy(json);
    text = print(fg_event_csv, &e);
    assert_string_equal(text, "1,2027-01-15T08:00:00.250Z,start,,,,,,,,,,,,\n");
    free(text);
}

// A detail can't add a row, a column or a line to what people and programs read.
static void test_hostile_details(void **state)
{
    static const struct {
        const char *detail, *csv;
    } rows[] = {
        {"a,b", "\"a,b\""},
        {"say \"no\"", "\"say \"\"no\"\"\""},
        {"two\nlines", "\"two\nlines\""},
        {"\r\n", "\"\r\n\""},
        {"\033[2J", "\033[2J"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fg_event e = {.number = 1, .kind = FG_EVENT_DENY, .t_ns = T_NS};
        char wanted[128];
        snprintf(e.detail, sizeof e.detail, "%s", rows[i].detail);
        snprintf(wanted, sizeof wanted, "1,2027-01-15T08:00:00.250Z,deny,,,,,,%s,,,,,,\n",
                 rows[i].csv);
        char *text = print(fg_event_csv, &e);
        assert_string_equal(text, wanted);
        free(text);
        text = print(fg_event_line, &e);
        assert_ptr_equal(strpbrk(text, "\n\r\033"), text + strlen(text) - 1);
        free(text);
    }
}

static void test_seconds(void **state)
{
    struct fg_error err = {""};
    struct fg_event e = {.kind = FG_EVENT_PASSED, .t_ns = T_NS};
    uint64_t t_s = 0;
    (void)state;
    struct fg_json *json = fg_event_json(&e);
    assert_int_equal(fg_event_seconds(json, &t_s, &err), 0);
    assert_int_equal(t_s, T_NS / 1000000000u);
    fg_json_destroy(json);
    json = fg_json_object();
    assert_int_equal(fg_event_seconds(json, &t_s, &err), -EBADMSG);
    fg_json_add_string(json, "t", "2027-01-15 at eight, UTC: Z");
    assert_int_equal(fg_event_seconds(json, &t_s, &err), -EBADMSG);
    fg_json_destroy(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes),   cmocka_unit_test(test_golden_text),
        cmocka_unit_test(test_round),          cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_empty_left_out), cmocka_unit_test(test_hostile_details),
        cmocka_unit_test(test_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
