// SPDX-License-Identifier: Apache-2.0
// The real `facegate profile` (from $FACEGATE_BUILD, or build/).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/rig.h"

#define SOUND "[profile]\nname = p\nmode = identify\nliveness = attended\nfmr = 1e-5\n"

static int setup(void **state)
{
    (void)state;
    rig_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static const char *write_text(const char *name, const char *text)
{
    const char *path = rig_path("%s", name);
    rig_write(path, text, strlen(text));
    return path;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static void want(int code, int wanted)
{
    if (code != wanted)
        fail_msg("exit %d, not %d: %s%s", code, wanted, rig_out, rig_err);
}

static void test_check(void **state)
{
    (void)state;
    char wanted[256];
    const char *good = write_text("good.ini", SOUND);
    const char *bad = write_text("bad.ini", SOUND "ticket = perhaps\nx = 1\nattempts = 50\n");
    want(rig_run("profile", "check", good), 0);
    snprintf(wanted, sizeof wanted, "%s: sound\n", good);
    assert_string_equal(rig_out, wanted);
    want(rig_run("profile", "check", "--quiet", good), 0);
    assert_string_equal(rig_out, "");
    want(rig_run("profile", "check", bad, good), 1); // all are looked at
    snprintf(wanted, sizeof wanted, "%s:6: ticket = perhaps: must be yes or no\n", bad);
    has(rig_out, wanted);
    snprintf(wanted, sizeof wanted, "%s:7: unknown key x in [profile]\n", bad);
    has(rig_out, wanted);
    snprintf(wanted, sizeof wanted, "%s:8: attempts = 50", bad);
    has(rig_out, wanted);
    has(rig_out, "good.ini: sound\n");
    assert_null(strstr(rig_out, "bad.ini: sound"));
    assert_string_equal(rig_err, "");
    want(rig_run("profile", "check", "/nowhere/x.ini"), 1);
    has(rig_out, "/nowhere/x.ini: No such file");
}

static void test_control_bytes(void **state)
{
    (void)state;
    const char *path = write_text("odd.ini", SOUND "\x1b[2J = 1\n");
    want(rig_run("profile", "check", path), 1);
    assert_null(strchr(rig_out, '\x1b'));
}

static void test_shipped(void **state)
{
    (void)state;
    want(rig_run("profile", "check", "profiles/egate-departure.ini", "profiles/egate-boarding.ini",
                 "profiles/fare.ini", "profiles/pay.ini", "profiles/portrait-check.ini",
                 "profiles/worksite.ini", "profiles/pass.ini", "profiles/vault.ini", "--model",
                 "models/mobilefacenet.card"),
         0);
    has(rig_out, "profiles/worksite.ini: sound\n");
    has(rig_out, "profiles/fare.ini: note: liveness = required needs a detector");
    has(rig_out, "profiles/pay.ini: note: mobilefacenet misses ");
}

static void test_json(void **state)
{
    (void)state;
    const char *good = write_text("good.ini", SOUND);
    const char *bad = write_text("bad.ini", SOUND "x = 1\n");
    want(rig_run("profile", "check", "--json", bad, good, "profiles/fare.ini"), 1);
    struct fg_json *json = rig_json();
    assert_int_equal(fg_json_count(json), 3);
    const struct fg_json *one = fg_json_at(json, 0);
    assert_string_equal(fg_json_get_string(one, "file", ""), bad);
    assert_false(fg_json_get_bool(one, "sound", true));
    assert_int_equal(fg_json_count(fg_json_get(one, "faults")), 1);
    has(fg_json_string(fg_json_at(fg_json_get(one, "faults"), 0)), ":6: unknown key x");
    one = fg_json_at(json, 1);
    assert_true(fg_json_get_bool(one, "sound", false));
    assert_int_equal(fg_json_count(fg_json_get(one, "faults")), 0);
    assert_int_equal(fg_json_count(fg_json_get(one, "notes")), 0);
    assert_int_equal(fg_json_count(fg_json_get(fg_json_at(json, 2), "notes")), 1);
    fg_json_destroy(json);
    want(rig_run("--json", "profile", "show", good), 0);
    json = rig_json();
    assert_string_equal(fg_json_get_string(fg_json_at(json, 0), "about", ""), "recognition");
    has(fg_json_get_string(fg_json_at(json, 0), "sentence", ""), "(1:N)");
    fg_json_destroy(json);
}

static void test_model(void **state)
{
    (void)state;
    const char *low = write_text("low.ini", "[profile]\nname = p\nmode = identify\n"
                                            "liveness = attended\nfmr = 1e-12\n");
    const char *card = "models/mobilefacenet.card";
    want(rig_run("profile", "check", low), 0);
    want(rig_run("profile", "check", "--model", card, low), 1);
    has(rig_out, "low.ini: ");
    has(rig_out, "1e-12");
    const char *many = write_text("many.ini", "[profile]\nname = p\nmode = identify\n"
                                              "liveness = attended\nfpir = .01\n");
    want(rig_run("profile", "check", "--model", card, many), 0);
    has(rig_out, "many.ini: note: with mobilefacenet at most ");
    want(rig_run("profile", "check", "--model", "/nowhere/x.card", many), 1);
    has(rig_err, "/nowhere/x.card");
    want(rig_run("profile", "check", "--model", "models/onet.card", many), 1);
    has(rig_err, "kind must be embedder");
}

static void test_show(void **state)
{
    (void)state;
    want(rig_run("profile", "show", "profiles/egate-boarding.ini"), 0);
    has(rig_out, "A registration ends 1826 days after the enrolment.\n");
    has(rig_out, "Who is under 7 is refused.\n");
    has(rig_out, "Who is under 14 needs a guardian's consent on record.\n");
    want(rig_run("profile", "show", "profiles/worksite.ini"), 0);
    has(rig_out, "Open Mon Tue Wed Thu Fri Sat 05:30 to 21:00.\n");
    has(rig_out, "The tag trade:tunnel or trade:electric or trade:survey is needed.\n");
    want(rig_run("profile", "show", "profiles/pay.ini"), 0);
    has(rig_out, "Above 10000 a PIN is asked for");
    want(rig_run("profile", "show", "profiles/portrait-check.ini"), 0);
    has(rig_out, "No vector and no picture outlives the answer.\n");
    want(rig_run("profile", "show", write_text("bad.ini", SOUND "x = 1\n")), 1);
    has(rig_err, ":6: unknown key x");
    assert_string_equal(rig_out, "");
}

static void test_command_line(void **state)
{
    (void)state;
    want(rig_run("profile"), 2);
    want(rig_run("profile", "check"), 2);
    want(rig_run("profile", "show"), 2);
    want(rig_run("profile", "show", "a", "b"), 2);
    want(rig_run("profile", "show", "--model", "x", "a"), 2);
    want(rig_run("profile", "mend", "a"), 2);
    want(rig_run("profile", "check", "--modell", "x", "a"), 2);
    want(rig_run("profile", "--help"), 0);
    has(rig_out, "facegate profile check [option ...] FILE ...");
    want(rig_run("--help"), 0);
    has(rig_out, "profile ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_show, setup, teardown),
        cmocka_unit_test_setup_teardown(test_command_line, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
