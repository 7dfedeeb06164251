// SPDX-License-Identifier: Apache-2.0
// INI files by a table: every type and bound, and each refusal with its file and line.
#include <errno.h>
#include <math.h>
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

#include "common/conf.h"
#include "tests/scratch_file.h"

struct target {
    char name[8];
    uint32_t count;
    double ratio;
    float gain;
    bool on;
    int colour;
    char other[24];
    char calls[64];
};

static int on_call(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct target *t = target;
    if (strcmp(value, "refuse") == 0)
        return fg_fail(err, -EINVAL, "%s is refused", key);
    size_t used = strlen(t->calls);
    snprintf(t->calls + used, sizeof t->calls - used, "%s=%s;", key, value);
    return 0;
}

#define AT(field) .offset = offsetof(struct target, field)
static const char *const colours[] = {"red", "green", "blue", NULL};
static const struct fg_conf_key keys[] = {
    {"a", "name", FG_CONF_STRING, AT(name), .size = 8, .required = true},
    {"a", "count", FG_CONF_U32, AT(count), .low = 2, .high = 4294967295.0},
    {"a", "ratio", FG_CONF_DOUBLE, AT(ratio), .low = -1, .high = 1},
    {"a", "gain", FG_CONF_FLOAT, AT(gain), .low = 0, .high = 10},
    {"a", "on", FG_CONF_BOOL, AT(on)},
    {"a", "colour", FG_CONF_CHOICE, AT(colour), .choices = colours},
    {"b", "name", FG_CONF_STRING, AT(other), .size = 24},
    {"b", "call", FG_CONF_CALL, .call = on_call},
    {"b", "x_*", FG_CONF_CALL, .call = on_call},
    {"c", "x_*", FG_CONF_CALL, .call = on_call},
};
#define N_KEYS (sizeof keys / sizeof *keys)

static void put(const void *text, size_t length)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, length, f), length);
    assert_int_equal(fclose(f), 0);
}

static int read_text(const char *text, struct target *t, struct fg_error *err)
{
    put(text, strlen(text));
    *t = (struct target){.count = 77};
    *err = (struct fg_error){""};
    return fg_conf_read(path, keys, N_KEYS, t, err);
}

// The text is refused with -EINVAL; the error starts with FILE:LINE (line 0: FILE alone) and says
// `what`.
static void refused(const char *text, int line, const char *what)
{
    struct target t;
    struct fg_error err;
    char start[80];
    assert_int_equal(read_text(text, &t, &err), -EINVAL);
    if (line > 0)
        snprintf(start, sizeof start, "%s:%d: ", path, line);
    else
        snprintf(start, sizeof start, "%s: ", path);
    if (strncmp(err.text, start, strlen(start)) != 0 || !strstr(err.text, what))
        fail_msg("\"%s\" has not \"%s\" and \"%s\"", err.text, start, what);
    assert_null(strchr(err.text, '\n'));
}

static void test_every_type(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    assert_int_equal(read_text("; a comment\n"
                               "# another\n"
                               "[a]\n"
                               "name = seven77\n"
                               "count=4294967295\n"
                               "ratio = -1\n"
                               "gain = 2.5 ; behind the value\n"
                               "on = Yes\n"
                               "colour = blue\n"
                               "\n"
                               "[b]\n"
                               "name = with spaces = and more\n"
                               "call = hello\n"
                               "x_1 = one\n"
                               "x_2 = two\n",
                               &t, &err),
                     0);
    assert_string_equal(t.name, "seven77");
    assert_int_equal(t.count, UINT32_MAX);
    assert_true(t.ratio == -1);
    assert_true(t.gain == 2.5f);
    assert_true(t.on);
    assert_int_equal(t.colour, 2);
    assert_string_equal(t.other, "with spaces = and more");
    assert_string_equal(t.calls, "call=hello;x_1=one;x_2=two;");
    assert_string_equal(err.text, "");
}

static void test_what_is_absent_stays(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    assert_int_equal(read_text("[a]\nname =\n", &t, &err), 0);
    assert_string_equal(t.name, "");
    assert_int_equal(t.count, 77);
}

static void test_bool_words(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "true", "on", "ON"};
    static const char *const no[] = {"no", "false", "off", "False"};
    struct target t = {0};
    struct fg_error err;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fg_conf_set(&keys[4], yes[i], &t, &err), 0);
        assert_true(t.on);
        assert_int_equal(fg_conf_set(&keys[4], no[i], &t, &err), 0);
        assert_false(t.on);
    }
    refused("[a]\nname = n\non = 1\n", 3, "must be yes or no");
    refused("[a]\nname = n\non =\n", 3, "must be yes or no");
}

static void test_bounds(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    assert_int_equal(read_text("[a]\nname = n\ncount = 2\nratio = 1\ngain = 10\n", &t, &err), 0);
    assert_int_equal(t.count, 2);
    refused("[a]\nname = n\ncount = 1\n", 3, "must be from 2 to");
    refused("[a]\nname = n\ncount = -3\n", 3, "must be from 2 to");
    refused("[a]\nname = n\ncount = 4294967296\n", 3, "must be from 2 to");
    refused("[a]\nname = n\ncount = 2.5\n", 3, "not a whole number");
    refused("[a]\nname = n\nratio = 1.0001\n", 3, "must be from -1 to 1");
    refused("[a]\nname = n\ngain = -0.1\n", 3, "must be from 0 to 10");
}

static void test_not_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "1x", "1 2", "nan", "inf", "-inf", "1e999", "0.5,5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        snprintf(text, sizeof text, "[a]\nname = n\nratio = %s\n", bad[i]);
        refused(text, 3, "not a number");
    }
}

static void test_strings_and_choices(void **state)
{
    (void)state;
    refused("[a]\nname = eight888\n", 2, "longer than 7 bytes");
    refused("[a]\nname = n\ncolour = pink\n", 3, "must be one of red, green, blue");
    refused("[a]\nname = n\ncolour = Red\n", 3, "must be one of");
    refused("[a]\nname = n\n[b]\ncall = refuse\n", 4, "call is refused");
}

static void test_unknown(void **state)
{
    (void)state;
    refused("[a]\nname = n\n\nnmae = n\n", 4, "unknown key nmae in [a]");
    refused("[a]\nname = n\n[z]\nname = n\n", 3, "unknown section [z]");
    refused("[a]\nname = n\n[z]\n", 3, "unknown section [z]"); // an empty one too
    refused("[a]\nname = n\n[b ]\n", 3, "unknown section [b ]");
    refused("[a]\nname = n\n[b]\ncount = 3\n", 4, "unknown key count in [b]");
    refused("[a]\nname = n\n[b]\nxx_1 = 3\n", 4, "unknown key xx_1");
    refused("name = n\n[a]\n", 1, "before the first [section]");
}

static void test_duplicates(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    refused("[a]\nname = n\ncount = 3\nname = m\n", 4,
            "name is given twice in [a]; first in line 2");
    refused("[a]\nname = n\n[b]\n[a]\nname = n\n", 5, "given twice");
    refused("[a]\nname = n\n[b]\nx_1 = a\nx_2 = b\nx_1 = c\n", 6, "x_1 is given twice in [b]");
    // the same name in two sections is two keys
    assert_int_equal(read_text("[a]\nname = n\n[b]\nname = m\nx_1 = a\n[c]\nx_1 = b\n", &t, &err),
                     0);
    assert_string_equal(t.calls, "x_1=a;x_1=b;");
}

static void test_lines(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    char text[600];
    memset(text, 'x', sizeof text);
    memcpy(text, "[a]\nname = n\n[b]\nname = ", 24);
    text[599] = 0;
    refused(text, 4, "bytes"); // far too long
    strcpy(text + 24 + 230, "\n");
    refused(text, 4, "bytes"); // it must not come back as a second line
    memset(text, ';', sizeof text);
    strcpy(text + 300, "\n[a]\nname = n\n");
    refused(text, 1, "bytes"); // a comment too
    refused("[a]\nname = n\nwhat is this\n", 3, "neither [section], nor key = value");
    refused("[a\nname = n\n", 1, "neither [section], nor key = value");
    refused("[a]\nname = n\nwhat is this\ncount = 1\n", 3, "neither"); // the first of two errors
    refused("[a]\nname = n\ncount = 1\nwhat is this\n", 3, "must be from");
    assert_int_equal(read_text("[a]\nname = n\ncount = 5", &t, &err), 0); // no newline at the end
    assert_int_equal(t.count, 5);
    assert_int_equal(read_text("[a]\r\nname = n\r\ncount = 6\r\n", &t, &err), 0);
    assert_int_equal(t.count, 6);
    assert_string_equal(t.name, "n");
    assert_int_equal(read_text("[a]\n  name = n\n\tcount = 7\n", &t, &err), 0); // indented
    assert_int_equal(t.count, 7);
    assert_int_equal(read_text("\xef\xbb\xbf[a]\nname = n\n", &t, &err), 0); // a byte order mark
}

static void test_longest_line(void **state)
{
    (void)state;
    // whatever the limit is, a line is taken whole or refused, never cut
    unsigned taken = 0;
    for (int n = 150; n < 250; n++) {
        struct target t;
        struct fg_error err;
        char text[400];
        int at = sprintf(text, "[b]\nname = v%*s ; end\n[a]\nname = n\n", n, "");
        assert_true(at > n);
        int code = read_text(text, &t, &err);
        if (code == 0) {
            assert_string_equal(t.other, "v");
            taken++;
        } else {
            assert_int_equal(code, -EINVAL);
            assert_non_null(strstr(err.text, ":2: the line has over"));
        }
    }
    assert_in_range(taken, 20, 80);
}

static void test_nul_byte(void **state)
{
    (void)state;
    static const char text[] = "[a]\nname = n\0hidden\ncount = 3\n";
    struct target t = {0};
    struct fg_error err = {""};
    put(text, sizeof text - 1);
    assert_int_equal(fg_conf_read(path, keys, N_KEYS, &t, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":2: "));
    assert_non_null(strstr(err.text, "NUL"));
}

static void test_missing(void **state)
{
    (void)state;
    refused("", 0, "name is missing in [a]");
    refused("[a]\ncount = 3\n", 0, "name is missing in [a]");
    refused("[b]\nname = n\n", 0, "name is missing in [a]");
}

static void test_files(void **state)
{
    (void)state;
    struct target t = {.count = 77};
    struct fg_error err = {""};
    assert_int_equal(fg_conf_read("/tmp/fg-no-such-file.ini", keys, N_KEYS, &t, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/tmp/fg-no-such-file.ini: "));
    assert_true(fg_conf_read("/tmp", keys, N_KEYS, &t, &err) < 0);
    assert_non_null(strstr(err.text, "/tmp: "));
    put("[a]\nname = n\n", 13);
    assert_int_equal(chmod(path, 0), 0);
    int code;
    if (geteuid() == 0) { // root reads anything; as somebody else then
        assert_int_equal(seteuid(65534), 0);
        code = fg_conf_read(path, keys, N_KEYS, &t, &err);
        assert_int_equal(seteuid(0), 0);
    } else {
        code = fg_conf_read(path, keys, N_KEYS, &t, &err);
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(code, -EACCES);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(t.count, 77);
    assert_int_equal(fg_conf_read(path, keys, FG_CONF_KEYS + 1, &t, &err), -EINVAL);
}

static void test_set_one(void **state)
{
    (void)state;
    struct target t = {.count = 9};
    struct fg_error err = {""};
    assert_int_equal(fg_conf_set(&keys[1], "12", &t, &err), 0);
    assert_int_equal(t.count, 12);
    assert_int_equal(fg_conf_set(&keys[1], "12 ", &t, &err), -EINVAL);
    assert_int_equal(fg_conf_set(&keys[1], "1", &t, NULL), -EINVAL);
    assert_int_equal(t.count, 12);
    assert_int_equal(fg_conf_set(&keys[0], "12345678", &t, &err), -EINVAL);
    assert_string_equal(t.name, "");
}

// ---- named sections, listeners ------------------------------------------------------------------

struct room {
    char name[16];
    uint64_t seats;
    bool locked;
};

struct house {
    uint32_t floors;
    struct room rooms[3];
    unsigned n_rooms;
};

static void *open_room(void *target, const char *name, struct fg_error *err)
{
    struct house *h = target;
    for (unsigned i = 0; i < h->n_rooms; i++)
        if (strcmp(h->rooms[i].name, name) == 0)
            return &h->rooms[i];
    if (h->n_rooms == 3 || strlen(name) >= sizeof h->rooms[0].name) {
        fg_fail(err, -EINVAL, "[room %s] has no place", name);
        return NULL;
    }
    strcpy(h->rooms[h->n_rooms].name, name);
    return &h->rooms[h->n_rooms++];
}

static const struct fg_conf_key house_keys[] = {
    {"house", "floors", FG_CONF_U32, .offset = offsetof(struct house, floors), .low = 1, .high = 9},
    {"room *", "seats", FG_CONF_U64, .offset = offsetof(struct room, seats), .high = 1e15},
    {"room *", "locked", FG_CONF_BOOL, .offset = offsetof(struct room, locked)},
};
static const struct fg_conf_kind house_kinds[] = {{"room", open_room}};
static const struct fg_conf_table house_table = {house_keys, 3, house_kinds, 1};

static int read_house(const char *text, struct house *ret, const struct fg_conf_listener *listener,
                      struct fg_error *err)
{
    put(text, strlen(text));
    memset(ret, 0, sizeof *ret);
    err->text[0] = 0;
    return fg_conf_read_table(path, &house_table, ret, listener, err);
}

static void refused_house(const char *text, unsigned line, const char *what)
{
    struct house h;
    struct fg_error err;
    char start[80];
    snprintf(start, sizeof start, "%s:%u: ", path, line);
    assert_int_equal(read_house(text, &h, NULL, &err), -EINVAL);
    if (strncmp(err.text, start, strlen(start)) != 0 || !strstr(err.text, what))
        fail_msg("\"%s\" has not \"%s\" and \"%s\"", err.text, start, what);
}

static void test_named_sections(void **state)
{
    (void)state;
    struct house h;
    struct fg_error err;
    assert_int_equal(read_house("[house]\nfloors = 2\n[room hall]\nseats = 1000000000000000\n"
                                "[room cellar] ; below\n[room   den]\nlocked = yes\nseats = 3\n",
                                &h, NULL, &err),
                     0);
    assert_int_equal(h.n_rooms, 3);
    assert_string_equal(h.rooms[0].name, "hall");
    assert_true(h.rooms[0].seats == 1000000000000000u && !h.rooms[0].locked);
    assert_string_equal(h.rooms[1].name, "cellar"); // an empty section is one
    assert_string_equal(h.rooms[2].name, "den");
    assert_true(h.rooms[2].seats == 3 && h.rooms[2].locked);
    refused_house("[room]\nseats = 1\n", 1, "[room] needs a name: [room NAME]");
    refused_house("[room  ]\n", 1, "needs a name");
    refused_house("[rooms a]\n", 1, "unknown section [rooms a]");
    refused_house("[room a]\n[room b]\n[room a]\n", 3, "[room a] is there twice");
    refused_house("[room a]\nseats = 1\nlocked = no\nseats = 2\n", 4, "first in line 2");
    refused_house("[room a]\nfloors = 1\n", 2, "unknown key floors in [room a]");
    refused_house("[house]\nseats = 1\n", 2, "unknown key seats in [house]");
    refused_house("[room a-name-far-too-long]\nseats = 1\n", 1, "has no place");
    refused_house("[room a]\nseats = 1e16\n", 2, "must be from 0 to 1e+15");
    refused_house("[room a]\nseats = .5\n", 2, "not a whole number");
}

struct told {
    unsigned n_faults, n_met;
    char faults[12][200], met[16][80];
};

static void on_told_met(void *context, const struct fg_conf_key *key, const void *base,
                        const char *file, unsigned line, bool good)
{
    struct told *t = context;
    assert_non_null(base);
    assert_string_equal(file, path);
    assert_in_range(t->n_met, 0, 15);
    snprintf(t->met[t->n_met++], sizeof t->met[0], "%u %s%s", line, key ? key->key : "[",
             good ? "" : " bad");
}

static void on_told_fault(void *context, const char *text)
{
    struct told *t = context;
    assert_in_range(t->n_faults, 0, 11);
    snprintf(t->faults[t->n_faults++], sizeof t->faults[0], "%s", text);
}

// With a listener every fault is told, in the order of the lines, and what is good is set.
static void test_every_fault(void **state)
{
    (void)state;
    static const struct {
        unsigned line;
        const char *what;
    } faults[] = {{1, "stands before"}, {3, "must be from 1"},  {4, "unknown key x"},
                  {5, "neither"},       {6, "unknown section"}, {9, "neither"},
                  {12, "twice in"},     {14, "neither"}};
    static const char *const met[] = {"2 [", "3 floors bad", "10 [", "11 seats", "13 locked"};
    struct told told = {0};
    const struct fg_conf_listener listener = {&told, on_told_met, on_told_fault};
    struct house h;
    struct fg_error err;
    assert_int_equal(read_house("stray = 1\n[house]\nfloors = 0\nx = 1\nnonsense\n[attic]\n"
                                "floors = 3\ny = 4\n[half\n[room a]\nseats = 5\nseats = 6\n"
                                "locked = yes\nlast",
                                &h, &listener, &err),
                     -EINVAL);
    assert_string_equal(err.text, ""); // they were all told
    assert_int_equal(told.n_faults, 8);
    for (size_t i = 0; i < 8; i++) {
        char start[80];
        snprintf(start, sizeof start, "%s:%u: ", path, faults[i].line);
        if (strncmp(told.faults[i], start, strlen(start)) != 0 ||
            !strstr(told.faults[i], faults[i].what))
            fail_msg("\"%s\" has not \"%s\" and \"%s\"", told.faults[i], start, faults[i].what);
    }
    assert_int_equal(told.n_met, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(told.met[i], met[i]);
    assert_int_equal(h.floors, 0);
    assert_true(h.rooms[0].seats == 5 && h.rooms[0].locked);
    memset(&told, 0, sizeof told);
    assert_int_equal(read_house("[room a]\nseats = 5\n", &h, &listener, &err), 0);
    assert_int_equal(told.n_faults, 0);
    assert_int_equal(fg_conf_read_table("/nowhere/x", &house_table, &h, &listener, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere/x: "));
    assert_int_equal(told.n_faults, 0); // that is no fault of a line
}

// ---- drop-ins: path.d/NAME.conf ---------------------------------------------------------------

static const char *drop_in(const char *name)
{
    static char at[128];
    snprintf(at, sizeof at, "%s.d/%s", path, name);
    return at;
}

static void put_drop_in(const char *name, const char *text)
{
    FILE *f = fopen(drop_in(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdir(drop_in(""), 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"10-a.conf", "20-b.conf", "9.conf", ".conf",
                                        ".x.conf",   "b.conf~",   "c.ini",  "Z.conf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(drop_in(names[i]));
    return rmdir(drop_in(""));
}

static int read_everything(struct target *t, struct fg_error *err)
{
    *t = (struct target){.count = 77};
    *err = (struct fg_error){""};
    return fg_conf_read_all(path, keys, N_KEYS, t, err);
}

static void put_base(void)
{
    static const char text[] = "[a]\nname = base\ncount = 3\n[b]\nx_1 = base\n";
    put(text, sizeof text - 1);
}

static void test_later_files_win(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    put_base();
    put_drop_in("20-b.conf", "[a]\ncount = 5\n[b]\nx_1 = two\n");
    put_drop_in("10-a.conf", "[a]\ncount = 4\ngain = 1\n");
    put_drop_in("9.conf", "[a]\nname = nine\n"); // bytes decide: '9' is after "20"
    put_drop_in("Z.conf", "");
    assert_int_equal(read_everything(&t, &err), 0);
    assert_string_equal(t.name, "nine");
    assert_int_equal(t.count, 5);
    assert_true(t.gain == 1);
    assert_string_equal(t.calls, "x_1=base;x_1=two;");
}

static void test_other_names_are_no_drop_ins(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    put_base();
    put_drop_in("b.conf~", "[a]\ncount = 5\n");
    put_drop_in("c.ini", "[a]\ncount = 5\n");
    put_drop_in(".conf", "[a]\ncount = 5\n");
    put_drop_in(".x.conf", "[a]\ncount = 5\n");
    assert_int_equal(read_everything(&t, &err), 0);
    assert_int_equal(t.count, 3);
    // and the plain reading knows no folder at all
    put_drop_in("10-a.conf", "[a]\ncount = 5\n");
    assert_int_equal(fg_conf_read(path, keys, N_KEYS, &t, &err), 0);
    assert_int_equal(t.count, 3);
}

// A drop-in is refused; the error begins with its path and line.
static void refused_drop_in(const char *text, int line, const char *what)
{
    struct target t;
    struct fg_error err;
    char start[160];
    put_drop_in("20-b.conf", text);
    assert_int_equal(read_everything(&t, &err), -EINVAL);
    snprintf(start, sizeof start, "%s:%d: ", drop_in("20-b.conf"), line);
    if (strncmp(err.text, start, strlen(start)) != 0 || !strstr(err.text, what))
        fail_msg("\"%s\" has not \"%s\" and \"%s\"", err.text, start, what);
}

static void test_errors_in_drop_ins(void **state)
{
    (void)state;
    put_base();
    put_drop_in("10-a.conf", "[a]\ncount = 4\n");
    refused_drop_in("[a]\n\ncount = 1\n", 3, "must be from 2");
    refused_drop_in("[a]\nnmae = x\n", 2, "unknown key nmae");
    refused_drop_in("[a]\ncount = 4\ncount = 5\n", 3, "given twice in [a]; first in line 2");
    refused_drop_in("[b]\nx_1 = a\nx_1 = b\n", 3, "given twice");
    refused_drop_in("[a]\nwhat\n", 2, "neither [section]");
    refused_drop_in("count = 4\n", 1, "before the first [section]");
}

static void test_required_in_any_file(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    put("[a]\ncount = 3\n", 14);
    put_drop_in("20-b.conf", "[a]\ncount = 4\n");
    assert_int_equal(read_everything(&t, &err), -EINVAL);
    assert_non_null(strstr(err.text, ": name is missing in [a]"));
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    put_drop_in("10-a.conf", "[a]\nname = n\n");
    assert_int_equal(read_everything(&t, &err), 0);
    assert_string_equal(t.name, "n");
}

static void test_missing_file_with_drop_ins(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_everything(&t, &err), -ENOENT); // neither file nor drop-in
    assert_non_null(strstr(err.text, path));
    put_drop_in("10-a.conf", "[a]\nname = alone\n");
    assert_int_equal(read_everything(&t, &err), 0);
    assert_string_equal(t.name, "alone");
    assert_int_equal(symlink("nowhere", drop_in("20-b.conf")), 0);
    assert_int_equal(read_everything(&t, &err), -EINVAL); // a dangling link is no missing file
    assert_non_null(strstr(err.text, "20-b.conf"));
    put("", 0); // for the tear-down
}

static void test_what_can_be_salvaged(void **state)
{
    (void)state;
    static const char text[] = "early = 1\n"
                               "[a]\n"
                               "count = 3\n"
                               "colour = mauve\n"
                               "nonsense\n"
                               "count = 9\n"
                               "ratio = much\n"
                               "nul\0 = 1\n"
                               "[nowhere]\n"
                               "name = lost\n"
                               "[b]\n"
                               "call = refuse\n"
                               "x_1 = kept\n"
                               "name = good\n";
    struct target t = {.ratio = 0.5, .colour = 1};
    put(text, sizeof text - 1);
    fg_conf_salvage(path, keys, N_KEYS, &t);
    assert_int_equal(t.count, 3); // the first
    assert_int_equal(t.colour, 1);
    assert_true(t.ratio == 0.5);
    assert_string_equal(t.name, ""); // its section is none, though it is required
    assert_string_equal(t.other, "good");
    assert_string_equal(t.calls, "x_1=kept;");
    put_drop_in("10-a.conf", "garbage\n[a]\ncount = 5\n");
    put_drop_in("20-b.conf", "[a]\ncount = 1\n"); // out of bounds
    fg_conf_salvage(path, keys, N_KEYS, &t);
    assert_int_equal(t.count, 5); // of a later file
}

static void test_a_long_line_is_passed_over(void **state)
{
    (void)state;
    char text[8192];
    struct target t = {.count = 0};
    memset(text, 'x', sizeof text);
    memcpy(text, "[a]\nname = ", 11);
    memcpy(text + sizeof text - 11, "\ncount = 7\n", 11);
    put(text, sizeof text);
    fg_conf_salvage(path, keys, N_KEYS, &t);
    assert_int_equal(t.count, 7);
    assert_string_equal(t.name, "");
    assert_int_equal(unlink(path), 0);
    fg_conf_salvage(path, keys, N_KEYS, &t); // which is not there
    assert_int_equal(t.count, 7);
    put("", 0); // for the tear-down
}

static void test_folder_that_is_none(void **state)
{
    (void)state;
    struct target t;
    struct fg_error err;
    put_base();
    char folder[128];
    snprintf(folder, sizeof folder, "%s.d", path);
    assert_int_equal(read_everything(&t, &err), 0); // absent
    FILE *f = fopen(folder, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(read_everything(&t, &err), -ENOTDIR);
    assert_non_null(strstr(err.text, folder));
    assert_int_equal(unlink(folder), 0);
}

#define WITH_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_what_is_absent_stays),
        cmocka_unit_test(test_bool_words),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_strings_and_choices),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_nul_byte),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_set_one),
        cmocka_unit_test(test_named_sections),
        cmocka_unit_test(test_every_fault),
        WITH_FOLDER(test_later_files_win),
        WITH_FOLDER(test_other_names_are_no_drop_ins),
        WITH_FOLDER(test_errors_in_drop_ins),
        WITH_FOLDER(test_required_in_any_file),
        WITH_FOLDER(test_missing_file_with_drop_ins),
        WITH_FOLDER(test_what_can_be_salvaged),
        cmocka_unit_test(test_a_long_line_is_passed_over),
        cmocka_unit_test(test_folder_that_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
