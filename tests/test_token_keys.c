// SPDX-License-Identifier: Apache-2.0
// Operators' key files: what is written, and all that must not be read.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/token_keys.h"
#include "tests/scratch_folder.h"
#include "tests/token_maker.h"

#define LINES 7 // of the file that issues

static const char issue_text[] =
    "facegate-token-key 1\n"
    "name north\n"
    "id 9d24e2ee\n"
    "verifying 03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8\n"
    "sealing 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\n"
    "signing 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    "check 0123456789abcdef\n";

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s", in_folder(name));
    return path;
}

static struct fg_token_keys *fresh(void)
{
    struct fg_token_keys *keys = NULL;
    assert_int_equal(fg_token_keys_create(&keys, NULL), 0);
    return keys;
}

static void put(const char *path, const char *text, size_t length, mode_t mode)
{
    unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static size_t get(const char *path, char *ret, size_t room)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(ret, 1, room, file);
    fclose(file);
    ret[length] = '\0';
    return length;
}

// Reads the file into a set of its own.
static int look(const char *path, struct fg_token_key *ret)
{
    struct fg_token_keys *keys = fresh();
    struct fg_error err = {""};
    int r = fg_token_keys_read(keys, path, &err);
    assert_int_equal(keys->count, r == 0 ? 1 : 0);
    if (r < 0)
        assert_non_null(strstr(err.text, path));
    if (ret)
        *ret = keys->keys[0];
    fg_token_keys_destroy(keys);
    return r;
}

static int look_at(const char *text, size_t length)
{
    const char *path = path_of("x.key");
    put(path, text, length, 0600);
    int r = look(path, NULL);
    unlink(path);
    return r;
}

// The file of a key as it is written.
static size_t text_of(const struct fg_token_key *key, bool gate, char *ret, size_t room)
{
    const char *path = path_of("w.key");
    assert_int_equal(fg_token_keys_write(key, gate, path, NULL), 0);
    size_t length = get(path, ret, room);
    unlink(path);
    return length;
}

// ---- what is written ----------------------------------------------------------------------------

static void test_files(void **state)
{
    struct fg_token_key north, issue, gate, none = {0};
    char text[1024];
    struct stat st;
    (void)state;
    make_key("north", 0, &north);
    const char *path = path_of("north.key");
    assert_int_equal(fg_token_keys_write(&north, false, path, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(look(path, &issue), 0);
    assert_memory_equal(&issue, &north, sizeof north);
    get(path, text, sizeof text - 1);
    // all but the digest in the last line
    assert_memory_equal(text, issue_text, strlen(issue_text) - 17);
    assert_int_equal(strlen(text), strlen(issue_text));
    assert_int_equal(fg_token_keys_write(&north, false, path, NULL), -EEXIST);
    unlink(path);

    assert_int_equal(fg_token_keys_write(&north, true, path, NULL), 0);
    get(path, text, sizeof text - 1);
    assert_null(strstr(text, "signing"));
    assert_null(strstr(text, "000102030405"));
    assert_int_equal(look(path, &gate), 0);
    assert_false(gate.issues);
    assert_memory_equal(gate.signing, none.signing, sizeof none.signing);
    assert_memory_equal(gate.verifying, north.verifying, sizeof gate.verifying);
    assert_memory_equal(gate.sealing, north.sealing, sizeof gate.sealing);
    unlink(path);
}

static void test_drawn(void **state)
{
    struct fg_token_keys *keys = fresh();
    (void)state;
    assert_int_equal(fg_token_keys_draw(keys, "a", NULL), 0);
    assert_int_equal(fg_token_keys_draw(keys, "b", NULL), 0);
    assert_memory_not_equal(keys->keys[0].signing, keys->keys[1].signing, FG_SEAL_SEED);
    assert_memory_not_equal(keys->keys[0].sealing, keys->keys[1].sealing, FG_SEAL_KEY);
    assert_memory_not_equal(keys->keys[0].sealing, keys->keys[0].signing, FG_SEAL_KEY);
    fg_token_keys_destroy(keys);
    fg_token_keys_destroy(NULL);
}

static void test_can_not_be_written(void **state)
{
    struct fg_token_key key;
    struct fg_error err = {""};
    (void)state;
    make_key("north", 0, &key);
    assert_int_equal(fg_token_keys_write(&key, false, path_of("no/x.key"), &err), -ENOENT);
    assert_non_null(strstr(err.text, "x.key"));
    assert_int_equal(symlink("/dev/null", path_of("link")), 0);
    assert_int_equal(fg_token_keys_write(&key, false, path_of("link"), &err), -EEXIST);
    unlink(path_of("link"));
    snprintf(key.name, sizeof key.name, "no word");
    assert_int_equal(fg_token_keys_write(&key, false, path_of("x.key"), &err), -EINVAL);
    assert_int_equal(access(path_of("x.key"), F_OK), -1);
}

// ---- what must not be read ----------------------------------------------------------------------

static void test_modes(void **state)
{
    static const mode_t open_modes[] = {0640, 0604, 0660, 0620, 0610, 0644, 0666, 0777};
    struct fg_token_key key;
    char text[1024];
    (void)state;
    make_key("north", 0, &key);
    size_t length = text_of(&key, true, text, sizeof text - 1);
    const char *path = path_of("m.key");
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        put(path, text, length, open_modes[i]);
        assert_int_equal(look(path, NULL), -EPERM);
    }
    setenv("CREDENTIALS_DIRECTORY", folder, 1); // whose modes are systemd's affair
    assert_int_equal(look(path, NULL), 0);
    setenv("CREDENTIALS_DIRECTORY", "/tmp/facegate", 1); // only the beginning of its name
    assert_int_equal(look(path, NULL), -EPERM);
    unsetenv("CREDENTIALS_DIRECTORY");
    put(path, text, length, 0400);
    assert_int_equal(look(path, NULL), 0);
    unlink(path);
}

static void test_no_file(void **state)
{
    (void)state;
    assert_int_equal(look(path_of("absent"), NULL), -ENOENT);
    assert_int_equal(look(folder, NULL), -EINVAL);
    assert_int_equal(look("/dev/null", NULL), -EINVAL);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(look(path_of("fifo"), NULL), -EINVAL); // and does not wait
    unlink(path_of("fifo"));
}

static void test_truncated(void **state)
{
    struct fg_token_key key;
    char text[1024];
    (void)state;
    make_key("north", 0, &key);
    for (int gate = 0; gate < 2; gate++) {
        size_t length = text_of(&key, gate, text, sizeof text - 2);
        for (size_t cut = 0; cut < length; cut++)
            assert_int_equal(look_at(text, cut), -EBADMSG);
        assert_int_equal(look_at(text, length), 0);
        text[length] = '\n';
        assert_int_equal(look_at(text, length + 1), -EBADMSG);
        text[length] = '\0';
        assert_int_equal(look_at(text, length + 1), -EBADMSG);
    }
}

static void test_changed(void **state)
{
    struct fg_token_key key;
    char text[1024];
    (void)state;
    make_key("north", 0, &key);
    size_t length = text_of(&key, false, text, sizeof text - 1);
    for (size_t at = 0; at < length; at++) {
        char was = text[at];
        text[at] = was == '7' ? '8' : '7';
        int r = look_at(text, length); // at 19 and 20 the version ends
        assert_int_equal(r, at == 19 || at == 20 ? -EPROTONOSUPPORT : -EBADMSG);
        text[at] = was;
    }
}

// A file of these lines, in this order; the digest in the last is of what stands before it.
static size_t assemble(const char *const *lines, unsigned count, char *ret)
{
    uint8_t digest[FG_SEAL_DIGEST];
    char *at = ret;
    for (unsigned i = 0; i < count; i++)
        at = stpcpy(stpcpy(at, lines[i]), "\n");
    fg_seal_digest(ret, (size_t)(at - ret), digest);
    at = stpcpy(at, "check ");
    fg_seal_to_hex(digest, 8, at);
    at = stpcpy(at + 16, "\n");
    return (size_t)(at - ret);
}

static void split(char *text, const char **ret)
{
    char *rest = NULL;
    for (unsigned i = 0; i < LINES; i++)
        ret[i] = strtok_r(i == 0 ? text : NULL, "\n", &rest);
    assert_non_null(ret[LINES - 1]);
}

// With a digest that is right: it is no protection against a careful hand.
static void test_swapped_lines(void **state)
{
    struct fg_token_key north, south;
    char north_text[1024], south_text[1024], text[1024];
    const char *mine[LINES], *other[LINES];
    (void)state;
    make_key("north", 0x00, &north);
    make_key("south", 0x40, &south);
    text_of(&north, false, north_text, sizeof north_text - 1);
    text_of(&south, false, south_text, sizeof south_text - 1);
    split(north_text, mine);
    split(south_text, other);
    assert_int_equal(look_at(text, assemble(mine, LINES - 1, text)), 0);
    for (unsigned a = 0; a < LINES - 1; a++) {
        for (unsigned b = 0; b < a; b++) {
            const char *swapped[LINES];
            memcpy(swapped, mine, sizeof swapped);
            swapped[a] = mine[b];
            swapped[b] = mine[a];
            assert_int_equal(look_at(text, assemble(swapped, LINES - 1, text)), -EBADMSG);
        }
        const char *twice[LINES + 1];
        memcpy(twice, mine, sizeof mine);
        memmove(twice + a + 1, twice + a, (LINES - 1 - a) * sizeof *twice);
        assert_int_equal(look_at(text, assemble(twice, LINES, text)), -EBADMSG);
    }
    // the other key's id, verifying or signing half
    static const unsigned bound[] = {2, 3, 5};
    for (size_t i = 0; i < 3; i++) {
        const char *mixed[LINES];
        memcpy(mixed, mine, sizeof mixed);
        mixed[bound[i]] = other[bound[i]];
        assert_int_equal(look_at(text, assemble(mixed, LINES - 1, text)), -EBADMSG);
    }
}

static void test_too_long(void **state)
{
    char text[4096];
    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, issue_text, strlen(issue_text));
    assert_int_equal(look_at(text, sizeof text), -EBADMSG);
    assert_int_equal(look_at(text, 513), -EBADMSG);
    // a name that is too long, with a digest that is right
    char first[] = "facegate-token-key 1", name[] = "name 12345678901234567890123456789012";
    const char *lines[] = {first, name};
    assert_int_equal(look_at(text, assemble(lines, 2, text)), -EBADMSG);
}

// ---- sets ---------------------------------------------------------------------------------------

static void test_sets(void **state)
{
    struct fg_token_keys *keys = fresh();
    struct fg_token_key key;
    struct fg_error err = {""};
    const char *path = path_of("s.key");
    (void)state;
    for (unsigned i = 0; i <= FG_TOKEN_KEYS; i++) {
        make_key("op", 7 * i, &key);
        unlink(path);
        assert_int_equal(fg_token_keys_write(&key, i % 2, path, NULL), 0);
        int r = fg_token_keys_read(keys, path, &err);
        assert_int_equal(r, i < FG_TOKEN_KEYS ? 0 : -ENOSPC);
        if (r == 0)
            assert_int_equal(fg_token_keys_read(keys, path, &err), -EEXIST);
    }
    assert_int_equal(keys->count, FG_TOKEN_KEYS);
    unlink(path);
    fg_token_keys_destroy(keys);
}

static int begin(void **state)
{
    return fg_seal_init() < 0 ? -1 : set_up(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),    cmocka_unit_test(test_drawn),
        cmocka_unit_test(test_modes),    cmocka_unit_test(test_can_not_be_written),
        cmocka_unit_test(test_no_file),  cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_changed),  cmocka_unit_test(test_swapped_lines),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests_name("token_keys", tests, begin, tear_down);
}
