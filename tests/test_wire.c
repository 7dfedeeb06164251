// SPDX-License-Identifier: Apache-2.0
// Messages against their golden bytes, and every field made hostile. FG_UPDATE_GOLDEN=1 writes
// tests/golden/wire anew: only for a new wire version. FG_GOLDEN names another folder.
#include "common/wire.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADER 16
#define HEAD   (HEADER + 104)

static const enum fg_wire_type types[] = {
    FG_WIRE_PROBE, FG_WIRE_NOTICE, FG_WIRE_TOKEN_READ, FG_WIRE_BEAT,   FG_WIRE_LANE,  FG_WIRE_ALIVE,
    FG_WIRE_WAKE,  FG_WIRE_PASSED, FG_WIRE_TIMEOUT,    FG_WIRE_FORCED, FG_WIRE_BLANK,
};
static const char *const type_names[] = {"probe", "notice", "token",   "beat",   "lane", "alive",
                                         "wake",  "passed", "timeout", "forced", "blank"};
#define TYPES (sizeof types / sizeof types[0])

static void fill_probe(struct fg_wire_probe *probe)
{
    *probe = (struct fg_wire_probe){
        .model = 0x0123456789abcdefULL,
        .frame = 4711,
        .track = 12,
        .box = {100.5f, 200.25f, 64.0f, 72.0f},
        .width = 1280,
        .height = 720,
        .quality = {.unified = .75f,
                    .eye_distance = 41.5f,
                    .yaw = -7.0f,
                    .pitch = 3.0f,
                    .roll = .5f,
                    .sharpness = 120.0f,
                    .luminance = 131.0f,
                    .contrast = 45.0f,
                    .face_score = .98f,
                    .norm = 69.0f},
        .has_liveness = 1,
        .liveness = .625f,
        .faces = 2,
        .dimension = 4,
        .vector = {.5f, -.5f, .5f, -.5f},
    };
}

static struct fg_wire_message *make(enum fg_wire_type type)
{
    static struct fg_wire_message m;
    memset(&m, 0, sizeof m);
    m.head = (struct fg_wire_head){.type = type,
                                   .lane = "lane-1",
                                   .source = "north.door",
                                   .session = 0xfedcba9876543210ULL,
                                   .sequence = 77,
                                   .t_capture_ns = 1234567890123456789ULL,
                                   .t_publish_ns = 1234567890133456789ULL,
                                   .boot = 0x1122334455667788ULL};
    switch (type) {
    case FG_WIRE_PROBE:
        fill_probe(&m.probe);
        break;
    case FG_WIRE_NOTICE:
        m.notice = (struct fg_wire_notice){4712, 12, FG_REASON_TOO_DARK, {1, 2, 3, 4}};
        break;
    case FG_WIRE_TOKEN_READ:
        m.token = (struct fg_wire_token){.track = 3, .length = 5, .bytes = "HELLO"};
        break;
    case FG_WIRE_BEAT:
        m.beat = (struct fg_wire_beat){.state = 1,
                                       .engine = "xnnpack",
                                       .frames = 100,
                                       .displaced = 2,
                                       .broken = 3,
                                       .detections = 90,
                                       .probes = 40,
                                       .notices = 7,
                                       .bytes_raw = 138240000,
                                       .tracks = 2,
                                       .fps_milli = 29970,
                                       .rss_kib = 65536,
                                       .fourcc = 0x56595559,
                                       .width = 1280,
                                       .height = 720,
                                       .memory = FG_WIRE_MEMORY_DMABUF,
                                       .lost = 5,
                                       .recoveries = 1};
        break;
    case FG_WIRE_LANE:
        m.lane = (struct fg_wire_lane){1, 0, 1, 0x0102030405060708ULL, 908};
        break;
    case FG_WIRE_BLANK:
        m.blank.length = 20;
        break;
    default:
        m.gate = (struct fg_wire_gate){0x8877665544332211ULL, 909};
    }
    return &m;
}

static int encode(enum fg_wire_type type, uint8_t bytes[FG_WIRE_MAX])
{
    struct fg_error err = {""};
    int length = fg_wire_encode(make(type), bytes, &err);
    if (length < 0)
        fail_msg("%s", err.text);
    return length;
}

static int decode(const uint8_t *bytes, size_t length)
{
    static struct fg_wire_message m;
    struct fg_error err = {""};
    uint8_t *exact = malloc(length ? length : 1); // a sanitizer sees one byte too far
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    int r = fg_wire_decode(exact, length, &m, &err);
    free(exact);
    if (r < 0)
        assert_true(err.text[0]);
    return r;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void put_float(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    put_u32(at, bits);
}

static FILE *golden(const char *name, const char *mode)
{
    const char *folder = getenv("FG_GOLDEN");
    char path[512];
    snprintf(path, sizeof path, "%s/%s.bin", folder ? folder : "tests/golden/wire", name);
    FILE *file = fopen(path, mode);
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    return file;
}

static void test_golden(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX], want[FG_WIRE_MAX];
    for (size_t i = 0; i < TYPES; i++) {
        int length = encode(types[i], bytes);
        if (getenv("FG_UPDATE_GOLDEN")) {
            FILE *file = golden(type_names[i], "wb");
            assert_int_equal(fwrite(bytes, 1, (size_t)length, file), length);
            fclose(file);
        }
        FILE *file = golden(type_names[i], "rb");
        size_t there = fread(want, 1, sizeof want, file);
        fclose(file);
        assert_int_equal(there, length);
        assert_memory_equal(bytes, want, length);
        static struct fg_wire_message m;
        memset(&m, 0, sizeof m);
        assert_int_equal(fg_wire_decode(want, there, &m, NULL), 0);
        assert_memory_equal(&m, make(types[i]), sizeof m);
    }
}

static void test_extremes(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX];
    static struct fg_wire_message m, back;
    m = *make(FG_WIRE_PROBE);
    m.probe.dimension = FG_WIRE_DIMENSION;
    m.probe.has_liveness = 0;
    m.probe.liveness = NAN; // ignored without a detector
    for (int i = 0; i < FG_WIRE_DIMENSION; i++)
        m.probe.vector[i] = (i & 1) ? 1.0f / 32 : -1.0f / 32;
    memset(m.head.lane, 'x', FG_WIRE_NAME - 1);
    int length = fg_wire_encode(&m, bytes, NULL);
    assert_true(length > 4 * FG_WIRE_DIMENSION && length <= FG_WIRE_MAX);
    assert_int_equal(fg_wire_decode(bytes, (size_t)length, &back, NULL), 0);
    assert_memory_equal(back.probe.vector, m.probe.vector, sizeof m.probe.vector);
    assert_true(back.probe.liveness == 0.0f && back.probe.has_liveness == 0);
    assert_string_equal(back.head.lane, m.head.lane);

    m = *make(FG_WIRE_TOKEN_READ);
    m.token.length = FG_WIRE_TOKEN;
    length = fg_wire_encode(&m, bytes, NULL);
    assert_int_equal(fg_wire_decode(bytes, (size_t)length, &back, NULL), 0);
    m.token.length = FG_WIRE_TOKEN + 1;
    assert_int_equal(fg_wire_encode(&m, bytes, NULL), -EINVAL);
}

static void test_header(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX + 1];
    for (size_t i = 0; i < TYPES; i++) {
        int length = encode(types[i], bytes);
        for (int k = 0; k < 4; k++) {
            bytes[k] ^= 1;
            assert_int_equal(decode(bytes, (size_t)length), -EBADMSG);
            bytes[k] ^= 1;
        }
        bytes[4] = FG_WIRE_VERSION + 1;
        assert_int_equal(decode(bytes, (size_t)length), -EPROTONOSUPPORT);
        bytes[4] = FG_WIRE_VERSION;
        static const uint8_t unknown[] = {0, 6, 15, 17, 31, 37, 255};
        uint8_t type = bytes[6];
        for (size_t k = 0; k < sizeof unknown; k++) {
            bytes[6] = unknown[k];
            assert_int_equal(decode(bytes, (size_t)length), -ENOMSG);
        }
        bytes[6] = type;
        bytes[12] = 1; // reserved
        assert_int_equal(decode(bytes, (size_t)length), -EBADMSG);
        bytes[12] = 0;
        assert_int_equal(decode(bytes, (size_t)length), 0);
    }
}

// Every shorter length, with the length field agreeing or not, and trailing bytes.
static void test_lengths(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX + 8];
    for (size_t i = 0; i < TYPES; i++) {
        memset(bytes, 0, sizeof bytes);
        size_t length = (size_t)encode(types[i], bytes);
        for (size_t cut = 0; cut <= length + 8; cut++) {
            int want = cut == length ? 0 : -EBADMSG;
            put_u32(bytes + 8, (uint32_t)length);
            assert_int_equal(decode(bytes, cut), want);
            put_u32(bytes + 8, (uint32_t)cut);
            assert_int_equal(decode(bytes, cut), want);
        }
        for (uint32_t wrong = (uint32_t)length - 1; wrong <= length + 1; wrong += 2) {
            put_u32(bytes + 8, wrong);
            assert_int_equal(decode(bytes, length), -EBADMSG);
        }
        put_u32(bytes + 8, 0xffffffffu);
        assert_int_equal(decode(bytes, length), -EBADMSG);
    }
}

static void test_names(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX];
    size_t length = (size_t)encode(FG_WIRE_ALIVE, bytes);
    for (size_t at = HEADER; at <= HEADER + FG_WIRE_NAME; at += FG_WIRE_NAME) {
        uint8_t saved[FG_WIRE_NAME];
        memcpy(saved, bytes + at, sizeof saved);
        memset(bytes + at, 'a', FG_WIRE_NAME); // no NUL
        assert_int_equal(decode(bytes, length), -EBADMSG);
        memset(bytes + at, 0, FG_WIRE_NAME); // empty
        assert_int_equal(decode(bytes, length), -EBADMSG);
        memcpy(bytes + at, "a/b", 3);
        assert_int_equal(decode(bytes, length), -EBADMSG);
        memcpy(bytes + at, "a\0b", 3); // hidden bytes
        assert_int_equal(decode(bytes, length), -EBADMSG);
        memcpy(bytes + at, saved, sizeof saved);
    }
    assert_int_equal(decode(bytes, length), 0);

    length = (size_t)encode(FG_WIRE_BEAT, bytes);
    memset(bytes + HEAD + 4, 'a', FG_WIRE_NAME); // the engine
    assert_int_equal(decode(bytes, length), -EBADMSG);

    assert_true(fg_wire_name_ok("a") && fg_wire_name_ok("A.b_c-9"));
    assert_false(fg_wire_name_ok("") || fg_wire_name_ok("a b") || fg_wire_name_ok("\xc3\xa4") ||
                 fg_wire_name_ok("0123456789012345678901234567890123456789"));
}

static void refuse_float(uint8_t *bytes, size_t length, size_t at, float value)
{
    uint8_t saved[4];
    memcpy(saved, bytes + at, 4);
    put_float(bytes + at, value);
    assert_int_equal(decode(bytes, length), -EBADMSG);
    memcpy(bytes + at, saved, 4);
}

static void test_numbers(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX];
    size_t length = (size_t)encode(FG_WIRE_PROBE, bytes);
    const size_t box = HEAD + 28, quality = box + 16, has_liveness = quality + 40;
    const size_t vector = has_liveness + 16;
    for (size_t at = box; at < length; at += 4) {
        if (at == has_liveness || at == has_liveness + 8)
            continue; // integers
        refuse_float(bytes, length, at, NAN);
        refuse_float(bytes, length, at, INFINITY);
        refuse_float(bytes, length, at, -INFINITY);
    }
    refuse_float(bytes, length, quality, 1.01f); // unified
    refuse_float(bytes, length, quality, -.01f);
    refuse_float(bytes, length, has_liveness + 4, 1.5f);
    refuse_float(bytes, length, vector, .504f); // length 1.002
    refuse_float(bytes, length, vector, .496f); // length .998
    refuse_float(bytes, length, vector, 0.0f);
    put_u32(bytes + has_liveness, 2);
    assert_int_equal(decode(bytes, length), -EBADMSG);
    put_u32(bytes + has_liveness, 0); // and a liveness all the same
    assert_int_equal(decode(bytes, length), -EBADMSG);
    put_u32(bytes + has_liveness, 1);
    static const uint32_t dimensions[] = {0, 3, 5, 1024, 1025, 0x40000000u, 0xffffffffu};
    for (size_t i = 0; i < sizeof dimensions / sizeof dimensions[0]; i++) {
        put_u32(bytes + vector - 4, dimensions[i]);
        assert_int_equal(decode(bytes, length), -EBADMSG);
    }
    put_u32(bytes + vector - 4, 4);
    put_u32(bytes + HEAD + 16, 0); // track
    assert_int_equal(decode(bytes, length), -EBADMSG);
    put_u32(bytes + HEAD + 16, 1);
    assert_int_equal(decode(bytes, length), 0);
}

static void test_enumerations(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX];
    size_t length = (size_t)encode(FG_WIRE_NOTICE, bytes);
    refuse_float(bytes, length, HEAD + 16, NAN);
    put_u32(bytes + HEAD + 12, 10);
    assert_int_equal(decode(bytes, length), -EBADMSG);
    put_u32(bytes + HEAD + 12, 0xffffffffu);
    assert_int_equal(decode(bytes, length), -EBADMSG);
    length = (size_t)encode(FG_WIRE_BEAT, bytes);
    put_u32(bytes + HEAD, 5);
    assert_int_equal(decode(bytes, length), -EBADMSG);
    length = (size_t)encode(FG_WIRE_LANE, bytes);
    put_u32(bytes + HEAD, 2);
    assert_int_equal(decode(bytes, length), -EBADMSG);
    put_u32(bytes + HEAD, 1);
    for (int field = 4; field <= 12; field += 4) { // the last is reserved
        put_u32(bytes + HEAD + field, 2);
        assert_int_equal(decode(bytes, length), -EBADMSG);
        put_u32(bytes + HEAD + field, 0);
        assert_int_equal(decode(bytes, length), 0);
    }
    length = (size_t)encode(FG_WIRE_TOKEN_READ, bytes);
    static const uint32_t lengths[] = {0, 4, 6, 1025, 0xffffffffu};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        put_u32(bytes + HEAD + 4, lengths[i]);
        assert_int_equal(decode(bytes, length), -EBADMSG);
    }
}

static void test_blank(void **state)
{
    (void)state;
    static uint8_t bytes[FG_WIRE_MAX + 1];
    static struct fg_wire_message m;
    size_t length = (size_t)encode(FG_WIRE_BLANK, bytes);
    bytes[length - 1] = 1;
    assert_int_equal(decode(bytes, length), -EBADMSG);
    bytes[length - 1] = 0;
    static const uint32_t lengths[] = {0, 19, 21, FG_WIRE_BLANK_MAX, FG_WIRE_BLANK_MAX + 1, ~0u};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        put_u32(bytes + HEAD, lengths[i]);
        assert_int_equal(decode(bytes, length), -EBADMSG);
    }
    m = *make(FG_WIRE_BLANK);
    m.blank.length = FG_WIRE_BLANK_MAX;
    assert_int_equal(fg_wire_encode(&m, bytes, NULL), FG_WIRE_MAX);
    assert_int_equal(decode(bytes, FG_WIRE_MAX), 0);
    m.blank.length++;
    assert_int_equal(fg_wire_encode(&m, bytes, NULL), -EINVAL);
}

static void refuse_encode(const struct fg_wire_message *m)
{
    static uint8_t bytes[FG_WIRE_MAX];
    struct fg_error err = {""};
    assert_int_equal(fg_wire_encode(m, bytes, &err), -EINVAL);
    assert_true(err.text[0]);
}

static void test_encode_refuses(void **state)
{
    (void)state;
    struct fg_wire_message *m = make(FG_WIRE_PROBE);
    m->probe.vector[0] = NAN;
    refuse_encode(m);
    m = make(FG_WIRE_PROBE);
    m->probe.vector[0] = .6f;
    refuse_encode(m);
    m = make(FG_WIRE_PROBE);
    m->probe.dimension = FG_WIRE_DIMENSION + 1;
    refuse_encode(m);
    m = make(FG_WIRE_PROBE);
    m->probe.quality.yaw = INFINITY;
    refuse_encode(m);
    m = make(FG_WIRE_ALIVE);
    m->head.lane[0] = '\0';
    refuse_encode(m);
    m = make(FG_WIRE_ALIVE);
    memset(m->head.source, 'a', FG_WIRE_NAME);
    refuse_encode(m);
    m = make(FG_WIRE_NOTICE);
    m->notice.reason = (enum fg_reason)10;
    refuse_encode(m);
    m = make(FG_WIRE_ALIVE);
    m->head.type = (enum fg_wire_type)99;
    refuse_encode(m);
}

static void test_topic(void **state)
{
    (void)state;
    char topic[FG_WIRE_NAME];
    memset(topic, '?', sizeof topic);
    assert_int_equal(fg_wire_topic("1", topic), 2);
    assert_memory_equal(topic, "1\0?", 3);
    assert_string_equal(fg_reason_name(FG_REASON_TOO_SMALL), "too_small");
    assert_string_equal(fg_reason_name(FG_REASON_NO_FACE), "no_face");
    assert_string_equal(fg_reason_name((enum fg_reason)10), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_header),       cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_enumerations), cmocka_unit_test(test_encode_refuses),
        cmocka_unit_test(test_topic),        cmocka_unit_test(test_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
