// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/spool.h"

static char folder[64], path[96];
static struct fg_spool *spool;
static struct fg_error err;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/facegate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/spool", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fg_spool_close(spool);
    spool = NULL;
    unlink(path);
    return rmdir(folder);
}

static void open_spool(void)
{
    fg_spool_close(spool);
    spool = NULL;
    if (fg_spool_open(path, &spool, &err) < 0)
        fail_msg("%s", err.text);
}

static const char *id_of(unsigned n)
{
    static char text[40];
    snprintf(text, sizeof text, "%032x", n);
    return text;
}

static void add(unsigned n)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_string(json, "id", id_of(n));
    fg_json_add_number(json, "amount", n);
    assert_int_equal(fg_spool_add(spool, json, &err), 0);
    fg_json_destroy(json);
}

static off_t size(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void append(const char *text)
{
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_kept(void **state)
{
    struct stat st;
    (void)state;
    open_spool();
    for (unsigned n = 900; n > 0; n--)
        add(n);
    assert_int_equal(fg_spool_sync(spool, &err), 0);
    open_spool();
    for (unsigned n = 1; n <= 900; n++)
        assert_true(fg_spool_has(spool, id_of(n)));
    assert_false(fg_spool_has(spool, id_of(901)));
    assert_false(fg_spool_has(spool, ""));
    add(901); // behind the others
    assert_int_equal(fg_spool_sync(spool, &err), 0);
    open_spool();
    assert_true(fg_spool_has(spool, id_of(901)) && fg_spool_has(spool, id_of(1)));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

// Wherever the last line was cut off, it goes, and the whole ones stay.
static void test_cut_off(void **state)
{
    (void)state;
    open_spool();
    add(1);
    assert_int_equal(fg_spool_sync(spool, &err), 0);
    off_t one = size();
    add(2);
    assert_int_equal(fg_spool_sync(spool, &err), 0);
    off_t two = size();
    for (off_t cut = two; cut >= one; cut--) {
        assert_int_equal(truncate(path, cut), 0);
        open_spool();
        assert_true(fg_spool_has(spool, id_of(1)));
        assert_true(fg_spool_has(spool, id_of(2)) == (cut == two));
        assert_int_equal(size(), cut == two ? two : one);
    }
    add(3);
    assert_int_equal(fg_spool_sync(spool, &err), 0);
    open_spool();
    assert_true(fg_spool_has(spool, id_of(3)) && !fg_spool_has(spool, id_of(2)));
}

static void refused(int code, const char *words)
{
    struct fg_spool *other = NULL;
    assert_int_equal(fg_spool_open(path, &other, &err), code);
    assert_null(other);
    if (!strstr(err.text, words))
        fail_msg("no \"%s\" in: %s", words, err.text);
}

static void test_not_a_spool(void **state)
{
    static const char *const lines[] = {"hello\n",      "\n",   "{}\n",
                                        "{\"id\":7}\n", "[]\n", "{\"id\":\"abc\"}\n"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        unlink(path);
        append(lines[i]);
        off_t before = size();
        refused(-EBADMSG, "spool:1: no charge");
        assert_int_equal(size(), before); // somebody's file stays as it is
    }
}

static void test_busy(void **state)
{
    (void)state;
    open_spool();
    refused(-EBUSY, "another process");
    fg_spool_close(spool);
    spool = NULL;
    open_spool();
}

static void test_no_place(void **state)
{
    (void)state;
    struct fg_spool *other = NULL;
    assert_int_equal(fg_spool_open("/nowhere/at/all", &other, &err), -ENOENT);
    fg_spool_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_kept), TEST(test_cut_off),  TEST(test_not_a_spool),
        TEST(test_busy), TEST(test_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
