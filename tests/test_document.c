// SPDX-License-Identifier: Apache-2.0
// Documents: the picture is found where it is, and whatever lies is refused with a sentence.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pipeline/document.h"
#include "pipeline/image.h"
#include "pipeline/tlv.h"
#include "tests/canvas.h"
#include "tests/dg2_maker.h"
#include "tests/dice.h"
#include "tests/jp2_maker.h"

// Begin as pictures do and are none: the reader looks no further.
static const struct dg2_bytes jpeg = {(uint8_t[]){0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 4}, 8};
static const struct dg2_bytes j2k = {(uint8_t[]){0xff, 0x4f, 0xff, 0x51, 5, 6, 7}, 7};

static struct fg_document read_good(struct dg2_bytes file, enum fg_document_kind kind)
{
    struct fg_document document;
    struct fg_error err = {""};
    int code = fg_document_read(file.at, file.length, &document, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    assert_int_equal(document.kind, kind);
    assert_true(document.picture >= file.at);
    assert_true(document.picture + document.length <= file.at + file.length);
    return document;
}

static void refuse_bytes(const uint8_t *bytes, size_t length, int code, const char *part)
{
    struct fg_document document = {.pictures = 77};
    struct fg_error err = {""};
    uint8_t *own = malloc(length + !length); // so that a sanitizer sees a byte too many
    memcpy(own, bytes, length);
    int got = fg_document_read(own, length, &document, &err);
    if (got != code || !strstr(err.text, part))
        fail_msg("%d '%s' instead of %d '%s'", got, err.text, code, part);
    assert_int_equal(document.pictures, 77); // untouched
    free(own);
}

static void refuse(struct dg2_bytes file, int code, const char *part)
{
    refuse_bytes(file.at, file.length, code, part);
    free(file.at);
}

static struct dg2_bytes text(const char *bytes, size_t length)
{
    return dg2_copy(bytes, length);
}
#define TEXT(literal) text(literal, sizeof literal - 1)

static void assert_picture(struct dg2_bytes file, enum fg_document_kind kind,
                           struct dg2_bytes picture, uint32_t pictures)
{
    struct fg_document d = read_good(file, kind);
    assert_int_equal(d.length, picture.length);
    assert_memory_equal(d.picture, picture.at, picture.length);
    assert_int_equal(d.pictures, pictures);
    free(file.at);
}

static void test_plain(void **state)
{
    (void)state;
    assert_picture(dg2_copy(jpeg.at, jpeg.length), FG_DOCUMENT_PICTURE, jpeg, 1);
    assert_picture(dg2_copy(j2k.at, j2k.length), FG_DOCUMENT_PICTURE, j2k, 1);
    refuse(TEXT(""), -EBADMSG, "neither JPEG, PNG nor JPEG 2000");
    refuse(TEXT("GIF89a"), -EBADMSG, "neither JPEG, PNG nor JPEG 2000");
    refuse(TEXT("FAC\0"
                "010\0"),
           -EBADMSG, "neither JPEG, PNG nor JPEG 2000");
}

static void test_19794(void **state)
{
    (void)state;
    for (unsigned points = 0; points < 40; points += 13) {
        struct dg2_bytes record = dg2_record(jpeg, 0, points, 1);
        assert_picture(dg2_19794(record, 1), FG_DOCUMENT_ISO_19794, jpeg, 1);
        free(record.at);
    }
    struct dg2_bytes record = dg2_record(j2k, 1, 2, 1);
    assert_picture(dg2_19794(record, 1), FG_DOCUMENT_ISO_19794, j2k, 1);
    assert_picture(dg2_19794(record, 3), FG_DOCUMENT_ISO_19794, j2k, 3);
    free(record.at);
    record = dg2_record(jpeg, 0, 1, 4);
    assert_picture(dg2_19794(record, 1), FG_DOCUMENT_ISO_19794, jpeg, 4);
    assert_picture(dg2_19794(record, 2), FG_DOCUMENT_ISO_19794, jpeg, 5);
    free(record.at);
}

static void test_39794(void **state)
{
    (void)state;
    assert_picture(dg2_39794(jpeg), FG_DOCUMENT_ISO_39794, jpeg, 1);
    assert_picture(dg2_39794(j2k), FG_DOCUMENT_ISO_39794, j2k, 1);
}

// A whole file is read from a chip in blocks; what is behind its end are zeros, or nothing else.
static void test_padding(void **state)
{
    (void)state;
    static const char zeros[30], ones[2] = {-1, -1};
    assert_picture(dg2_join(dg2_39794(jpeg), dg2_copy(zeros, sizeof zeros)), FG_DOCUMENT_ISO_39794,
                   jpeg, 1);
    assert_picture(dg2_join(dg2_39794(jpeg), dg2_copy(ones, sizeof ones)), FG_DOCUMENT_ISO_39794,
                   jpeg, 1);
    refuse(dg2_join(dg2_39794(jpeg), TEXT("\0\x30")), -EBADMSG, "follow the end");
}

static struct dg2_bytes patched(struct dg2_bytes record, size_t at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        record.at[at + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    struct dg2_bytes file = dg2_19794(record, 1);
    free(record.at);
    return file;
}

static void test_lying_records(void **state)
{
    const size_t length = 14 + 20 + 16 + 12 + jpeg.length; // two feature points
    (void)state;
#define RECORD dg2_record(jpeg, 0, 2, 1)
    assert_picture(patched(RECORD, 8, (uint32_t)length, 4), FG_DOCUMENT_ISO_19794, jpeg, 1);
    refuse(patched(RECORD, 4, 0x30333000, 4), -ENOTSUP, "another version");
    refuse(patched(RECORD, 8, (uint32_t)length + 1, 4), -EBADMSG, "says it has");
    refuse(patched(RECORD, 8, (uint32_t)length - 1, 4), -EBADMSG, "first face says");
    refuse(patched(RECORD, 8, 0xffffffff, 4), -EBADMSG, "says it has 4294967295");
    refuse(patched(RECORD, 8, 13, 4), -EBADMSG, "says it has 13");
    refuse(patched(RECORD, 8, 14, 4), -EBADMSG, "cut off in its first face");
    refuse(patched(RECORD, 12, 0, 2), -EBADMSG, "no face image");
    refuse(patched(RECORD, 14, (uint32_t)length - 13, 4), -EBADMSG, "first face says");
    refuse(patched(RECORD, 14, 48, 4), -EBADMSG, "first face says it has 48 bytes");
    refuse(patched(RECORD, 14, 0, 4), -EBADMSG, "first face says");
    refuse(patched(RECORD, 18, 3, 2), -EBADMSG, "first face says"); // its picture is 8 bytes
    refuse(patched(RECORD, 18, 0xffff, 2), -EBADMSG, "524312 come before its picture");
    refuse(patched(RECORD, 14 + 20 + 16 + 1, 2, 1), -EBADMSG, "type 2");
    const struct dg2_bytes none = {(uint8_t[]){"no picture"}, 10};
    refuse(patched(dg2_record(none, 0, 0, 1), 12, 1, 2), -EBADMSG, "its picture is neither");
#undef RECORD
}

// Objects in an EF.DG2's templates.
static struct dg2_bytes group_of(struct dg2_bytes inside)
{
    return dg2_wrap(0x75, dg2_wrap(0x7f61, inside));
}

static void test_missing_parts(void **state)
{
    (void)state;
    refuse(TEXT("\x75\0"), -EBADMSG, "no biometric information group template (tag 7F61)");
    refuse(group_of(TEXT("")), -EBADMSG, "no number of templates");
    refuse(group_of(TEXT("\x02\1\0")), -EBADMSG, "0 biometric information templates");
    refuse(group_of(TEXT("\x02\1\1")), -EBADMSG, "0 biometric information templates");
    refuse(group_of(TEXT("\x02\1\2\x7f\x60\0")), -EBADMSG, "1 biometric information templates");
    refuse(group_of(TEXT("\x02\2\0\1\x7f\x60\0")), -EBADMSG, "says another number");
    refuse(group_of(TEXT("\x02\1\1\x7f\x60\0")), -EBADMSG, "no biometric data block");
    refuse(group_of(TEXT("\x02\1\1\x7f\x60\3\x5f\x2e\0")), -EBADMSG, "no biometric data of ISO");
    refuse(group_of(TEXT("\x02\1\1\x7f\x60\7\x5f\x2e\4"
                         "FAC\0")),
           -EBADMSG, "cut off in its header");
    // from the outside in, one step of the way to the picture less each time
    static const struct {
        uint32_t tags[9];
        const char *part;
    } ways[] = {
        {{0xa1}, "no FaceImageDataBlock (tag 65)"},
        {{0x65, 0xa1}, "no representationBlocks (tag A1)"},
        {{0xa1, 0x65, 0xa1}, "no RepresentationBlock (tag 30)"},
        {{0x30, 0xa1, 0x65, 0xa1}, "no imageRepresentation (tag A1)"},
        {{0xa1, 0x30, 0xa1, 0x65, 0xa1}, "no imageRepresentation.base (tag A0)"},
        {{0xa0, 0xa1, 0x30, 0xa1, 0x65, 0xa1}, "no imageRepresentation2DBlock (tag A0)"},
        {{0xa0, 0xa0, 0xa1, 0x30, 0xa1, 0x65, 0xa1}, "no representationData2D (tag 80)"},
        {{0x80, 0xa0, 0xa0, 0xa1, 0x30, 0xa1, 0x65, 0xa1}, "its picture is neither"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct dg2_bytes inside = TEXT("");
        for (unsigned k = 0; ways[i].tags[k]; k++)
            inside = dg2_wrap(ways[i].tags[k], inside);
        inside = dg2_wrap(0x7f60, dg2_wrap(0x7f2e, inside));
        refuse(group_of(dg2_join(TEXT("\x02\1\1"), inside)), -EBADMSG, ways[i].part);
    }
}

// ---- lengths -----------------------------------------------------------------------------------

static void next_is(const char *bytes, size_t length, bool der, int code, uint32_t tag, size_t size)
{
    struct fg_tlv_span span = {(const uint8_t *)bytes, length, der};
    struct fg_tlv object = {0};
    struct fg_error err = {""};
    int got = fg_tlv_next(&span, &object, &err);
    if (got != code || (code == 1 && (object.tag != tag || object.value.left != size)))
        fail_msg("%d, tag %X, %zu bytes: %s", got, object.tag, object.value.left, err.text);
    assert_int_equal(err.text[0] != 0, code < 0);
    if (code == 1)
        assert_int_equal(span.left + size + (size_t)(object.value.at - (const uint8_t *)bytes),
                         length);
}
#define NEXT(literal, ...) next_is(literal, sizeof literal - 1, __VA_ARGS__)

static void test_lengths(void **state)
{
    (void)state;
    NEXT("", true, 0, 0, 0);
    NEXT("\x30\0", true, 1, 0x30, 0);
    NEXT("\x30\2xyz", true, 1, 0x30, 2);
    NEXT("\x30\2x", true, -EBADMSG, 0, 0);
    NEXT("\x30", true, -EBADMSG, 0, 0);
    NEXT("\x30\x80\0\0", false, -EBADMSG, 0, 0); // indefinite
    NEXT("\x30\x81\1x", false, 1, 0x30, 1);
    NEXT("\x30\x81\1x", true, -EBADMSG, 0, 0);
    NEXT("\x30\x82\0\1x", false, 1, 0x30, 1);
    NEXT("\x30\x82\0\1x", true, -EBADMSG, 0, 0);
    NEXT("\x30\x84\0\0\0\1x", false, 1, 0x30, 1);
    NEXT("\x30\x84\xff\xff\xff\xff", false, -EBADMSG, 0, 0);
    NEXT("\x30\x85\0\0\0\0\1x", false, -EBADMSG, 0, 0);
    NEXT("\x30\xff", false, -EBADMSG, 0, 0);
    NEXT("\x7f\x61\1x", true, 1, 0x7f61, 1);
    NEXT("\x7f\x81\x02\1x", false, 1, 0x7f8102, 1);
    NEXT("\x7f\x81\x82\x03\1x", false, -EBADMSG, 0, 0); // tag of four bytes
    NEXT("\x7f\x1e\0", true, -EBADMSG, 0, 0);           // 30 fits one byte
    NEXT("\x7f\x1e\0", false, 1, 0x7f1e, 0);
    NEXT("\x7f\x80\1\0", true, -EBADMSG, 0, 0);
    NEXT("\x7f", false, -EBADMSG, 0, 0);
    char long_one[200] = "\x30\x81\xc0";
    next_is(long_one, 3 + 0xc0, true, 1, 0x30, 0xc0);
    next_is(long_one, 3 + 0xbf, true, -EBADMSG, 0, 0);
}

// DER inside of 7F2E only: chips write the lengths around it longer than needed.
static void test_long_lengths_outside(void **state)
{
    (void)state;
    struct dg2_bytes record = dg2_record(jpeg, 0, 0, 1), file = dg2_19794(record, 1);
    assert_int_equal(file.at[1] & 0x80, 0);
    const uint8_t head[] = {0x75, 0x83, 0, 0, file.at[1]};
    struct dg2_bytes longer =
        dg2_join(dg2_copy(head, sizeof head), dg2_copy(file.at + 2, file.length - 2));
    assert_picture(longer, FG_DOCUMENT_ISO_19794, jpeg, 1);
    free(file.at);
    free(record.at);
}

static void test_nesting(void **state)
{
    (void)state;
    // a megabyte of objects in objects, and half a million side by side, at each place
    struct dg2_bytes bomb = TEXT("");
    for (int i = 0; i < 4000; i++)
        bomb = dg2_wrap(i % 2 ? 0xa1 : 0x30, bomb);
    struct dg2_bytes flat = {malloc(1000000), 1000000};
    for (size_t i = 0; i < flat.length; i += 2)
        memcpy(flat.at + i, "\xa2\0", 2);
    const struct dg2_bytes both[] = {bomb, flat};
    for (int i = 0; i < 2; i++) {
        struct dg2_bytes inside = dg2_wrap(0x7f60, dg2_wrap(0x7f2e, dg2_object(0xa1, both[i])));
        refuse(group_of(dg2_join(TEXT("\x02\1\1"), inside)), -EBADMSG, "no FaceImageDataBlock");
        refuse(dg2_object(0x75, both[i]), -EBADMSG, "no biometric information group");
    }
    free(bomb.at);
    free(flat.at);
}

// ---- real pictures -----------------------------------------------------------------------------

static void test_cut_off_everywhere(void **state)
{
    (void)state;
    struct dg2_bytes record = dg2_record(jpeg, 0, 3, 2);
    struct dg2_bytes files[] = {dg2_19794(record, 2), dg2_39794(j2k)};
    for (size_t i = 0; i < 2; i++) {
        for (size_t length = 0; length < files[i].length; length++)
            refuse_bytes(files[i].at, length, -EBADMSG, length ? "data group 2" : "neither");
        free(files[i].at);
    }
    free(record.at);
}

static void test_changed_everywhere(void **state)
{
    (void)state;
    struct dg2_bytes record = dg2_record(jpeg, 0, 1, 1);
    struct dg2_bytes files[] = {dg2_19794(record, 1), dg2_39794(j2k)};
    unsigned refused = 0;
    for (size_t i = 0; i < 2; i++) {
        for (size_t at = 0; at < 256 * files[i].length; at++) {
            struct fg_document document;
            struct fg_error err;
            uint8_t *byte = &files[i].at[at / 256], was = *byte;
            *byte = (uint8_t)at;
            if (fg_document_read(files[i].at, files[i].length, &document, &err) < 0) {
                refused++;
            } else {
                assert_true(document.picture >= files[i].at);
                assert_true(document.length <= files[i].length);
                assert_true(document.picture + document.length <= files[i].at + files[i].length);
            }
            *byte = was;
        }
        free(files[i].at);
    }
    free(record.at);
    assert_true(refused > 5000);
}

// What the fuzz target starts from is what the makers here make: FG_UPDATE_GOLDEN=1 writes it.
static void assert_golden(const char *name, struct dg2_bytes file)
{
    char path[100];
    struct dg2_bytes golden = {malloc(4096), 0};
    snprintf(path, sizeof path, "tests/golden/document/%s", name);
    FILE *f = fopen(path, getenv("FG_UPDATE_GOLDEN") ? "w+be" : "rbe");
    if (!f)
        fail_msg("%s is not there", path);
    if (getenv("FG_UPDATE_GOLDEN")) {
        assert_int_equal(fwrite(file.at, 1, file.length, f), file.length);
        rewind(f);
    }
    golden.length = fread(golden.at, 1, 4096, f);
    fclose(f);
    assert_int_equal(golden.length, file.length);
    assert_memory_equal(golden.at, file.at, file.length);
    free(golden.at);
    free(file.at);
}

static void test_golden(void **state)
{
    (void)state;
    struct dg2_bytes record = dg2_record(jpeg, 0, 2, 2);
    assert_golden("iso_19794", dg2_19794(record, 2));
    assert_golden("iso_39794", dg2_39794(j2k));
    assert_golden("picture", dg2_copy(jpeg.at, jpeg.length));
    free(record.at);
}

static struct dg2_bytes sample_file(void)
{
    struct dg2_bytes file = {malloc(4u << 20), 0};
    char path[400];
    snprintf(path, sizeof path, "%s/sample1.jpg", models_folder());
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    file.length = fread(file.at, 1, 4u << 20, f);
    fclose(f);
    return file;
}

static void assert_decodes(struct dg2_bytes file, enum fg_document_kind kind, uint32_t width,
                           uint32_t height)
{
    struct fg_document d = read_good(file, kind);
    struct fg_image image = {0};
    struct fg_error err = {""};
    int code = fg_image_decode(&image, d.picture, d.length, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    assert_int_equal(image.frame.width, width);
    assert_int_equal(image.frame.height, height);
    fg_image_finish(&image);
    free(file.at);
}

static void test_a_photograph(void **state)
{
    (void)state;
    if (models_absent())
        skip();
    struct dg2_bytes file = sample_file(), record = dg2_record(file, 0, 4, 1);
    struct fg_image photo = sample_load(1);
    const uint32_t width = photo.frame.width, height = photo.frame.height;
    assert_decodes(dg2_19794(record, 1), FG_DOCUMENT_ISO_19794, width, height);
    assert_decodes(dg2_39794(file), FG_DOCUMENT_ISO_39794, width, height);
    free(record.at);
    free(file.at);
    // its first face as a chip has it: 413 x 531 pixels in 20 KB of JPEG 2000
    struct canvas c = canvas_create(413, 531, 200);
    canvas_face(&c, &photo.frame, &known_faces[0], 206, 265, 220);
    const struct jp2_form form = {.ratio = 33};
    jp2_make(c.rgb, 413, 531, &form, &file.at, &file.length);
    assert_in_range(file.length, 15000, 25000);
    record = dg2_record(file, 1, 0, 1);
    assert_decodes(dg2_19794(record, 1), FG_DOCUMENT_ISO_19794, 413, 531);
    assert_decodes(dg2_39794(file), FG_DOCUMENT_ISO_39794, 413, 531);
    free(record.at);
    free(file.at);
    canvas_destroy(&c);
    fg_image_finish(&photo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_19794),
        cmocka_unit_test(test_39794),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_lying_records),
        cmocka_unit_test(test_missing_parts),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_long_lengths_outside),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_cut_off_everywhere),
        cmocka_unit_test(test_changed_everywhere),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_a_photograph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
