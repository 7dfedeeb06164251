// SPDX-License-Identifier: Apache-2.0
// JSON: what is parsed and refused, reading with defaults, building and printing.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"

// From a buffer of exactly this size, so that a byte read too many is seen by the sanitizer.
static int parse(const char *text, size_t length, struct fg_json **ret, struct fg_error *err)
{
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    *err = (struct fg_error){""};
    int code = fg_json_parse(exact, length, ret, err);
    free(exact);
    return code;
}

static struct fg_json *accepted(const char *text)
{
    struct fg_json *json = NULL;
    struct fg_error err;
    if (parse(text, strlen(text), &json, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return json;
}

static void refused(const char *text, size_t length, const char *what)
{
    struct fg_json *json = (struct fg_json *)&json;
    const struct fg_json *before = json;
    struct fg_error err;
    assert_int_equal(parse(text, length, &json, &err), -EINVAL);
    assert_ptr_equal(json, before);
    if (!strstr(err.text, what))
        fail_msg("\"%s\" has not \"%s\"", err.text, what);
}

static void test_reading(void **state)
{
    (void)state;
    struct fg_json *json = accepted(" {\"s\":\"text\",\"n\":2.5,\"t\":true,\"f\":false,\"z\":null,"
                                    "\"a\":[1,\"two\",{\"x\":3}],\"o\":{\"k\":\"v\"}} \n");
    assert_true(fg_json_is_object(json));
    assert_int_equal(fg_json_count(json), 7);
    assert_string_equal(fg_json_get_string(json, "s", "no"), "text");
    assert_true(fg_json_get_number(json, "n", 0) == 2.5);
    assert_true(fg_json_get_bool(json, "t", false));
    assert_false(fg_json_get_bool(json, "f", true));
    const struct fg_json *a = fg_json_get(json, "a");
    assert_int_equal(fg_json_count(a), 3);
    assert_false(fg_json_is_object(a));
    assert_string_equal(fg_json_string(fg_json_at(a, 1)), "two");
    assert_null(fg_json_string(fg_json_at(a, 0)));
    assert_null(fg_json_at(a, 3));
    assert_ptr_equal(fg_json_next(fg_json_at(a, 0)), fg_json_at(a, 1));
    assert_null(fg_json_next(fg_json_at(a, 2)));
    assert_null(fg_json_next(NULL));
    assert_true(fg_json_get_number(fg_json_at(a, 2), "x", 0) == 3);
    assert_string_equal(fg_json_name(fg_json_at(json, 1)), "n");
    assert_null(fg_json_name(fg_json_at(a, 0)));
    assert_string_equal(fg_json_get_string(fg_json_get(json, "o"), "k", ""), "v");
    fg_json_destroy(json);
}

static void test_defaults(void **state)
{
    (void)state;
    struct fg_json *json = accepted("{\"s\":\"text\",\"n\":1,\"t\":true,\"huge\":1e999}");
    assert_string_equal(fg_json_get_string(json, "absent", "d"), "d");
    assert_null(fg_json_get_string(json, "absent", NULL));
    assert_string_equal(fg_json_get_string(json, "n", "d"), "d");
    assert_true(fg_json_get_number(json, "s", 7) == 7);
    assert_true(fg_json_get_number(json, "S", 7) == 7);
    assert_true(fg_json_get_number(json, "huge", 7) == 7);
    assert_true(fg_json_get_bool(json, "n", true));
    assert_false(fg_json_get_bool(json, "s", false));
    assert_null(fg_json_get(json, "absent"));
    assert_null(fg_json_get(NULL, "absent"));
    assert_int_equal(fg_json_count(fg_json_get(json, "s")), 0);
    assert_int_equal(fg_json_count(NULL), 0);
    assert_null(fg_json_string(NULL));
    assert_null(fg_json_name(NULL));
    assert_false(fg_json_is_object(NULL));
    fg_json_destroy(json);
    fg_json_destroy(NULL);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{", "{\"a\"}", "[1,]",     "{\"a\":1,}", "\"open", "tru",         "{'a':1}",  "nope", "",
        " ", "[1,2",    "{\"a\":}", "\"\\q\"",    "[",      "\"\\ud800\"", "{\"a\":1", "{a:1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(bad[i], strlen(bad[i]), "at byte");
    refused("{\"a\":1}x", 8, "after the JSON at byte 7");
    refused("{} {}", 5, "after the JSON at byte 3");
    refused("[1] 2", 5, "after the JSON at byte 4");
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    const char *text = "{\"s\":\"t\\u00e9\\\\\",\"n\":[-1.5e3,true,null,{\"k\":{}}]}";
    const size_t length = strlen(text);
    struct fg_json *json = NULL;
    struct fg_error err;
    for (size_t n = 0; n < length; n++)
        refused(text, n, "JSON");
    assert_int_equal(parse(text, length, &json, &err), 0);
    assert_string_equal(fg_json_get_string(json, "s", ""), "t\xc3\xa9\\");
    fg_json_destroy(json);
}

static void test_nul(void **state)
{
    (void)state;
    refused("{\"a\":1}\0", 8, "NUL");
    refused("{\"a\":\"x\0y\"}", 11, "NUL");
    refused("\0", 1, "NUL");
    const char *escaped = "{\"subject\":\"guest\\u0000\"}";
    refused(escaped, strlen(escaped), "NUL");
    const char *name = "{\"sub\\u0000ject\":1}";
    refused(name, strlen(name), "NUL");
    struct fg_json *json = accepted("{\"a\":\"back\\\\u0000slash\"}"); // a backslash, then u0000
    assert_string_equal(fg_json_get_string(json, "a", ""), "back\\u0000slash");
    fg_json_destroy(json);
}

static char *nested(int depth, const char *inner)
{
    char *text = malloc((size_t)depth * 2 + strlen(inner) + 1);
    assert_non_null(text);
    memset(text, '[', (size_t)depth);
    strcpy(text + depth, inner);
    memset(text + depth + strlen(inner), ']', (size_t)depth);
    text[(size_t)depth * 2 + strlen(inner)] = 0;
    return text;
}

static void test_depth(void **state)
{
    (void)state;
    char *text = nested(64, "\"[[[[[[\\\"[[[[\"");
    fg_json_destroy(accepted(text));
    free(text);
    text = nested(65, "1");
    refused(text, strlen(text), "nested over 64 deep");
    free(text);
    text = nested(400000, "1");
    refused(text, 400000, "nested over 64 deep");
    free(text);
}

static void test_size(void **state)
{
    (void)state;
    const size_t most = 1 << 20;
    char *text = malloc(most + 1);
    assert_non_null(text);
    memset(text, ' ', most + 1);
    memcpy(text, "{}", 2);
    struct fg_json *json = NULL;
    struct fg_error err;
    assert_int_equal(parse(text, most, &json, &err), 0);
    fg_json_destroy(json);
    refused(text, most + 1, "the limit is 1048576");
    free(text);
}

static void test_building(void **state)
{
    (void)state;
    struct fg_json *json = fg_json_object(), *list = fg_json_array();
    fg_json_add_string(json, "s", "a \"quote\"\n");
    fg_json_add_number(json, "n", 3);
    fg_json_add_number(json, "big", 999999999999999.0);
    fg_json_add_number(json, "half", .5);
    fg_json_add_bool(json, "t", true);
    fg_json_add_string(list, NULL, "one");
    fg_json_add_number(list, NULL, 2);
    fg_json_add_bool(list, NULL, false);
    fg_json_add(json, "list", list);
    fg_json_add(json, "empty", fg_json_object());
    char *line = fg_json_print(json, false), *indented = fg_json_print(json, true);
    assert_string_equal(line, "{\"s\":\"a \\\"quote\\\"\\n\",\"n\":3,\"big\":999999999999999,"
                              "\"half\":0.5,\"t\":true,\"list\":[\"one\",2,false],\"empty\":{}}");
    assert_null(strchr(line, '\n'));
    assert_non_null(strchr(indented, '\n'));
    struct fg_json *again = accepted(line);
    char *second = fg_json_print(again, false);
    assert_string_equal(line, second);
    free(second);
    fg_json_destroy(again);
    again = accepted(indented);
    second = fg_json_print(again, false);
    assert_string_equal(line, second);
    free(second);
    free(line);
    free(indented);
    fg_json_destroy(again);
    fg_json_destroy(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),  cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_nul),      cmocka_unit_test(test_depth),
        cmocka_unit_test(test_size),     cmocka_unit_test(test_building),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
