// SPDX-License-Identifier: Apache-2.0
// What people are told: every reason in every language, and what spoils a catalogue. The catalogues
// are those of the build ($FACEGATE_BUILD/locale, or build/locale); the broken ones are made here.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json.h"
#include "matcher/catalogue.h"
#include "matcher/decision.h"
#include "matcher/words.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOON         UINT64_C(1935835200) // 2031-05-06 12:00 UTC
#define HOUR_S       UINT64_C(3600)

static const char *const all[] = {"en", "ko", "ja", "ru"};
static char locale[512];

// ---- the shipped catalogues --------------------------------------------------------------------

static struct fg_words *load_all(void)
{
    struct fg_words *words = NULL;
    struct fg_error err = {""};
    if (fg_words_load(locale, all, COUNT(all), false, &words, &err) != 0)
        fail_msg("%s", err.text);
    return words;
}

static bool has_between(const char *text, uint32_t low, uint32_t high)
{
    const unsigned char *t = (const unsigned char *)text;
    for (; *t; t++) {
        uint32_t point = (*t & 0xf0) == 0xe0
                             ? (*t & 0xfu) << 12 | (t[1] & 0x3fu) << 6 | (t[2] & 0x3fu)
                         : (*t & 0xe0) == 0xc0 ? (*t & 0x1fu) << 6 | (t[1] & 0x3fu)
                                               : *t;
        if (point >= low && point <= high)
            return true;
    }
    return false;
}

static bool of_script(const char *language, const char *text)
{
    const bool hangul = has_between(text, 0xac00, 0xd7a3), kana = has_between(text, 0x3041, 0x30fe),
               cyrillic = has_between(text, 0x410, 0x451);
    return hangul == (strcmp(language, "ko") == 0) && kana == (strcmp(language, "ja") == 0) &&
           cyrillic == (strcmp(language, "ru") == 0);
}

static const char *said(const struct fg_words *words, unsigned index, struct fg_saying saying)
{
    static char text[FG_WORDS_TEXT];
    saying.now_s = NOON;
    assert_true(fg_words_say(words, index, &saying, text));
    return text;
}

static void test_every_reason_in_every_language(void **state)
{
    (void)state;
    struct fg_words *words = load_all();
    for (unsigned i = 0; i < FG_WHYS; i++)
        for (unsigned k = 0; k < COUNT(all); k++) {
            const char *text = fg_words(words, all[k], fg_whys[i].code);
            assert_non_null(text);
            assert_string_not_equal(text, fg_whys[i].code);
            assert_true(strlen(text) > 5);
            assert_true(of_script(all[k], text));
            assert_null(strchr(text, '%'));
            const struct fg_saying saying = {
                .reason = fg_whys[i].code, .when_s = NOON, .detail = "B12", .to_staff = true};
            assert_true(of_script(all[k], said(words, k, saying)));
            assert_null(strchr(said(words, k, saying), '%'));
        }
    assert_null(fg_words(words, "de", FG_WHY_MATCHED));
    assert_null(fg_words(words, "en", "no_such_reason"));
    fg_words_destroy(words);
}

static void test_codes_are_apart(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FG_WHYS; i++) {
        assert_int_equal(strspn(fg_whys[i].code, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(fg_whys[i].code));
        assert_true(strlen(fg_whys[i].code) < FG_WIRE_NAME);
        assert_ptr_equal(fg_why_find(fg_whys[i].code), &fg_whys[i]);
        assert_true((fg_whys[i].parameter == FG_PARAMETER_NONE) == (fg_whys[i].naming == NULL));
    }
    for (int reason = FG_REASON_TOO_SMALL; reason <= FG_REASON_NO_FACE; reason++)
        assert_non_null(fg_why_find(fg_reason_name((enum fg_reason)reason)));
    assert_null(fg_why_find("unknown"));
}

// The codes of the section REASONS, in the manual's order.
static unsigned read_manual(char codes[][FG_WIRE_NAME], unsigned most)
{
    char line[512];
    unsigned count = 0;
    bool inside = false;
    FILE *file = fopen("man/facegate-wire.7", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, ".Sh ", 4) == 0)
            inside = strcmp(line, ".Sh REASONS\n") == 0;
        if (!inside || strncmp(line, ".It Cm ", 7) != 0)
            continue;
        for (char *word = strtok(line + 7, " ,\n"); word; word = strtok(NULL, " ,\n")) {
            assert_true(count < most);
            snprintf(codes[count++], FG_WIRE_NAME, "%s", word);
        }
    }
    fclose(file);
    return count;
}

static void test_manual_has_every_code(void **state)
{
    (void)state;
    char codes[FG_WHYS + 1][FG_WIRE_NAME];
    assert_int_equal(read_manual(codes, FG_WHYS + 1), FG_WHYS);
    for (unsigned i = 0; i < FG_WHYS; i++)
        assert_string_equal(codes[i], fg_whys[i].code);
}

// ---- what sentences name -----------------------------------------------------------------------

static void test_last_day(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "Your registration expired on 3 May 2031.",
        "등록 기간이 2031년 5월 3일에 만료되었습니다.",
        "ご登録の有効期限は2031年5月3日でした。",
        "Срок вашей регистрации истёк 3 мая 2031 г.",
    };
    struct fg_words *words = load_all();
    const uint64_t midnight = NOON - 60 * HOUR_S; // the 4th begins: the 3rd was the last day
    for (unsigned k = 0; k < COUNT(all); k++) {
        struct fg_saying saying = {.reason = FG_WHY_REGISTRATION_EXPIRED, .when_s = midnight};
        assert_string_equal(said(words, k, saying), wanted[k]);
        saying.when_s = midnight - 1;
        assert_string_equal(said(words, k, saying), wanted[k]);
        saying.when_s = midnight + 1;
        assert_string_not_equal(said(words, k, saying), wanted[k]);
        saying.when_s = 0; // not known
        assert_string_equal(said(words, k, saying),
                            fg_words(words, all[k], FG_WHY_REGISTRATION_EXPIRED));
    }
    fg_words_destroy(words);
}

static void test_day(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "Your registration is valid from 29 February 2032.",
        "등록은 2032년 2월 29일부터 유효합니다.",
        "ご登録は2032年2月29日から有効です。",
        "Ваша регистрация действует с 29 февраля 2032 г.",
    };
    struct fg_words *words = load_all();
    const struct fg_saying saying = {.reason = FG_WHY_NOT_YET_VALID, .when_s = 1961625600};
    for (unsigned k = 0; k < COUNT(all); k++)
        assert_string_equal(said(words, k, saying), wanted[k]);
    fg_words_destroy(words);
}

static void test_time_of_today_and_of_another_day(void **state)
{
    (void)state;
    static const char *const wanted[][2] = {
        {"You are too early. Please come back after 14:00.",
         "You are too early. Please come back after 7 May 2031, 12:00."},
        {"아직 이른 시간입니다. 14:00 이후에 다시 와 주세요.",
         "아직 이른 시간입니다. 2031년 5월 7일 12:00 이후에 다시 와 주세요."},
        {"まだお時間ではありません。14:00以降にもう一度お越しください。",
         "まだお時間ではありません。2031年5月7日 12:00以降にもう一度お越しください。"},
        {"Вы пришли слишком рано. Приходите, пожалуйста, после 14:00.",
         "Вы пришли слишком рано. Приходите, пожалуйста, после 7 мая 2031 г., 12:00."},
    };
    struct fg_words *words = load_all();
    for (unsigned k = 0; k < COUNT(all); k++) {
        struct fg_saying saying = {.reason = FG_WHY_TOO_EARLY, .when_s = NOON + 2 * HOUR_S};
        assert_string_equal(said(words, k, saying), wanted[k][0]);
        saying.when_s = NOON + 24 * HOUR_S;
        assert_string_equal(said(words, k, saying), wanted[k][1]);
    }
    fg_words_destroy(words);
}

static void test_local_time(void **state)
{
    (void)state;
    static const char *const korean[] = {"ko"};
    struct fg_words *words = NULL;
    const struct fg_saying saying = {.reason = FG_WHY_TOO_EARLY, .when_s = NOON + HOUR_S};
    setenv("TZ", "KST-9", 1);
    tzset();
    assert_int_equal(fg_words_load(locale, korean, 1, true, &words, NULL), 0);
    assert_non_null(strstr(said(words, 0, saying), "22:00"));
    fg_words_destroy(words);
    unsetenv("TZ");
    tzset();
}

static void test_word(void **state)
{
    (void)state;
    struct fg_words *words = load_all();
    struct fg_saying saying = {.reason = FG_WHY_WRONG_GATE, .detail = "B12"};
    assert_string_equal(said(words, 0, saying), "This is not your gate. Please go to gate B12.");
    assert_string_equal(said(words, 1, saying),
                        "이 탑승구가 아닙니다. 탑승구 B12 쪽으로 가 주세요.");
    saying.detail = "";
    assert_string_equal(said(words, 0, saying), "This is not your gate.");
    saying.detail = NULL;
    assert_string_equal(said(words, 0, saying), "This is not your gate.");
    saying.detail = "%1$s%n";
    assert_string_equal(said(words, 0, saying), "This is not your gate. Please go to gate %1$s%n.");
    saying.detail = "a\nb\x1b[2J\xc3\x28";
    assert_string_equal(said(words, 0, saying),
                        "This is not your gate. Please go to gate a?b?[2J?(.");
    saying = (struct fg_saying){.reason = FG_WHY_MATCHED, .detail = "B12", .when_s = NOON};
    assert_string_equal(said(words, 0, saying), "Please go through.");
    fg_words_destroy(words);
}

static void test_sent_to_the_staff(void **state)
{
    (void)state;
    struct fg_words *words = load_all();
    const struct fg_saying saying = {.reason = FG_WHY_NO_MATCH, .to_staff = true};
    assert_string_equal(said(words, 0, saying),
                        "You were not recognised. Please ask the staff for help.");
    assert_string_equal(said(words, 2, saying),
                        "お顔を認証できませんでした。係員にお声がけください。");
    fg_words_destroy(words);
}

static void test_times_beyond_the_calendar(void **state)
{
    (void)state;
    struct fg_words *words = load_all();
    const uint64_t times[] = {1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63,
                              (UINT64_C(1) << 40) - 1};
    for (unsigned k = 0; k < COUNT(all); k++)
        for (unsigned i = 0; i < COUNT(times); i++) {
            struct fg_saying saying = {.reason = FG_WHY_TOKEN_EXPIRED, .when_s = times[i]};
            assert_true(of_script(all[k], said(words, k, saying)));
            saying.reason = FG_WHY_TOO_EARLY;
            assert_true(of_script(all[k], said(words, k, saying)));
        }
    fg_words_destroy(words);
}

// ---- catalogues that are not as they should be -------------------------------------------------

static char folder[64], file[128];

static void put_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

// A catalogue of `count` pairs, as msgfmt writes it but for the order. Returns its length.
static size_t build(uint8_t *bytes, const char *const (*pairs)[2], uint32_t count)
{
    size_t at = 28 + 16 * (size_t)count;
    put_u32(bytes, 0x950412de);
    put_u32(bytes + 4, 0);
    put_u32(bytes + 8, count);
    put_u32(bytes + 12, 28);
    put_u32(bytes + 16, 28 + 8 * count);
    memset(bytes + 20, 0, 8);
    for (uint32_t side = 0; side < 2; side++)
        for (uint32_t i = 0; i < count; i++) {
            uint8_t *row = bytes + 28 + 8 * (side * count + i);
            size_t length = strlen(pairs[i][side]);
            put_u32(row, (uint32_t)length);
            put_u32(row + 4, (uint32_t)at);
            memcpy(bytes + at, pairs[i][side], length + 1);
            at += length + 1;
        }
    return at;
}

static void write_catalogue(const uint8_t *bytes, size_t length)
{
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, length, out), length);
    fclose(out);
}

// Loads en and ko from the folder of broken catalogues: how many are not complete, and why.
static int load_broken(struct fg_words **ret, struct fg_error *err)
{
    static const char *const both[] = {"en", "ko"};
    *err = (struct fg_error){""};
    return fg_words_load(folder, both, 2, false, ret, err);
}

static void test_missing_catalogue_is_english(void **state)
{
    (void)state;
    struct fg_words *words = NULL;
    struct fg_error err;
    assert_int_equal(load_broken(&words, &err), 1);
    assert_non_null(strstr(err.text, "ko/LC_MESSAGES/facegate.mo: No such file"));
    assert_non_null(strstr(err.text, "English"));
    for (unsigned i = 0; i < FG_WHYS; i++)
        assert_string_equal(fg_words(words, "ko", fg_whys[i].code),
                            fg_words(words, "en", fg_whys[i].code));
    assert_string_equal(fg_words_language(words, 1), "ko");
    fg_words_destroy(words);
}

static void test_other_placeholders_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"%s", "%1$d", "%2$s", "%1$s %2$s",
                                        "%n", "100%", "",     "%1$s%"};
    for (unsigned i = 0; i < COUNT(wrong); i++) {
        const char *const pairs[][2] = {
            {"This is not your gate. Please go to gate %1$s.", wrong[i]},
            {"Please go through.", "통과해 주세요."},
            {"You were not recognised.", "%1$s"},
        };
        uint8_t bytes[1024] = {0};
        struct fg_words *words = NULL;
        struct fg_error err;
        write_catalogue(bytes, build(bytes, pairs, 3));
        assert_int_equal(load_broken(&words, &err), 1);
        assert_true(strlen(err.text) > 0);
        assert_string_equal(
            said(words, 1, (struct fg_saying){.reason = FG_WHY_WRONG_GATE, .detail = "7"}),
            "This is not your gate. Please go to gate 7.");
        assert_string_equal(fg_words(words, "ko", FG_WHY_NO_MATCH), "You were not recognised.");
        assert_string_equal(fg_words(words, "ko", FG_WHY_MATCHED), "통과해 주세요.");
        fg_words_destroy(words);
    }
    unlink(file);
}

static void test_long_sentence_is_refused(void **state)
{
    (void)state;
    char sentence[400];
    memset(sentence, 'x', sizeof sentence);
    sentence[sizeof sentence - 1] = '\0';
    const char *const pairs[][2] = {{"Please go through.", sentence}};
    uint8_t bytes[1024] = {0};
    struct fg_words *words = NULL;
    struct fg_error err;
    write_catalogue(bytes, build(bytes, pairs, 1));
    assert_int_equal(load_broken(&words, &err), 1);
    assert_string_equal(fg_words(words, "ko", FG_WHY_MATCHED), "Please go through.");
    fg_words_destroy(words);
    unlink(file);
}

// A catalogue may name its parameter often: what does not fit is left out, never half a letter.
static void test_long_text_is_cut_between_letters(void **state)
{
    (void)state;
    char sentence[241] = "", text[FG_WORDS_TEXT];
    while (strlen(sentence) + 7 < sizeof sentence)
        strcat(sentence, "%1$s한");
    const char *const pairs[][2] = {{"Flight %1$s has departed.", sentence}};
    uint8_t bytes[1024] = {0};
    struct fg_words *words = NULL;
    struct fg_error err;
    write_catalogue(bytes, build(bytes, pairs, 1));
    assert_int_equal(load_broken(&words, &err), 1);
    for (unsigned length = 20; length < 31; length++) {
        char detail[FG_WIRE_NAME] = "";
        memset(detail, 'w', length);
        const struct fg_saying saying = {.reason = FG_WHY_DEPARTED, .detail = detail};
        assert_true(fg_words_say(words, 1, &saying, text));
        const size_t end = strlen(text);
        assert_true(end < FG_WORDS_TEXT && end > FG_WORDS_TEXT - 40);
        const char *last = text + end;
        while (last > text && ((unsigned char)last[-1] & 0xc0) == 0x80)
            last--;
        assert_true(last == text + end ||
                    (text + end - last == 2 && (unsigned char)last[-1] == 0xed));
    }
    fg_words_destroy(words);
    unlink(file);
}

static void refused(const uint8_t *bytes, size_t length, int code)
{
    struct fg_catalogue *catalogue = NULL;
    struct fg_error err = {""};
    write_catalogue(bytes, length);
    assert_int_equal(fg_catalogue_read(file, &catalogue, &err), code);
    assert_null(catalogue);
    assert_non_null(strstr(err.text, "facegate.mo"));
}

static void test_damaged_catalogues_are_refused(void **state)
{
    (void)state;
    const char *const pairs[][2] = {{"a", "b"}, {"Please go through.", "통과"}};
    uint8_t bytes[512] = {0}, good[512];
    struct fg_catalogue *catalogue = NULL;
    const size_t length = build(good, pairs, 2);
    for (size_t cut = 0; cut < length; cut++)
        refused(good, cut, -EBADMSG);
    write_catalogue(good, length);
    assert_int_equal(fg_catalogue_read(file, &catalogue, NULL), 0);
    assert_string_equal(fg_catalogue_find(catalogue, "Please go through."), "통과");
    assert_null(fg_catalogue_find(catalogue, "b"));
    fg_catalogue_destroy(catalogue);

    static const size_t fields[] = {0, 8, 12, 16, 28, 32, 44, 48, 52, 56};
    for (unsigned i = 0; i < COUNT(fields); i++) {
        memcpy(bytes, good, length);
        put_u32(bytes + fields[i], 0xfffffff0u);
        refused(bytes, length, -EBADMSG);
    }
    static const char *const not_utf8[] = {
        "\xff",         "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
        "\xe0\x80\x80", "\x80", "\xed\x86"};
    for (unsigned i = 0; i < COUNT(not_utf8); i++) {
        const char *const odd[][2] = {{"a", not_utf8[i]}};
        refused(bytes, build(bytes, odd, 1), -EBADMSG);
    }
    unlink(file);
}

static void test_huge_and_unreadable_catalogues_are_refused(void **state)
{
    (void)state;
    struct fg_catalogue *catalogue = NULL;
    struct fg_error err = {""};
    uint8_t *bytes = calloc(1, FG_CATALOGUE_BYTES + 1);
    refused(bytes, FG_CATALOGUE_BYTES + 1, -EFBIG);
    free(bytes);
    unlink(file);
    assert_int_equal(fg_catalogue_read(file, &catalogue, &err), -ENOENT);
    assert_int_equal(fg_catalogue_read(folder, &catalogue, &err), -EISDIR);
}

static void test_names_of_languages(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "e",      "../x", "EN",     "english",
                                      "pt_br", "pt_BRA", "e/n",  "C.UTF-8"};
    static const char *const twice[] = {"en", "ko", "en"};
    static const char *const country[] = {"pt_BR"};
    struct fg_words *words = NULL;
    struct fg_error err = {""};
    for (unsigned i = 0; i < COUNT(bad); i++)
        assert_int_equal(fg_words_load(locale, &bad[i], 1, false, &words, &err), -EINVAL);
    assert_int_equal(fg_words_load(locale, twice, 3, false, &words, &err), -EINVAL);
    assert_non_null(strstr(err.text, "twice"));
    assert_int_equal(fg_words_load(locale, twice, 0, false, &words, &err), -EINVAL);
    assert_int_equal(fg_words_load(locale, twice, FG_WORDS_LANGUAGES + 1, false, &words, &err),
                     -EINVAL);
    assert_null(words);
    assert_int_equal(fg_words_load(locale, country, 1, false, &words, &err), 1);
    fg_words_destroy(words);
}

// ---- in a decision -----------------------------------------------------------------------------

static struct fg_json *decided(const struct fg_words *words, const struct fg_decision *decision)
{
    const struct fg_decision_context context = {
        .profile = "test", .realtime_ns = NOON * UINT64_C(1000000000), .words = words};
    struct fg_json *json = fg_decision_json(decision, &context), *read = NULL;
    char *text = fg_json_print(json, false);
    assert_int_equal(fg_json_parse(text, strlen(text), &read, NULL), 0);
    for (const char *c = text; *c; c++)
        assert_true((unsigned char)*c >= ' ');
    free(text);
    fg_json_destroy(json);
    return read;
}

static void test_decision_says(void **state)
{
    (void)state;
    struct fg_words *words = load_all();
    struct fg_decision decision = {.outcome = FG_DENY, .reason = FG_WHY_WRONG_GATE};
    struct fg_json *json;
    memcpy(decision.detail, "\"}\x01\n\\B12\xff", 10);
    json = decided(words, &decision);
    const struct fg_json *say = fg_json_get(json, "say");
    assert_int_equal(fg_json_count(say), COUNT(all));
    assert_string_equal(fg_json_get_string(say, "en", ""),
                        "This is not your gate. Please go to gate \"}??\\B12?.");
    assert_true(of_script("ru", fg_json_get_string(say, "ru", "")));
    fg_json_destroy(json);

    decision = (struct fg_decision){.outcome = FG_FALLBACK, .reason = FG_WHY_NO_MATCH};
    json = decided(words, &decision);
    assert_string_equal(fg_json_get_string(fg_json_get(json, "say"), "en", ""),
                        "You were not recognised. Please ask the staff for help.");
    fg_json_destroy(json);

    decision.reason = "a_reason_of_tomorrow";
    json = decided(words, &decision);
    assert_null(fg_json_get(json, "say"));
    fg_json_destroy(json);

    json = decided(NULL, &decision);
    assert_null(fg_json_get(json, "say"));
    fg_json_destroy(json);
    fg_words_destroy(words);
}

// ---- set-up ------------------------------------------------------------------------------------

static int set_up(void **state)
{
    (void)state;
    char part[96];
    const char *build_folder = getenv("FACEGATE_BUILD");
    snprintf(locale, sizeof locale, "%s/locale", build_folder ? build_folder : "build");
    snprintf(folder, sizeof folder, "/tmp/facegate-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(part, sizeof part, "%s/ko", folder);
    mkdir(part, 0700);
    snprintf(part, sizeof part, "%s/ko/LC_MESSAGES", folder);
    snprintf(file, sizeof file, "%s/facegate.mo", part);
    return mkdir(part, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    char part[96];
    snprintf(part, sizeof part, "%s/ko/LC_MESSAGES", folder);
    rmdir(part);
    snprintf(part, sizeof part, "%s/ko", folder);
    rmdir(part);
    return rmdir(folder); // fails when a test left a file
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_in_every_language),
        cmocka_unit_test(test_codes_are_apart),
        cmocka_unit_test(test_manual_has_every_code),
        cmocka_unit_test(test_last_day),
        cmocka_unit_test(test_day),
        cmocka_unit_test(test_time_of_today_and_of_another_day),
        cmocka_unit_test(test_local_time),
        cmocka_unit_test(test_word),
        cmocka_unit_test(test_sent_to_the_staff),
        cmocka_unit_test(test_times_beyond_the_calendar),
        cmocka_unit_test(test_missing_catalogue_is_english),
        cmocka_unit_test(test_other_placeholders_are_refused),
        cmocka_unit_test(test_long_sentence_is_refused),
        cmocka_unit_test(test_long_text_is_cut_between_letters),
        cmocka_unit_test(test_damaged_catalogues_are_refused),
        cmocka_unit_test(test_huge_and_unreadable_catalogues_are_refused),
        cmocka_unit_test(test_names_of_languages),
        cmocka_unit_test(test_decision_says),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
