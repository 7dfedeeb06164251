// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/gallery.h"
#include "matcher/keys.h"
#include "matcher/master.h"

#define MODEL     0x1234u
#define DIMENSION 64
#define NOBODY    65534

// ---- a folder for each test ---------------------------------------------------------------------

static char folder[64];                                    // holds the key file and the gallery
static char directory[80], master[80], data[96], keys[96]; // paths in it
static struct fg_error err;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/fg-gallery-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(directory, sizeof directory, "%s/g", folder);
    snprintf(master, sizeof master, "%s/master", folder);
    snprintf(data, sizeof data, "%s/data.mdb", directory);
    snprintf(keys, sizeof keys, "%s/keys", directory);
    memset(&err, 0, sizeof err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"g/data.mdb", "g/lock.mdb", "g/keys",
                                        "g/keys.new", "g/lock",     "g",
                                        "master",     "other",      "facegate-master"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return rmdir(folder);
}

static struct fg_gallery_options options(void)
{
    return (struct fg_gallery_options){.directory = directory,
                                       .master_key_file = master,
                                       .make_key = true,
                                       .model = MODEL,
                                       .dimension = DIMENSION,
                                       .map_bytes = 64 << 20};
}

static struct fg_gallery *open_gallery(void)
{
    struct fg_gallery_options o = options();
    struct fg_gallery *g = NULL;
    int r = fg_gallery_open(&o, &g, &err);
    if (r)
        print_message("open: %d %s\n", r, err.text);
    assert_int_equal(r, 0);
    return g;
}

// The refusal must come with a text that holds `words`.
static void refused(const struct fg_gallery_options *o, int code, const char *words)
{
    struct fg_gallery *g = NULL;
    memset(&err, 0, sizeof err);
    assert_int_equal(fg_gallery_open(o, &g, &err), code);
    assert_null(g);
    if (!strstr(err.text, words))
        print_message("no \"%s\" in: %s\n", words, err.text);
    assert_non_null(strstr(err.text, words));
}

static struct fg_gallery_state state_of(struct fg_gallery *g)
{
    struct fg_gallery_state s;
    fg_gallery_state(g, &s);
    return s;
}

static void assert_counts(struct fg_gallery *g, uint64_t subjects, uint64_t foreign,
                          uint64_t corrupt)
{
    struct fg_gallery_state s = state_of(g);
    assert_int_equal(s.subjects, subjects);
    assert_int_equal(s.foreign, foreign);
    assert_int_equal(s.corrupt, corrupt);
}

static uint64_t keys_in_use(struct fg_gallery *g)
{
    struct fg_gallery_state s = state_of(g);
    return s.key_slots - s.key_slots_free;
}

// ---- subjects -----------------------------------------------------------------------------------

static void make_subject(struct fg_subject *s, const char *id, uint32_t seed)
{
    float vector[DIMENSION];
    uint32_t x = seed * 2654435761u + 1;
    for (int i = 0; i < DIMENSION; i++) {
        x = x * 1664525u + 1013904223u;
        vector[i] = (float)(x >> 8) / 8388608.0f - 1.0f;
    }
    memset(s, 0, sizeof *s);
    s->born = FG_NO_BIRTH;
    strcpy(s->id, id);
    s->model = MODEL;
    s->valid_until_s = seed;
    assert_int_equal(fg_subject_set_vectors(s, vector, 1, DIMENSION), 0);
}

static int put(struct fg_gallery *g, const char *id, uint32_t seed, bool replace)
{
    struct fg_subject s;
    make_subject(&s, id, seed);
    return fg_gallery_put(g, &s, replace, &err);
}

// Subjects PREFIX0 and on, at once.
static int put_crowd(struct fg_gallery *g, const char *prefix, unsigned count)
{
    struct fg_subject *s = calloc(count, sizeof *s);
    char id[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%s%u", prefix, i);
        make_subject(&s[i], id, i);
    }
    int r = fg_gallery_put_many(g, s, count, false, NULL, &err);
    free(s);
    return r;
}

// The seed that the subject was made with, or the error.
static int64_t seed_of(struct fg_gallery *g, const char *id)
{
    struct fg_subject s, expected;
    int r = fg_gallery_get(g, id, &s, &err);
    if (r < 0)
        return r;
    make_subject(&expected, id, (uint32_t)s.valid_until_s);
    assert_memory_equal(&s, &expected, sizeof s);
    return (int64_t)s.valid_until_s;
}

static int count_visit(void *context, const struct fg_member *member)
{
    assert_int_equal(member->dimension, DIMENSION);
    ++*(unsigned *)context;
    return 0;
}

// ---- bytes on disk ------------------------------------------------------------------------------

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

static void spit(const char *path, const void *bytes, size_t length, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static bool holds(const char *path, const void *needle, size_t length)
{
    struct bytes b = slurp(path);
    bool found = memmem(b.at, b.length, needle, length) != NULL;
    free(b.at);
    return found;
}

// Flips one bit `offset` bytes after every occurrence of `text` (old pages have it too).
static void damage(const char *path, const char *text, size_t offset)
{
    struct bytes b = slurp(path);
    unsigned found = 0;
    for (size_t i = 0; i + strlen(text) + offset < b.length; i++)
        if (memcmp(b.at + i, text, strlen(text)) == 0) {
            b.at[i + strlen(text) + offset] ^= 2;
            found++;
        }
    assert_int_not_equal(found, 0);
    spit(path, b.at, b.length, 0600);
    free(b.at);
}

// ---- flushes of the disk ------------------------------------------------------------------------
// These stand before libc's, for LMDB too: whatever makes a write durable is counted, and one
// file's can be made to fail.

static const char *failing_file; // syncs of a file with this name's end fail
static unsigned flushes, others; // others: ways to flush that nobody is known to use

static bool is_failing(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = failing_file ? readlink(link, path, sizeof path - 1) : -1;
    size_t tail = failing_file ? strlen(failing_file) : 0;
    return n >= (ssize_t)tail && n > 0 && memcmp(path + (size_t)n - tail, failing_file, tail) == 0;
}

int fdatasync(int fd)
{
    flushes++;
    if (!is_failing(fd))
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

int fsync(int fd)
{
    flushes++;
    return (int)syscall(SYS_fsync, fd);
}

int msync(void *at, size_t length, int flags)
{
    others++;
    return (int)syscall(SYS_msync, at, length, flags);
}

int sync_file_range(int fd, off_t from, off_t bytes, unsigned flags)
{
    others++;
    return (int)syscall(SYS_sync_file_range, fd, from, bytes, flags);
}

static void count_write(int fd)
{
    flushes += (fcntl(fd, F_GETFL) & O_DSYNC) != 0; // O_SYNC has its bit too
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    count_write(fd);
    return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    count_write(fd);
    return syscall(SYS_write, fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    count_write(fd);
    return syscall(SYS_writev, fd, pieces, count);
}

// ---- storing ------------------------------------------------------------------------------------

static void test_put_get_delete(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    assert_true(fg_gallery_key_from_file(g));
    assert_counts(g, 0, 0, 0);
    assert_int_equal(put(g, "a", 1, false), 0);
    assert_int_equal(put(g, "b", 2, true), 0);
    assert_int_equal(put(g, "a", 3, false), -EEXIST);
    assert_non_null(strstr(err.text, "a is enrolled already"));
    assert_int_equal(seed_of(g, "a"), 1);
    assert_int_equal(put(g, "a", 3, true), 0);
    assert_int_equal(seed_of(g, "a"), 3);
    assert_counts(g, 2, 0, 0);
    assert_int_equal(keys_in_use(g), 2);
    assert_int_equal(seed_of(g, "c"), -ENOENT);
    assert_int_equal(seed_of(g, "bad id"), -ENOENT);
    assert_int_equal(fg_gallery_delete(g, "c", &err), -ENOENT);
    assert_int_equal(fg_gallery_delete(g, "", &err), -ENOENT);
    assert_int_equal(fg_gallery_delete(g, "b", &err), 0);
    assert_int_equal(fg_gallery_delete(g, "b", &err), -ENOENT);
    assert_int_equal(seed_of(g, "b"), -ENOENT);
    assert_counts(g, 1, 0, 0);
    assert_int_equal(keys_in_use(g), 1);
    fg_gallery_close(g);
    fg_gallery_close(NULL);
}

static int stop_visit(void *context, const struct fg_member *member)
{
    (void)member;
    return ++*(int *)context == 2 ? 42 : 0;
}

static void test_reopen(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    char id[16];
    unsigned seen = 0;
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "s%u", i);
        assert_int_equal(put(g, id, i, false), 0);
    }
    assert_int_equal(fg_gallery_delete(g, "s7", &err), 0);
    fg_gallery_close(g);
    struct fg_gallery_options o = options();
    o.visit = count_visit;
    o.context = &seen;
    assert_int_equal(fg_gallery_open(&o, &g, &err), 0);
    assert_int_equal(seen, 19);
    assert_counts(g, 19, 0, 0);
    assert_int_equal(state_of(g).keys_erased, 0);
    assert_int_equal(keys_in_use(g), 19);
    assert_true(state_of(g).bytes > 0);
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "s%u", i);
        assert_int_equal(seed_of(g, id), i == 7 ? -ENOENT : (int64_t)i);
    }
    seen = 0;
    assert_int_equal(fg_gallery_each(g, count_visit, &seen), 0);
    assert_int_equal(seen, 19);
    int calls = 0;
    assert_int_equal(fg_gallery_each(g, stop_visit, &calls), 42);
    assert_int_equal(calls, 2);
    assert_counts(g, 19, 0, 0);
    fg_gallery_close(g);
    calls = 0;
    o.visit = stop_visit;
    o.context = &calls;
    g = NULL;
    assert_int_equal(fg_gallery_open(&o, &g, &err), 42);
    assert_null(g);
}

static void test_put_many(void **state)
{
    (void)state;
    enum { MANY = 1500 };
    struct fg_gallery *g = open_gallery();
    struct fg_subject *s = calloc(MANY, sizeof *s);
    unsigned failed = 0;
    char id[16];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "m%u", i);
        make_subject(&s[i], id, i);
    }
    assert_int_equal(fg_gallery_put_many(g, s, 0, false, NULL, &err), 0);
    assert_int_equal(fg_gallery_put_many(g, s, MANY, false, &failed, &err), 0);
    assert_counts(g, MANY, 0, 0);
    assert_int_equal(keys_in_use(g), MANY);
    assert_int_equal(seed_of(g, "m1499"), 1499);
    // one that exists, one that is malformed, one twice: all or none
    strcpy(s[0].id, "n0");
    strcpy(s[1].id, "n1");
    assert_int_equal(fg_gallery_put_many(g, s, 3, false, &failed, &err), -EEXIST);
    assert_int_equal(failed, 2);
    s[1].dimension = 0;
    assert_int_equal(fg_gallery_put_many(g, s, 2, false, &failed, &err), -EINVAL);
    assert_int_equal(failed, 1);
    s[1] = s[0];
    assert_int_equal(fg_gallery_put_many(g, s, 2, false, &failed, &err), -EEXIST);
    assert_int_equal(failed, 1);
    assert_int_equal(seed_of(g, "n0"), -ENOENT);
    assert_counts(g, MANY, 0, 0);
    assert_int_equal(keys_in_use(g), MANY);
    // replacing: the last of equals wins
    make_subject(&s[1], "n0", 777);
    assert_int_equal(fg_gallery_put_many(g, s, 3, true, &failed, &err), 0);
    assert_int_equal(seed_of(g, "n0"), 777);
    assert_counts(g, MANY + 1, 0, 0);
    assert_int_equal(keys_in_use(g), MANY + 1);
    fg_gallery_close(g);
    g = open_gallery();
    assert_counts(g, MANY + 1, 0, 0);
    assert_int_equal(state_of(g).keys_erased, 0);
    fg_gallery_close(g);
    free(s);
}

// What a change costs in flushes, whoever makes them.
static unsigned flushes_of(struct fg_gallery *g, struct fg_change *changes, unsigned count)
{
    unsigned before = flushes;
    fg_gallery_apply(g, changes, count);
    assert_int_equal(others, 0);
    return flushes - before;
}

static void test_flushes(void **state)
{
    (void)state;
    enum { MANY = 1500 };
    struct fg_gallery *g = open_gallery();
    struct fg_subject *s = calloc(MANY, sizeof *s);
    char id[16];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "m%u", i);
        make_subject(&s[i], id, i);
    }
    for (unsigned i = 0; i < 600; i++) { // the stock runs low, and is filled when nobody waits
        struct fg_change lone = {.subjects = &s[i], .count = 1};
        assert_in_range(flushes_of(g, &lone, 1), 1, 2);
        assert_int_equal(lone.result, 0);
        fg_gallery_restock(g);
    }
    struct fg_change many = {.subjects = s, .count = MANY, .replace = true};
    assert_in_range(flushes_of(g, &many, 1), 1, 5); // a third for its keys, two for those replaced
    assert_int_equal(many.result, 0);
    struct fg_change gone[100] = {0};
    char ids[100][16];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(ids[i], sizeof ids[i], "m%u", i);
        gone[i].id = ids[i];
    }
    assert_in_range(flushes_of(g, gone, 100), 1, 4);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(gone[i].result, 0);
    assert_counts(g, MANY - 100, 0, 0);
    // what is refused costs nothing
    gone[0].id = "m0";
    assert_int_equal(flushes_of(g, gone, 1), 0);
    assert_int_equal(gone[0].result, -ENOENT);
    fg_gallery_close(g);
    free(s);
}

static struct fg_change putting(const struct fg_subject *subjects, unsigned count, bool replace)
{
    return (struct fg_change){.subjects = subjects, .count = count, .replace = replace};
}

// Each change of a group has its own outcome, as if they came one after the other.
static void test_group(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    static struct fg_subject s[8];
    static const char *const ids[] = {"a", "b", "c", "b", "a", "d", "e", "f"};
    for (uint32_t i = 0; i < 8; i++)
        make_subject(&s[i], ids[i], i + 1);
    s[6].dimension = 0; // e can't be stored
    struct fg_change group[] = {
        putting(&s[0], 1, false), // a
        putting(&s[1], 3, false), // b, c, b again: none of them
        putting(&s[1], 2, false), // b, c
        {.id = "b"},
        putting(&s[3], 1, false), // b again
        putting(&s[4], 1, false), // a is there
        putting(&s[4], 1, true),  // takes its place
        putting(&s[5], 3, true),  // d, e, f: none of them
        {.id = "nobody"},
        {.id = "not an id"},
        {.id = "c"},
        putting(&s[7], 1, false), // f
    };
    static const struct {
        int result;
        unsigned failed;
    } want[] = {{0, 1}, {-EEXIST, 2}, {0, 2},       {0, 0},       {0, 1}, {-EEXIST, 0},
                {0, 1}, {-EINVAL, 1}, {-ENOENT, 0}, {-ENOENT, 0}, {0, 0}, {0, 1}};
    enum { COUNT = sizeof group / sizeof *group };
    fg_gallery_apply(g, group, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        if (group[i].result != want[i].result || group[i].failed != want[i].failed)
            fail_msg("change %u: %d, failed %u: %s", i, group[i].result, group[i].failed,
                     group[i].err.text);
        assert_true((group[i].result == 0) == (group[i].err.text[0] == '\0'));
    }
    for (int round = 0; round < 2; round++) { // now, and after opening again
        assert_counts(g, 3, 0, 0);
        assert_int_equal(keys_in_use(g), 3);
        assert_int_equal(seed_of(g, "a"), 5);
        assert_int_equal(seed_of(g, "b"), 4);
        assert_int_equal(seed_of(g, "c"), -ENOENT);
        assert_int_equal(seed_of(g, "d"), -ENOENT);
        assert_int_equal(seed_of(g, "f"), 8);
        assert_int_equal(state_of(g).keys_erased, 0);
        fg_gallery_close(g);
        g = open_gallery();
    }
    fg_gallery_close(g);
}

// Any number of threads finds the same, in the same order.
struct seen {
    unsigned count;
    char last[FG_SUBJECT_ID];
    uint64_t sum;
};

static int seen_visit(void *context, const struct fg_member *member)
{
    struct seen *seen = context;
    assert_true(strcmp(member->id, seen->last) > 0);
    strcpy(seen->last, member->id);
    seen->count++;
    seen->sum = seen->sum * 31 + member->valid_until_s + (uint8_t)member->values[3];
    assert_null(member->tags);
    return seen->count == 100000 ? 7 : 0;
}

static void test_threads(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put_crowd(g, "subject-", 5000), 0);
    fg_gallery_close(g);
    damage(data, "subject-3777", 60);
    struct seen first = {0};
    for (unsigned threads = 1; threads <= 8; threads += threads > 2 ? 5 : 1) {
        struct fg_gallery_options o = options();
        struct seen seen = {0};
        o.threads = threads;
        o.visit = seen_visit;
        o.context = &seen;
        assert_int_equal(fg_gallery_open(&o, &g, &err), 0);
        if (threads == 1)
            first = seen;
        assert_int_equal(state_of(g).corrupt, 1);
        assert_int_equal(state_of(g).corrupt + seen.count, 5000);
        assert_int_equal(seen.count, first.count);
        assert_true(seen.sum == first.sum);
        assert_int_equal(state_of(g).keys_erased, 0); // a damaged record's own key stays
        seen = (struct seen){.count = 100000 - 3000};
        assert_int_equal(fg_gallery_each(g, seen_visit, &seen), 7); // stopped on the way
        fg_gallery_close(g);
    }
}

static void test_other_model(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    struct fg_subject s;
    unsigned seen = 0;
    assert_int_equal(put(g, "a", 1, false), 0);
    make_subject(&s, "b", 2);
    s.model++;
    assert_int_equal(fg_gallery_put(g, &s, false, &err), -EINVAL);
    assert_non_null(strstr(err.text, "model"));
    fg_gallery_close(g);
    struct fg_gallery_options o = options();
    o.model++;
    assert_int_equal(fg_gallery_open(&o, &g, &err), 0);
    assert_counts(g, 0, 1, 0);
    assert_int_equal(fg_gallery_each(g, count_visit, &seen), 0);
    assert_int_equal(seen, 0);
    assert_int_equal(fg_gallery_put(g, &s, false, &err), 0);
    assert_counts(g, 1, 1, 0);
    strcpy(s.id, "a");
    assert_int_equal(fg_gallery_put(g, &s, false, &err), -EEXIST);
    assert_int_equal(fg_gallery_put(g, &s, true, &err), 0);
    assert_counts(g, 2, 0, 0);
    fg_gallery_close(g);
}

// ---- keys ---------------------------------------------------------------------------------------

static void test_master_key_forms(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g;
    struct stat st;
    uint8_t raw[FG_SEAL_KEY];
    o.make_key = false;
    refused(&o, -ENOKEY, "restore it");
    assert_true(access(keys, F_OK) < 0); // no half a gallery
    g = open_gallery();
    assert_int_equal(put(g, "a", 1, false), 0);
    fg_gallery_close(g);
    assert_int_equal(stat(master, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    struct bytes b = slurp(master);
    assert_int_equal(b.length, 65);
    assert_int_equal(b.at[64], '\n');
    assert_int_equal(fg_seal_from_hex((char *)b.at, 64, raw, sizeof raw), 0);
    spit(master, b.at, 64, 0400); // no newline, read-only
    fg_gallery_close(open_gallery());
    spit(master, raw, sizeof raw, 0600);
    g = open_gallery();
    assert_int_equal(seed_of(g, "a"), 1);
    fg_gallery_close(g);
    spit(master, b.at, 65, 0640);
    refused(&o, -EPERM, "chmod 600");
    spit(master, b.at, 65, 0604);
    refused(&o, -EPERM, "chmod 600");
    spit(master, b.at, 63, 0600);
    refused(&o, -EINVAL, "64 hex digits");
    spit(master, "", 0, 0600);
    refused(&o, -EINVAL, "64 hex digits");
    b.at[5] = 'g';
    spit(master, b.at, 65, 0600);
    refused(&o, -EINVAL, "64 hex digits");
    b.at = realloc(b.at, 66);
    memset(b.at, 'a', 66);
    spit(master, b.at, 66, 0600);
    refused(&o, -EINVAL, "64 hex digits");
    free(b.at);
}

static void test_credential(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g;
    char path[96];
    o.master_key_file = NULL;
    unsetenv("CREDENTIALS_DIRECTORY");
    refused(&o, -ENOKEY, "LoadCredential");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    refused(&o, -ENOKEY, "facegate-master");
    snprintf(path, sizeof path, "%s/facegate-master", folder);
    spit(path, "0123456789abcdef0123456789abcdef", 32, 0440);
    assert_int_equal(fg_gallery_open(&o, &g, &err), 0);
    assert_false(fg_gallery_key_from_file(g));
    fg_gallery_close(g);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_wrong_master_key(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "a", 1, false), 0);
    fg_gallery_close(g);
    struct bytes good = slurp(master);
    spit(master, "0123456789abcdef0123456789abcdef", 32, 0600);
    refused(&o, -EKEYREJECTED, "another master key");
    // a lost key is never made anew beside a gallery
    unlink(master);
    refused(&o, -ENOKEY, "restore it");
    assert_true(access(master, F_OK) < 0);
    spit(master, good.at, good.length, 0600);
    g = open_gallery();
    assert_int_equal(seed_of(g, "a"), 1);
    fg_gallery_close(g);
    free(good.at);
}

static void test_halves_that_do_not_match(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "a", 1, false), 0);
    fg_gallery_close(g);
    struct bytes d = slurp(data), k = slurp(keys);
    unlink(keys);
    refused(&o, -EBADMSG, "no key file");
    spit(keys, k.at, k.length, 0600);
    unlink(data);
    refused(&o, -EBADMSG, "new or empty");
    unlink(data);
    unlink(keys);
    fg_gallery_close(open_gallery()); // another gallery under the same master key
    spit(data, d.at, d.length, 0600);
    refused(&o, -EBADMSG, "different galleries");
    spit(keys, k.at, k.length, 0600);
    g = open_gallery();
    assert_int_equal(seed_of(g, "a"), 1); // no refusal cost anything
    fg_gallery_close(g);
    free(d.at);
    free(k.at);
}

static void test_bad_key_file(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    fg_gallery_close(open_gallery());
    struct bytes k = slurp(keys);
    spit(keys, k.at, 100, 0600);
    refused(&o, -EBADMSG, "too short");
    k.at[0] ^= 1;
    spit(keys, k.at, k.length, 0600);
    refused(&o, -EBADMSG, "not a key file");
    k.at[0] ^= 1;
    k.at[8] = 9;
    spit(keys, k.at, k.length, 0600);
    refused(&o, -EPROTONOSUPPORT, "version 9");
    k.at[8] = 2;
    k.at[20] ^= 1; // the gallery's id
    spit(keys, k.at, k.length, 0600);
    refused(&o, -EKEYREJECTED, "another master key");
    free(k.at);
}

static void test_unused_keys_are_erased(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    struct fg_keys *k;
    uint8_t *key, drawn[FG_SEAL_KEY];
    uint32_t slots[3];
    assert_int_equal(put(g, "a", 1, false), 0);
    fg_gallery_close(g);
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fg_master_read(master, false, &key, &err), 0);
    assert_int_equal(fg_keys_open(fd, key, &k, &err), 0);
    assert_int_equal(fg_keys_stock(k, 3, &err), 0);
    for (int i = 0; i < 3; i++)
        slots[i] = fg_keys_take(k, drawn);
    fg_keys_close(k);
    close(fd);
    struct bytes before = slurp(keys);
    g = open_gallery();
    assert_int_equal(state_of(g).keys_erased, 3);
    assert_int_equal(keys_in_use(g), 1);
    assert_int_equal(seed_of(g, "a"), 1);
    fg_gallery_close(g);
    struct bytes after = slurp(keys);
    static const uint8_t zeros[FG_KEYS_SLOT];
    for (int i = 0; i < 3; i++) {
        size_t at = FG_KEYS_HEADER + (size_t)slots[i] * FG_KEYS_SLOT;
        assert_memory_not_equal(before.at + at, zeros, FG_KEYS_SLOT);
        assert_memory_equal(after.at + at, zeros, FG_KEYS_SLOT);
    }
    free(before.at);
    free(after.at);
}

// What a thief of the disk who has the master key could do: try every key that the key file holds
// on whatever record of this id is left in the database file.
static unsigned openable(const char *id)
{
    struct bytes d = slurp(data), k = slurp(keys);
    uint8_t raw[FG_SEAL_KEY], wrapping[FG_SEAL_KEY], key[FG_SEAL_KEY];
    uint8_t plain[FG_SUBJECT_BYTES], bind[128];
    struct bytes m = slurp(master);
    unsigned opened = 0;
    size_t length = strlen(id), sealed = 0;
    struct fg_subject s;
    uint8_t packed[FG_SUBJECT_BYTES];
    make_subject(&s, id, 1);
    sealed = (size_t)fg_subject_pack(&s, packed) + FG_SEAL_TAG;
    assert_int_equal(fg_seal_from_hex((char *)m.at, 64, raw, sizeof raw), 0);
    fg_seal_derive(raw, k.at + 16, wrapping); // with the gallery's id
    for (size_t i = 0; i + length + 29 + sealed <= d.length; i++) {
        if (memcmp(d.at + i, id, length) != 0)
            continue;
        const uint8_t *record = d.at + i + length;
        memcpy(bind, record, 5);
        memcpy(bind + 5, id, length);
        for (uint32_t slot = 0; slot < (k.length - FG_KEYS_HEADER) / FG_KEYS_SLOT; slot++) {
            const uint8_t *at = k.at + FG_KEYS_HEADER + slot * FG_KEYS_SLOT;
            fg_seal_derive(wrapping, at, key);
            for (size_t n = 0; n < sizeof key; n++)
                key[n] ^= at[FG_SEAL_INPUT + n];
            if (fg_unseal(key, record + 5, bind, 5 + length, record + 29, sealed, plain) == 0)
                opened++;
        }
    }
    free(d.at);
    free(k.at);
    free(m.at);
    return opened;
}

static void test_delete_erases_the_key(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "person-to-forget", 1, false), 0);
    assert_int_equal(put(g, "person-to-keep", 1, false), 0);
    assert_true(openable("person-to-forget") > 0);
    struct bytes d = slurp(data), before = slurp(keys), after;
    uint8_t *at = memmem(d.at, d.length, "person-to-forget", 16), record[128], slot[FG_KEYS_SLOT];
    assert_non_null(at);
    memcpy(record, at + 16, sizeof record);
    size_t offset = FG_KEYS_HEADER + (size_t)record[1] * FG_KEYS_SLOT;
    memcpy(slot, before.at + offset, sizeof slot);
    assert_int_equal(fg_gallery_delete(g, "person-to-forget", &err), 0);
    after = slurp(keys);
    assert_null(memmem(after.at, after.length, slot, sizeof slot));
    assert_null(memmem(after.at, after.length, slot + FG_SEAL_INPUT, FG_SEAL_KEY));
    assert_true(holds(data, record, sizeof record)); // the old page is still there
    assert_int_equal(openable("person-to-forget"), 0);
    assert_true(openable("person-to-keep") > 0);
    // and so it is for the record that a replacement left behind
    assert_int_equal(put(g, "person-to-keep", 2, true), 0);
    fg_gallery_close(g); // which overwrites the keys that were drawn ahead
    struct bytes end = slurp(keys);
    unsigned used = 0;
    for (size_t i = FG_KEYS_HEADER; i + FG_KEYS_SLOT <= end.length; i += FG_KEYS_SLOT)
        used += end.at[i] || memcmp(end.at + i, end.at + i + 1, FG_KEYS_SLOT - 1) != 0;
    assert_int_equal(used, 1);
    free(d.at);
    free(before.at);
    free(after.at);
    free(end.at);
}

static void test_nothing_in_plain(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    struct fg_subject s;
    uint8_t raw[FG_SEAL_KEY];
    make_subject(&s, "a", 5);
    strcpy(s.tags[0], "flight-ZZ999");
    s.n_tags = 1;
    assert_int_equal(fg_gallery_put(g, &s, false, &err), 0);
    assert_true(holds(data, "a", 1));
    assert_false(holds(data, s.average.values, 16));
    assert_false(holds(keys, s.average.values, 16));
    assert_false(holds(data, "ZZ999", 5));
    struct bytes m = slurp(master);
    assert_int_equal(fg_seal_from_hex((char *)m.at, 64, raw, sizeof raw), 0);
    assert_false(holds(keys, raw, sizeof raw));
    assert_false(holds(data, raw, sizeof raw));
    fg_gallery_close(g);
    free(m.at);
}

// ---- damage -------------------------------------------------------------------------------------

static void test_other_schema_version(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "a", 1, false), 0);
    fg_gallery_close(g);
    damage(data, "schema", 0); // 1 becomes 3
    refused(&o, -EPROTONOSUPPORT, "schema version 3, this program reads version 1");
    damage(data, "schema", 0);
    g = open_gallery();
    assert_int_equal(seed_of(g, "a"), 1);
    fg_gallery_close(g);
}

static void test_corrupt_record(void **state)
{
    (void)state;
    unsigned seen = 0;
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "subject-one", 1, false), 0);
    assert_int_equal(put(g, "subject-two", 2, false), 0);
    assert_int_equal(put(g, "subject-three", 3, false), 0);
    fg_gallery_close(g);
    damage(data, "subject-one", 60);  // its sealed bytes
    damage(data, "subject-three", 1); // its slot: 2 becomes 0, that of subject-one
    g = open_gallery();
    assert_counts(g, 1, 0, 2);
    assert_int_equal(fg_gallery_each(g, count_visit, &seen), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(seed_of(g, "subject-one"), -EBADMSG);
    assert_non_null(strstr(err.text, "enrol again"));
    assert_int_equal(seed_of(g, "subject-two"), 2);
    assert_int_equal(put(g, "subject-one", 4, false), -EEXIST);
    assert_int_equal(put(g, "subject-one", 4, true), 0);
    assert_counts(g, 2, 0, 1);
    assert_int_equal(fg_gallery_delete(g, "subject-three", &err), 0);
    assert_counts(g, 2, 0, 0);
    assert_int_equal(seed_of(g, "subject-one"), 4);
    fg_gallery_close(g);
}

// A damaged record that names another's slot must not take that key with it.
static void test_corrupt_slot_number(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "subject-one", 1, false), 0);   // slot 0
    assert_int_equal(put(g, "subject-two", 2, false), 0);   // slot 1
    assert_int_equal(put(g, "subject-three", 3, false), 0); // slot 2
    fg_gallery_close(g);
    damage(data, "subject-three", 1); // slot 0 now
    g = open_gallery();
    assert_counts(g, 2, 0, 1);
    assert_int_equal(state_of(g).keys_erased, 1);
    assert_int_equal(fg_gallery_delete(g, "subject-three", &err), 0);
    assert_int_equal(seed_of(g, "subject-one"), 1);
    fg_gallery_close(g);
    g = open_gallery();
    assert_counts(g, 2, 0, 0);
    fg_gallery_close(g);
}

static void test_corrupt_key_slot(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "subject-one", 1, false), 0);
    assert_int_equal(put(g, "subject-two", 2, false), 0);
    fg_gallery_close(g);
    struct bytes k = slurp(keys);
    uint8_t first[FG_KEYS_SLOT]; // the two keys change places
    memcpy(first, k.at + FG_KEYS_HEADER, sizeof first);
    memcpy(k.at + FG_KEYS_HEADER, k.at + FG_KEYS_HEADER + FG_KEYS_SLOT, FG_KEYS_SLOT);
    memcpy(k.at + FG_KEYS_HEADER + FG_KEYS_SLOT, first, FG_KEYS_SLOT);
    spit(keys, k.at, k.length, 0600);
    g = open_gallery();
    assert_counts(g, 0, 0, 2);
    fg_gallery_close(g);
    memcpy(k.at + FG_KEYS_HEADER + FG_KEYS_SLOT, k.at + FG_KEYS_HEADER, FG_KEYS_SLOT);
    memcpy(k.at + FG_KEYS_HEADER, first, FG_KEYS_SLOT);
    spit(keys, k.at, k.length, 0600);
    g = open_gallery(); // a damaged record's key was not erased: repair helps
    assert_counts(g, 2, 0, 0);
    fg_gallery_close(g);
    free(k.at);
}

static void test_damaged_database(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "a", 1, false), 0);
    fg_gallery_close(g);
    struct bytes d = slurp(data);
    memset(d.at, 0x5a, 8192); // both of LMDB's first pages
    spit(data, d.at, d.length, 0600);
    refused(&o, -EBADMSG, "damaged");
    free(d.at);
}

// A record counted as sound whose key is damaged later: the counters follow, they don't wrap.
static void test_damaged_while_open(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "subject-one", 1, false), 0);
    assert_int_equal(put(g, "subject-two", 2, false), 0);
    int fd = open(keys, O_WRONLY);
    assert_int_equal(pwrite(fd, "damage", 6, FG_KEYS_HEADER + 30), 6);
    close(fd);
    assert_int_equal(fg_gallery_delete(g, "subject-one", &err), 0);
    assert_counts(g, 1, 0, 0);
    fg_gallery_close(g);
}

// A file cut short (a restore that ran out of disk) is said so, not met as a SIGBUS.
static void test_truncated_database(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g = open_gallery();
    char id[16];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "s%u", i);
        assert_int_equal(put(g, id, i, false), 0);
    }
    uint64_t used = state_of(g).bytes;
    fg_gallery_close(g);
    for (uint64_t length = 8192; length < used; length += 4096) {
        assert_int_equal(truncate(data, (off_t)length), 0);
        refused(&o, -EBADMSG, "damaged");
        struct bytes d = slurp(data);
        assert_int_equal(d.length, length); // and left as it was
        free(d.at);
        assert_int_equal(truncate(data, (off_t)used), 0);
    }
}

// ---- the machine's limits -----------------------------------------------------------------------

static void test_opened_twice(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g = open_gallery();
    refused(&o, -EBUSY, "another facegate-matcher");
    assert_int_equal(put(g, "a", 1, false), 0); // the first one lives on
    fg_gallery_close(g);
    fg_gallery_close(open_gallery());
}

static void test_bad_options(void **state)
{
    (void)state;
    char path[128];
    struct fg_gallery_options o = options();
    o.dimension = 0;
    refused(&o, -EINVAL, "dimension");
    o = options();
    o.directory = NULL;
    refused(&o, -EINVAL, "directory");
    snprintf(path, sizeof path, "%s/no/such", folder);
    o.directory = path;
    refused(&o, -ENOENT, "no/such");
    o.directory = master;
    spit(master, "0123456789abcdef0123456789abcdef", 32, 0600);
    refused(&o, -ENOTDIR, "master");
}

// In a child that becomes nobody: 0 when opening gives `code`.
static void as_nobody(int code)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct fg_gallery_options o = options();
        struct fg_gallery *g;
        if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
            _exit(99);
        int r = fg_gallery_open(&o, &g, &err);
        _exit(r == code && strstr(err.text, "not writable") ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_not_writable(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("needs root to become nobody\n");
        skip();
    }
    chmod(folder, 0755);
    as_nobody(-EACCES); // the directory cannot be made
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "a", 1, false), 0);
    fg_gallery_close(g);
    as_nobody(-EACCES); // it cannot be read
    chmod(directory, 0755);
    as_nobody(-EACCES); // it cannot be written
    g = open_gallery();
    assert_int_equal(seed_of(g, "a"), 1);
    fg_gallery_close(g);
}

// Fills the gallery; whatever was acknowledged is there, deleting works and makes room.
static void fill_up(struct fg_gallery *g, const char *words)
{
    enum { GROUP = 32 };
    static struct fg_subject s[GROUP];
    uint32_t stored = 0;
    int r = 0;
    char id[32];
    while (r == 0 && stored < 100000) {
        for (uint32_t i = 0; i < GROUP; i++) {
            snprintf(id, sizeof id, "f%06u", stored + i);
            make_subject(&s[i], id, stored + i);
        }
        r = fg_gallery_put_many(g, s, GROUP, false, NULL, &err);
        stored += r == 0 ? GROUP : 0;
    }
    assert_int_equal(r, -ENOSPC);
    assert_non_null(strstr(err.text, words));
    assert_true(stored > 0);
    assert_counts(g, stored, 0, 0);
    assert_int_equal(keys_in_use(g), stored);
    assert_int_equal(seed_of(g, "f000000"), 0);
    for (uint32_t i = 0; i < stored; i++) {
        snprintf(id, sizeof id, "f%06u", i);
        if (i % 16 == 0)
            assert_int_equal(seed_of(g, id), i);
        if (i < stored / 2) {
            r = fg_gallery_delete(g, id, &err);
            if (r)
                print_message("delete %s: %d %s\n", id, r, err.text);
            assert_int_equal(r, 0);
        }
    }
    assert_counts(g, stored - stored / 2, 0, 0);
    assert_int_equal(put(g, "again", 1, false), 0);
    assert_int_equal(keys_in_use(g), stored - stored / 2 + 1);
}

static void test_map_full(void **state)
{
    (void)state;
    struct fg_gallery_options o = options();
    struct fg_gallery *g;
    o.map_bytes = 160 << 10;
    assert_int_equal(fg_gallery_open(&o, &g, &err), 0);
    fill_up(g, "gallery_mib");
    uint64_t subjects = state_of(g).subjects;
    fg_gallery_close(g);
    assert_int_equal(fg_gallery_open(&o, &g, &err), 0); // still full, with the same limit
    assert_int_equal(fg_gallery_delete(g, "again", &err), 0);
    assert_int_equal(put(g, "again", 1, false), 0);
    fg_gallery_close(g);
    g = open_gallery();
    assert_counts(g, subjects, 0, 0);
    assert_int_equal(state_of(g).keys_erased, 0);
    fg_gallery_close(g);
}

static void test_disk_full(void **state)
{
    (void)state;
    int status;
    assert_int_equal(mkdir(directory, 0700), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { // a mount that ends with the child
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", directory, "tmpfs", 0, "size=2m") < 0)
            _exit(99);
        struct fg_gallery *g = open_gallery();
        fill_up(g, "disk full");
        fg_gallery_close(g);
        g = open_gallery();
        _exit(state_of(g).corrupt ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
        print_message("mounting a small tmpfs is not permitted here\n");
        skip();
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_sync_fails(void **state)
{
    (void)state;
    struct fg_gallery *g = open_gallery();
    assert_int_equal(put(g, "a", 1, false), 0);
    assert_int_equal(put(g, "b", 2, false), 0);
    failing_file = "/g/data.mdb";
    assert_int_equal(put(g, "c", 3, false), -EIO);
    assert_int_equal(put(g, "a", 4, true), -EIO);
    assert_int_equal(fg_gallery_delete(g, "a", &err), -EIO);
    assert_counts(g, 2, 0, 0);
    assert_int_equal(keys_in_use(g), 2);
    failing_file = "/g/keys";
    // more than the keys in stock need new ones: all or nothing
    assert_int_equal(put_crowd(g, "n", 2000), -EIO);
    assert_counts(g, 2, 0, 0);
    assert_int_equal(put(g, "c", 3, false), 0); // its key is in stock
    assert_int_equal(put(g, "a", 4, true), 0);  // the old key resists
    assert_int_equal(fg_gallery_delete(g, "b", &err), -EKEYEXPIRED);
    assert_non_null(strstr(err.text, "subject b is deleted"));
    failing_file = NULL;
    assert_int_equal(seed_of(g, "a"), 4);
    assert_int_equal(seed_of(g, "b"), -ENOENT);
    assert_int_equal(seed_of(g, "c"), 3);
    assert_counts(g, 2, 0, 0);
    fg_gallery_close(g);
    g = open_gallery(); // the keys of b and of the old a, and what the refused ones left
    assert_true(state_of(g).keys_erased >= 2);
    assert_int_equal(keys_in_use(g), 2);
    assert_int_equal(seed_of(g, "a"), 4);
    fg_gallery_close(g);
}

// ---- crashes ------------------------------------------------------------------------------------

struct ack {
    uint32_t number, seed; // seed 0: deleted
};

static void report(int fd, uint32_t number, uint32_t seed)
{
    struct ack ack = {number, seed};
    if (write(fd, &ack, sizeof ack) != (ssize_t)sizeof ack)
        _exit(2);
}

// Enrols without end; now and then replaces or deletes the one before.
static void enrol_until_killed(int fd, uint32_t first)
{
    struct fg_gallery *g = open_gallery();
    char id[16];
    for (uint32_t i = first;; i++) {
        snprintf(id, sizeof id, "c%u", i);
        if (put(g, id, i + 1, false))
            _exit(3);
        report(fd, i, i + 1);
        if (i % 3 == 1) {
            if (put(g, id, i + 2, true))
                _exit(4);
            report(fd, i, i + 2);
        } else if (i % 3 == 2) {
            report(fd, i, UINT32_MAX); // from here it may be gone
            if (fg_gallery_delete(g, id, &err))
                _exit(5);
            report(fd, i, 0);
        }
    }
}

// The same in groups of ever other sizes: of each, the last is deleted with the next.
static void enrol_groups_until_killed(int fd, uint32_t first)
{
    enum { MOST_OF_GROUP = 40 };
    static struct fg_subject s[MOST_OF_GROUP];
    static struct fg_change changes[MOST_OF_GROUP + 1];
    struct fg_gallery *g = open_gallery();
    char gone[16] = "";
    for (uint32_t i = first;;) {
        uint32_t n = 1 + i % MOST_OF_GROUP, k = 0;
        for (; k < n; k++) {
            char id[16];
            snprintf(id, sizeof id, "c%u", i + k);
            make_subject(&s[k], id, i + k + 1);
            changes[k] = (struct fg_change){.subjects = &s[k], .count = 1};
        }
        if (gone[0]) {
            report(fd, i - 1, UINT32_MAX); // from here it may be gone
            changes[k++] = (struct fg_change){.id = gone};
        }
        fg_gallery_apply(g, changes, k);
        for (uint32_t c = 0; c < k; c++)
            if (changes[c].result)
                _exit(6);
        if (gone[0])
            report(fd, i - 1, 0);
        for (uint32_t c = 0; c < n; c++)
            report(fd, i + c, i + c + 1);
        i += n;
        snprintf(gone, sizeof gone, "c%u", i - 1);
        fg_gallery_restock(g);
    }
}

// What the child acknowledged before it was killed; index: number.
static uint32_t run_and_kill(uint32_t *seeds, uint32_t first, useconds_t after,
                             void (*enrol)(int fd, uint32_t first))
{
    int pipe_fds[2], status;
    struct ack ack;
    uint32_t next = first;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipe_fds[0]);
        enrol(pipe_fds[1], first);
    }
    close(pipe_fds[1]);
    bool waiting = true;
    while (read(pipe_fds[0], &ack, sizeof ack) == (ssize_t)sizeof ack) {
        seeds[ack.number] = ack.seed;
        next = ack.number + 1;
        if (waiting) {
            usleep(after);
            kill(pid, SIGKILL);
            waiting = false;
        }
    }
    close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return next + 1; // the next one may have been stored without an acknowledgement
}

static void test_killed_at_random(void **state)
{
    (void)state;
    enum { ROUNDS = 20, MOST = 100000 };
    uint32_t *seeds = calloc(MOST, sizeof *seeds), next = 0, acknowledged = 0;
    char id[16];
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        next = run_and_kill(seeds, next, (useconds_t)(rand() % 50000), enrol_until_killed);
        assert_in_range(next, 1, MOST / 2);
        struct fg_gallery *g = open_gallery();
        assert_int_equal(state_of(g).corrupt, 0);
        assert_int_equal(keys_in_use(g), state_of(g).subjects);
        for (uint32_t i = 0; i < next; i++) {
            snprintf(id, sizeof id, "c%u", i);
            int64_t seed = seed_of(g, id);
            if (seeds[i] == UINT32_MAX) {
                assert_true(seed == -ENOENT || seed == (int64_t)i + 1);
            } else if (seeds[i]) { // a replacement may be in without its acknowledgement
                assert_true(seed == seeds[i] || (i % 3 == 1 && seed == (int64_t)i + 2));
                acknowledged++;
            } else {
                assert_true(seed == -ENOENT || seed == (int64_t)i + 1);
            }
        }
        fg_gallery_close(g);
    }
    assert_true(acknowledged > ROUNDS);
    free(seeds);
}

// After a group was cut off all of it is there or nothing, and what was acknowledged is.
static void test_killed_in_groups(void **state)
{
    (void)state;
    enum { ROUNDS = 20, MOST = 200000 };
    uint32_t *seeds = calloc(MOST, sizeof *seeds), next = 0, acknowledged = 0;
    char id[16];
    srand(2);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t first = next;
        next = run_and_kill(seeds, next, (useconds_t)(rand() % 50000), enrol_groups_until_killed);
        assert_in_range(next, 1, MOST / 2);
        struct fg_gallery *g = open_gallery();
        assert_int_equal(state_of(g).corrupt, 0);
        assert_int_equal(keys_in_use(g), state_of(g).subjects);
        for (uint32_t i = first; i < next; i++) {
            snprintf(id, sizeof id, "c%u", i);
            int64_t seed = seed_of(g, id);
            bool there = seed == (int64_t)i + 1;
            assert_true(there || seed == -ENOENT);
            if (seeds[i] && seeds[i] != UINT32_MAX)
                assert_true(there);
            acknowledged += seeds[i] && seeds[i] != UINT32_MAX;
        }
        next += 40; // a group may have been stored without an acknowledgement
        fg_gallery_close(g);
    }
    assert_true(acknowledged > ROUNDS);
    free(seeds);
}

// ---- vault records ------------------------------------------------------------------------------

static void vault_id(unsigned n, uint8_t ret[FG_VAULT_ID])
{
    memset(ret, 0, FG_VAULT_ID);
    ret[0] = (uint8_t)(n * 37); // in no order of their age
    ret[1] = (uint8_t)(n >> 8);
    ret[2] = (uint8_t)n;
}

// Those whose time is over go, a bounded number a call, whatever lies between them.
static void test_vault_expires(void **state)
{
    enum { RECORDS = 3 * FG_VAULT_LOOKS + 10, OVER_S = 1000 };
    uint8_t id[FG_VAULT_ID], kept[FG_VAULT_MOST];
    struct fg_gallery *g = open_gallery();
    unsigned removed = 0, calls = 0;
    (void)state;
    for (unsigned n = 0; n < RECORDS; n++) {
        vault_id(n, id);
        uint64_t until_s = n % 3 == 0 ? OVER_S : n % 3 == 1 ? OVER_S + 1 : 0; // 0: for ever
        assert_int_equal(fg_gallery_vault_put(g, id, until_s, "sealed", 6, &err), 0);
    }
    assert_int_equal(fg_gallery_vault_expire(g, OVER_S - 1), 0);
    for (; removed < (RECORDS + 2) / 3; calls++) {
        int r = fg_gallery_vault_expire(g, OVER_S);
        assert_in_range(r, 0, FG_VAULT_LOOKS);
        assert_true(calls < 2 * RECORDS / FG_VAULT_LOOKS);
        removed += (unsigned)r;
    }
    assert_true(calls > RECORDS / FG_VAULT_LOOKS / 2); // one alone does not walk them all
    fg_gallery_close(g);
    g = open_gallery();
    for (unsigned n = 0; n < RECORDS; n++) {
        vault_id(n, id);
        assert_int_equal(fg_gallery_vault_get(g, id, kept, &err), n % 3 == 0 ? -ENOENT : 6);
    }
    for (unsigned i = 0; i < 10; i++) // nothing is left to remove, however often
        assert_int_equal(fg_gallery_vault_expire(g, OVER_S), 0);
    fg_gallery_close(g);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_delete),
        TEST(test_reopen),
        TEST(test_put_many),
        TEST(test_flushes),
        TEST(test_group),
        TEST(test_threads),
        TEST(test_other_model),
        TEST(test_master_key_forms),
        TEST(test_credential),
        TEST(test_wrong_master_key),
        TEST(test_halves_that_do_not_match),
        TEST(test_bad_key_file),
        TEST(test_unused_keys_are_erased),
        TEST(test_delete_erases_the_key),
        TEST(test_nothing_in_plain),
        TEST(test_other_schema_version),
        TEST(test_corrupt_record),
        TEST(test_corrupt_slot_number),
        TEST(test_corrupt_key_slot),
        TEST(test_damaged_database),
        TEST(test_damaged_while_open),
        TEST(test_truncated_database),
        TEST(test_opened_twice),
        TEST(test_bad_options),
        TEST(test_not_writable),
        TEST(test_map_full),
        TEST(test_disk_full),
        TEST(test_sync_fails),
        TEST(test_killed_at_random),
        TEST(test_killed_in_groups),
        TEST(test_vault_expires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
