// SPDX-License-Identifier: Apache-2.0
// The real facegate fsck (from $FACEGATE_BUILD, or build/) on galleries made and damaged here, and
// the comparison of a roster with what it should hold.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json.h"
#include "matcher/gallery.h"
#include "matcher/keys.h"
#include "matcher/master.h"
#include "matcher/roster.h"
#include "tests/dice.h"

#define MODEL     UINT64_C(0x1234)
#define DIMENSION 64
#define PEOPLE    100

static char folder[64], directory[96], master[96], data[128], keys[128];
static struct fg_error err;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/facegate-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(directory, sizeof directory, "%s/gallery", folder);
    snprintf(master, sizeof master, "%s/master", folder);
    snprintf(data, sizeof data, "%s/data.mdb", directory);
    snprintf(keys, sizeof keys, "%s/keys", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct fg_gallery *open_gallery(uint64_t model)
{
    const struct fg_gallery_options options = {.directory = directory,
                                               .master_key_file = master,
                                               .make_key = true,
                                               .model = model,
                                               .dimension = DIMENSION};
    struct fg_gallery *gallery = NULL;
    if (fg_gallery_open(&options, &gallery, &err))
        fail_msg("%s", err.text);
    return gallery;
}

static void enrol(struct fg_gallery *gallery, const char *id, uint64_t model)
{
    struct fg_subject subject = {.model = model, .born = FG_NO_BIRTH};
    float vector[DIMENSION];
    strcpy(subject.id, id);
    random_unit(vector, DIMENSION);
    assert_int_equal(fg_subject_set_vectors(&subject, vector, 1, DIMENSION), 0);
    assert_int_equal(fg_gallery_put(gallery, &subject, false, &err), 0);
}

// person-10 to person-109, their keys in slots 0 to 99.
static void make_gallery(void)
{
    struct fg_gallery *gallery = open_gallery(MODEL);
    char id[32];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(id, sizeof id, "person-%d", 10 + i);
        enrol(gallery, id, MODEL);
    }
    fg_gallery_close(gallery);
}

// ---- running it ---------------------------------------------------------------------------------

static char *output; // of the last run, standard error too

static int fsck(const char *options)
{
    const char *build = getenv("FACEGATE_BUILD");
    char command[512];
    size_t room = 1 << 16, length = 0, n;
    snprintf(command, sizeof command, "%s/facegate fsck --gallery '%s' --key '%s' %s 2>&1",
             build ? build : "build", directory, master, options);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    free(output);
    output = malloc(room + 1);
    assert_non_null(output);
    while (length < room && (n = fread(output + length, 1, room - length, pipe)) > 0)
        length += n;
    output[length] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static struct fg_json *fsck_json(int code, const char *options)
{
    char all[128];
    struct fg_json *json = NULL;
    snprintf(all, sizeof all, "--json %s", options);
    int got = fsck(all);
    if (got != code || fg_json_parse(output, strlen(output), &json, &err) < 0)
        fail_msg("exit %d, not %d: %s", got, code, output);
    assert_true(fg_json_get_bool(json, "sound", false) == (code == 0));
    return json;
}

static double figure(const struct fg_json *json, const char *object, const char *name)
{
    return fg_json_get_number(object ? fg_json_get(json, object) : json, name, -1);
}

static void says(const char *words)
{
    if (!strstr(output, words))
        fail_msg("no \"%s\" in: %s", words, output);
}

// ---- files --------------------------------------------------------------------------------------

struct bytes {
    uint8_t *at;
    size_t length;
};

static struct bytes slurp(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    struct bytes b = {malloc((size_t)st.st_size + 1), (size_t)st.st_size};
    assert_int_equal(read(fd, b.at, b.length), b.length);
    close(fd);
    return b;
}

static void overwrite(const char *path, const struct bytes *b)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, b->at, b->length), b->length);
    close(fd);
}

// A bit of the sealed bytes behind each place where the file has this id.
static void damage(const char *id)
{
    struct bytes b = slurp(data);
    unsigned found = 0;
    for (size_t i = 0; i + strlen(id) + 60 < b.length; i++)
        if (memcmp(b.at + i, id, strlen(id)) == 0) {
            b.at[i + strlen(id) + 50] ^= 1;
            found++;
        }
    assert_true(found > 0);
    overwrite(data, &b);
    free(b.at);
}

static void empty_slot(uint32_t slot)
{
    struct bytes b = slurp(keys);
    memset(b.at + FG_KEYS_HEADER + (size_t)slot * FG_KEYS_SLOT, 0, FG_KEYS_SLOT);
    overwrite(keys, &b);
    free(b.at);
}

// As a crash leaves them.
static void leave_keys(unsigned count)
{
    uint8_t *key, drawn[FG_SEAL_KEY];
    struct fg_keys *file;
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fg_master_read(master, false, &key, &err), 0);
    assert_int_equal(fg_keys_open(fd, key, &file, &err), 0);
    assert_int_equal(fg_keys_stock(file, count, &err), 0);
    while (count-- > 0)
        fg_keys_take(file, drawn);
    fg_keys_close(file);
    close(fd);
}

// ---- tests --------------------------------------------------------------------------------------

static void test_sound(void **state)
{
    (void)state;
    make_gallery();
    struct bytes d = slurp(data), k = slurp(keys);
    struct fg_json *json = fsck_json(0, "");
    assert_true(figure(json, NULL, "records") == PEOPLE);
    assert_true(figure(json, NULL, "corrupt") == 0);
    assert_true(figure(json, NULL, "keys_unused") == 0);
    assert_true(figure(json, NULL, "key_slots") - figure(json, NULL, "key_slots_free") == PEOPLE);
    assert_true(figure(json, "index", "checked") == PEOPLE);
    assert_true(figure(json, "index", "searched") == PEOPLE);
    assert_true(figure(json, "index", "missed") == 0);
    assert_true(figure(json, "database", "leaf_pages") > 1);
    fg_json_destroy(json);
    assert_int_equal(fsck(""), 0);
    says("100 records, 0 damaged, 0 removed: sound");
    assert_int_equal(fsck("--quiet"), 0);
    assert_string_equal(output, "");
    struct bytes d2 = slurp(data), k2 = slurp(keys); // it has only looked
    assert_int_equal(d.length, d2.length);
    assert_memory_equal(d.at, d2.at, d.length);
    assert_int_equal(k.length, k2.length);
    assert_memory_equal(k.at, k2.at, k.length);
    free(d.at);
    free(k.at);
    free(d2.at);
    free(k2.at);
}

static void test_empty(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(fsck(""), 1); // there is none, and none is made
    says("facegate fsck:");
    assert_true(stat(directory, &st) < 0);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(fsck(""), 1);
    says("there is no gallery");
    assert_true(stat(data, &st) < 0 && stat(master, &st) < 0);
    fg_gallery_close(open_gallery(MODEL));
    assert_int_equal(fsck(""), 0);
    assert_int_equal(fsck("--frobnicate"), 2);
    assert_int_equal(fsck("--threads 0"), 2);
    assert_int_equal(fsck("one-more"), 2);
    assert_int_equal(fsck("--help"), 0);
    says("--repair");
}

static void test_in_use(void **state)
{
    (void)state;
    struct fg_gallery *gallery = open_gallery(MODEL);
    assert_int_equal(fsck(""), 75);
    says("stop it");
    assert_int_equal(fsck("--repair"), 75);
    fg_gallery_close(gallery);
    assert_int_equal(fsck(""), 0);
}

static void test_two_models(void **state)
{
    (void)state;
    make_gallery();
    struct fg_gallery *gallery = open_gallery(MODEL + 1);
    enrol(gallery, "another", MODEL + 1);
    fg_gallery_close(gallery);
    struct fg_json *json = fsck_json(0, "");
    const struct fg_json *models = fg_json_get(json, "models");
    assert_int_equal(fg_json_count(models), 2);
    assert_string_equal(fg_json_get_string(fg_json_at(models, 0), "id", ""), "0000000000001235");
    assert_true(fg_json_get_number(fg_json_at(models, 1), "records", 0) == PEOPLE);
    assert_true(figure(json, "index", "checked") == PEOPLE + 1);
    fg_json_destroy(json);
}

static void test_unused_keys(void **state)
{
    (void)state;
    make_gallery();
    leave_keys(3);
    struct fg_json *json = fsck_json(0, ""); // a crash leaves such, and the next start cleans up
    assert_true(figure(json, NULL, "keys_unused") == 3);
    fg_json_destroy(json);
    fg_gallery_close(open_gallery(MODEL));
    json = fsck_json(0, "");
    assert_true(figure(json, NULL, "keys_unused") == 0);
    fg_json_destroy(json);
}

static void assert_corrupt(const struct fg_json *json, size_t i, const char *id, bool key_missing)
{
    const struct fg_json *record = fg_json_at(fg_json_get(json, "corrupt_records"), i);
    assert_string_equal(fg_json_get_string(record, "id", ""), id);
    assert_true(fg_json_get_bool(record, "key_missing", !key_missing) == key_missing);
}

static void test_damage_and_repair(void **state)
{
    (void)state;
    make_gallery();
    damage("person-42"); // its key is in slot 32
    empty_slot(67);      // the key of person-77
    for (int round = 0; round < 2; round++) {
        struct fg_json *json = fsck_json(1, "");
        assert_true(figure(json, NULL, "records") == PEOPLE);
        assert_true(figure(json, NULL, "corrupt") == 2);
        assert_true(figure(json, NULL, "keys_missing") == 1);
        assert_corrupt(json, 0, "person-42", false);
        assert_corrupt(json, 1, "person-77", true);
        assert_true(figure(json, "index", "checked") == PEOPLE - 2);
        fg_json_destroy(json);
    }
    assert_int_equal(fsck(""), 1);
    says("damaged: person-77 (its key is missing)");
    struct fg_json *json = fsck_json(0, "--repair");
    assert_true(figure(json, NULL, "removed") == 2);
    fg_json_destroy(json);
    json = fsck_json(0, "--repair"); // nothing is left to do
    assert_true(figure(json, NULL, "records") == PEOPLE - 2);
    assert_true(figure(json, NULL, "removed") == 0);
    assert_true(figure(json, NULL, "key_slots") - figure(json, NULL, "key_slots_free") ==
                PEOPLE - 2);
    fg_json_destroy(json);
    struct fg_gallery *gallery = open_gallery(MODEL);
    struct fg_subject subject;
    char id[32];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(id, sizeof id, "person-%d", 10 + i);
        bool gone = i == 32 || i == 67;
        assert_int_equal(fg_gallery_get(gallery, id, &subject, &err), gone ? -ENOENT : 0);
    }
    enrol(gallery, "person-42", MODEL); // its place is free
    fg_gallery_close(gallery);
}

// A damaged record that names a sound one's slot: repair leaves that key alone. And an id that is
// none.
static void test_repair_spares_the_sound(void **state)
{
    (void)state;
    struct fg_subject subject;
    make_gallery();
    struct bytes b = slurp(data);
    unsigned found = 0;
    for (size_t i = 0; i + 20 < b.length; i++) {
        if (memcmp(b.at + i, "person-42", 9) != 0)
            continue;
        b.at[i + 10] ^= 1; // the slot: 33, that of person-43
        b.at[i] = 7;       // the id
        found++;
    }
    assert_true(found > 0);
    overwrite(data, &b);
    free(b.at);
    struct fg_json *json = fsck_json(1, "");
    assert_corrupt(json, 0, "\\x07erson-42", false);
    assert_true(figure(json, NULL, "keys_unused") == 1); // the one that it had
    fg_json_destroy(json);
    fg_json_destroy(fsck_json(0, "--repair"));
    struct fg_gallery *gallery = open_gallery(MODEL);
    assert_int_equal(fg_gallery_get(gallery, "person-43", &subject, &err), 0);
    fg_gallery_close(gallery);
    json = fsck_json(0, "");
    assert_true(figure(json, NULL, "records") == PEOPLE - 1);
    fg_json_destroy(json);
}

static void test_wrong_key(void **state)
{
    (void)state;
    make_gallery();
    struct bytes key = {(uint8_t *)"0123456789abcdef0123456789abcdef", 32};
    assert_int_equal(truncate(master, 0), 0);
    overwrite(master, &key);
    assert_int_equal(fsck("--repair"), 1);
    says("another master key");
}

// ---- the comparison -----------------------------------------------------------------------------

static struct fg_member member_of(const char *id, const struct fg_template *tmpl)
{
    return (struct fg_member){
        .id = id, .dimension = DIMENSION, .scale = tmpl->scale, .values = tmpl->values};
}

static void test_roster_check(void **state)
{
    (void)state;
    enum { MANY = 300 };
    static struct fg_template templates[MANY];
    struct fg_roster *roster;
    struct fg_index_options options = {.dimension = DIMENSION, .seed = 1};
    char id[32];
    assert_int_equal(fg_roster_create(&options, &roster), 0);
    for (int i = 0; i < MANY; i++) {
        float vector[DIMENSION];
        random_unit(vector, DIMENSION);
        assert_int_equal(fg_template_from_vector(vector, DIMENSION, &templates[i]), 0);
        snprintf(id, sizeof id, "p%d", i);
        struct fg_member member = member_of(id, &templates[i / 40 * 40]); // 40 alike each time
        assert_int_equal(fg_roster_put(roster, &member), 0);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "p%d", i);
        struct fg_member member = member_of(id, &templates[i / 40 * 40]);
        assert_int_equal(fg_roster_check(roster, &member, i % 2), 0);
        struct fg_template other = templates[i / 40 * 40];
        int at = i % DIMENSION; // by one step only
        int step = other.values[at] > 0 ? -1 : 1;
        other.values[at] = (int8_t)(other.values[at] + step);
        int32_t squares = 0;
        for (int k = 0; k < DIMENSION; k++)
            squares += other.values[k] * other.values[k];
        other.scale = (float)(1.0 / __builtin_sqrt(squares));
        member = member_of(id, &other);
        assert_int_equal(fg_roster_check(roster, &member, true), -EBADMSG);
    }
    struct fg_member stranger = member_of("nobody", &templates[0]);
    assert_int_equal(fg_roster_check(roster, &stranger, true), -ENOENT);
    fg_roster_destroy(roster);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_sound),
        TEST(test_empty),
        TEST(test_in_use),
        TEST(test_two_models),
        TEST(test_unused_keys),
        TEST(test_damage_and_repair),
        TEST(test_repair_spares_the_sound),
        TEST(test_wrong_key),
        cmocka_unit_test(test_roster_check),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(output);
    return failed;
}
