// SPDX-License-Identifier: Apache-2.0
// Base45: the RFC's examples, every short string of bytes and of characters, and hostile text.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base45.h"
#include "tests/dice.h"

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

static void test_examples(void **state)
{
    static const struct {
        const char *plain, *text;
    } cases[] = {
        // RFC 9285, sections 4.3 and 4.4
        {"AB", "BB8"},
        {"Hello!!", "%69 VD92EX0"},
        {"base-45", "UJCLQE7W581"},
        {"ietf!", "QED8WEX0"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        uint8_t bytes[64];
        size_t length = 99, plain = strlen(cases[i].plain);
        assert_int_equal(fg_base45_encode(cases[i].plain, plain, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(FG_BASE45_TEXT(plain), strlen(text) + 1);
        assert_int_equal(fg_base45_decode(text, strlen(text), bytes, sizeof bytes, &length), 0);
        assert_int_equal(length, plain);
        assert_memory_equal(bytes, cases[i].plain, plain);
    }
}

static void test_every_one_and_two_bytes(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < 256 + 65536; value++) {
        const bool two = value >= 256;
        const uint8_t bytes[2] = {(uint8_t)(two ? (value - 256) >> 8 : value),
                                  (uint8_t)(value - 256)};
        uint8_t again[2] = {0};
        char text[4];
        size_t length = 0, characters = fg_base45_encode(bytes, two ? 2 : 1, text);
        assert_int_equal(characters, two ? 3 : 2);
        assert_int_equal(fg_base45_decode(text, characters, again, 2, &length), 0);
        assert_int_equal(length, two ? 2 : 1);
        assert_memory_equal(again, bytes, length);
    }
}

// Of all texts of two and three characters exactly those are taken that encoding writes.
static void test_every_short_text(void **state)
{
    (void)state;
    for (unsigned characters = 2; characters <= 3; characters++) {
        uint32_t taken = 0, texts = characters == 2 ? 45 * 45 : 45 * 45 * 45;
        for (uint32_t i = 0; i < texts; i++) {
            const char text[3] = {alphabet[i % 45], alphabet[i / 45 % 45], alphabet[i / 2025]};
            uint8_t bytes[2];
            char again[4];
            size_t length = 0;
            int r = fg_base45_decode(text, characters, bytes, sizeof bytes, &length);
            if (r == 0) {
                assert_int_equal(fg_base45_encode(bytes, length, again), characters);
                assert_memory_equal(again, text, characters);
                taken++;
            } else {
                assert_int_equal(r, -EINVAL);
            }
        }
        assert_int_equal(taken, characters == 2 ? 256 : 65536);
    }
}

static int decode(const char *text, size_t length)
{
    uint8_t bytes[64];
    size_t count = 77;
    int r = fg_base45_decode(text, length, bytes, sizeof bytes, &count);
    assert_true(r == 0 || count == 77);
    return r;
}

static void test_hostile(void **state)
{
    (void)state;
    assert_int_equal(decode("FGW", 3), 0); // 65535, the most; RFC 9285, section 6
    assert_int_equal(decode("GGW", 3), -EINVAL);
    assert_int_equal(decode(":::", 3), -EINVAL);
    assert_int_equal(decode("U5", 2), 0); // 255
    assert_int_equal(decode("V5", 2), -EINVAL);
    assert_int_equal(decode("A", 1), -EINVAL);
    assert_int_equal(decode("BB8A", 4), -EINVAL);
    assert_int_equal(decode("bb8", 3), -EINVAL);
    assert_int_equal(decode("BB8\n", 4), -EINVAL);
    assert_int_equal(decode("BB8 \n", 5), -EINVAL);
    assert_int_equal(decode("B\0008", 3), -EINVAL);
    for (unsigned c = 0; c < 256; c++) {
        const char text[3] = {'0', (char)c, '0'};
        assert_int_equal(decode(text, 3), c && strchr(alphabet, (int)c) ? 0 : -EINVAL);
    }
}

static void test_room(void **state)
{
    (void)state;
    uint8_t bytes[4] = {1, 2, 3, 4};
    size_t length = 77;
    assert_int_equal(fg_base45_decode("BB8BB8", 6, bytes, 3, &length), -EMSGSIZE);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(fg_base45_decode("BB8::::", 7, bytes, 4, &length), -EINVAL);
    assert_int_equal(fg_base45_decode("BB8:::", 6, bytes, 4, &length), -EINVAL);
    assert_int_equal(bytes[0] | bytes[1], 0); // what was decoded before the fault is wiped
    assert_int_equal(length, 77);
    assert_int_equal(fg_base45_decode("BB8BB8", 6, bytes, 4, &length), 0);
    assert_int_equal(length, 4);
}

static void test_long(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        uint8_t bytes[300], again[300];
        char text[FG_BASE45_TEXT(300)];
        size_t count = random_below(sizeof bytes + 1), length = 0;
        for (size_t i = 0; i < count; i++)
            bytes[i] = (uint8_t)random_u32();
        size_t characters = fg_base45_encode(bytes, count, text);
        assert_int_equal(characters + 1, FG_BASE45_TEXT(count));
        assert_int_equal(strlen(text), characters);
        assert_int_equal(fg_base45_decode(text, characters, again, sizeof again, &length), 0);
        assert_int_equal(length, count);
        assert_memory_equal(again, bytes, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_every_one_and_two_bytes),
        cmocka_unit_test(test_every_short_text),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests_name("base45", tests, NULL, NULL);
}
