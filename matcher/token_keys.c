// SPDX-License-Identifier: Apache-2.0
#include "matcher/token_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "facegate-token-key 1\n"
#define FIRST_WORD "facegate-token-key "
#define MOST       512 // bytes of a key file
#define CHECK      8   // bytes of the digest in its last line

// ---- sets ---------------------------------------------------------------------------------------

int fg_token_keys_create(struct fg_token_keys **ret, struct fg_error *err)
{
    if (fg_seal_init() < 0)
        return fg_fail(err, -EIO, "the system gives no random bytes");
    struct fg_token_keys *keys = fg_seal_alloc(sizeof *keys);
    if (!keys)
        return fg_fail(err, -ENOMEM, "out of memory for keys");
    memset(keys, 0, sizeof *keys);
    *ret = keys;
    return 0;
}

void fg_token_keys_destroy(struct fg_token_keys *keys)
{
    fg_seal_free(keys);
}

static int may_add(const struct fg_token_keys *keys, const struct fg_token_key *key,
                   struct fg_error *err)
{
    for (unsigned i = 0; i < keys->count; i++)
        if (memcmp(keys->keys[i].id, key->id, sizeof key->id) == 0)
            return fg_fail(err, -EEXIST, "its key is that of %s, which is here already",
                           keys->keys[i].name);
    if (keys->count == FG_TOKEN_KEYS)
        return fg_fail(err, -ENOSPC, "more than %d keys; leave out those whose tokens have expired",
                       FG_TOKEN_KEYS);
    return 0;
}

static int add(struct fg_token_keys *keys, const struct fg_token_key *key, struct fg_error *err)
{
    int r = may_add(keys, key, err);
    if (r == 0)
        keys->keys[keys->count++] = *key;
    return r;
}

int fg_token_keys_draw(struct fg_token_keys *keys, const char *name, struct fg_error *err)
{
    struct fg_token_key key;
    uint8_t secrets[FG_SEAL_SEED + FG_SEAL_KEY];
    fg_seal_random(secrets, sizeof secrets);
    fg_token_key_make(name, secrets, secrets + FG_SEAL_SEED, &key);
    int r = add(keys, &key, err);
    explicit_bzero(secrets, sizeof secrets);
    explicit_bzero(&key, sizeof key);
    return r;
}

// ---- reading ------------------------------------------------------------------------------------

struct text {
    const char *at, *end;
};

// The value of the next line, which must be "LABEL VALUE"; NULL when it is not.
static const char *take_line(struct text *text, const char *label, size_t *ret_length)
{
    const size_t length = strlen(label);
    const char *line = text->at, *end = memchr(line, '\n', (size_t)(text->end - line));
    if (!end || (size_t)(end - line) <= length || memcmp(line, label, length) != 0 ||
        line[length] != ' ')
        return NULL;
    text->at = end + 1;
    *ret_length = (size_t)(end - line) - length - 1;
    return line + length + 1;
}

static bool take_bytes(struct text *text, const char *label, uint8_t *ret, size_t count)
{
    size_t length = 0;
    const char *hex = take_line(text, label, &length);
    return hex && fg_seal_from_hex(hex, length, ret, count) == 0;
}

static bool take_name(struct text *text, struct fg_token_key *key)
{
    size_t length = 0;
    const char *name = take_line(text, "name", &length);
    if (!name || length >= sizeof key->name)
        return false;
    memcpy(key->name, name, length);
    return strlen(key->name) == length && fg_subject_word_ok(key->name);
}

static void digest_of(const char *text, size_t length, uint8_t ret[CHECK])
{
    uint8_t digest[FG_SEAL_DIGEST];
    fg_seal_digest(text, length, digest);
    memcpy(ret, digest, CHECK);
}

static bool halves_fit(const struct fg_token_key *key, const uint8_t id[FG_TOKEN_KEY_ID])
{
    uint8_t verifying[FG_SEAL_PUBLIC];
    if (memcmp(id, key->id, FG_TOKEN_KEY_ID) != 0)
        return false;
    if (!key->issues)
        return true;
    fg_seal_sign_public(key->signing, verifying);
    return memcmp(verifying, key->verifying, sizeof verifying) == 0;
}

static bool parse_lines(struct text text, struct fg_token_key *ret)
{
    const char *begin = text.at;
    uint8_t id[FG_TOKEN_KEY_ID], check[CHECK], digest[CHECK];
    text.at += strlen(FIRST_LINE);
    if (!take_name(&text, ret) || !take_bytes(&text, "id", id, sizeof id) ||
        !take_bytes(&text, "verifying", ret->verifying, sizeof ret->verifying) ||
        !take_bytes(&text, "sealing", ret->sealing, sizeof ret->sealing))
        return false;
    ret->issues = take_bytes(&text, "signing", ret->signing, sizeof ret->signing);
    digest_of(begin, (size_t)(text.at - begin), digest);
    if (!take_bytes(&text, "check", check, sizeof check) || text.at != text.end ||
        memcmp(check, digest, sizeof check) != 0)
        return false;
    fg_token_key_id(ret->verifying, ret->id);
    return halves_fit(ret, id);
}

static int parse(const char *bytes, size_t length, struct fg_token_key *ret, struct fg_error *err)
{
    const size_t word = strlen(FIRST_WORD), line = strlen(FIRST_LINE);
    memset(ret, 0, sizeof *ret);
    if (length < line || memcmp(bytes, FIRST_WORD, word) != 0)
        return fg_fail(err, -EBADMSG, "it is not a key file of facegate pass keygen");
    if (memcmp(bytes, FIRST_LINE, line) != 0)
        return fg_fail(err, -EPROTONOSUPPORT,
                       "it is a key file of another version; was it made by a newer facegate?");
    if (!parse_lines((struct text){bytes, bytes + length}, ret))
        return fg_fail(err, -EBADMSG, "the key file is damaged; copy it anew from the operator's");
    return 0;
}

static bool is_credential(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    const size_t length = folder ? strlen(folder) : 0;
    return length > 0 && strncmp(path, folder, length) == 0 && path[length] == '/';
}

static int check_file(int fd, const char *path, struct fg_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fg_fail(err, -errno, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fg_fail(err, -EINVAL, "it is not a regular file");
    if (st.st_mode & 077 && !is_credential(path))
        return fg_fail(err, -EPERM, "it can be used by group or others: chmod 600 %s", path);
    return 0;
}

static int load(int fd, char *text, struct fg_token_key *ret, struct fg_error *err)
{
    ssize_t length = pread(fd, text, MOST + 1, 0); // one more than the longest, to notice a longer
    if (length < 0)
        return fg_fail(err, -errno, "%s", strerror(errno));
    if (length > MOST)
        return fg_fail(err, -EBADMSG, "it is too long for a key file of facegate pass keygen");
    return parse(text, (size_t)length, ret, err);
}

static int read_key(const char *path, struct fg_token_keys *keys, struct fg_error *err)
{
    struct fg_token_key *key = fg_seal_alloc(sizeof *key);
    char *text = fg_seal_alloc(MOST + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
    if (fd < 0)
        r = fg_fail(err, -errno, "%s", strerror(errno));
    else if (!key || !text)
        r = fg_fail(err, -ENOMEM, "out of memory for keys");
    else
        r = check_file(fd, path, err);
    if (r == 0)
        r = load(fd, text, key, err);
    if (r == 0)
        r = add(keys, key, err);
    if (fd >= 0)
        close(fd);
    fg_seal_free(key);
    fg_seal_free(text);
    return r;
}

int fg_token_keys_read(struct fg_token_keys *keys, const char *path, struct fg_error *err)
{
    int r = read_key(path, keys, err);
    return r < 0 ? fg_fail_prefix(err, r, "the key %s", path) : 0;
}

// ---- writing ------------------------------------------------------------------------------------

static char *write_hex(char *at, const char *label, const uint8_t *bytes, size_t count)
{
    at = stpcpy(at, label);
    *at++ = ' ';
    fg_seal_to_hex(bytes, count, at);
    at += 2 * count;
    *at++ = '\n';
    return at;
}

static size_t print(const struct fg_token_key *key, bool gate, char *text)
{
    uint8_t check[CHECK];
    char *at = stpcpy(text, FIRST_LINE "name ");
    at = stpcpy(at, key->name);
    *at++ = '\n';
    at = write_hex(at, "id", key->id, sizeof key->id);
    at = write_hex(at, "verifying", key->verifying, sizeof key->verifying);
    at = write_hex(at, "sealing", key->sealing, sizeof key->sealing);
    if (key->issues && !gate)
        at = write_hex(at, "signing", key->signing, sizeof key->signing);
    digest_of(text, (size_t)(at - text), check);
    return (size_t)(write_hex(at, "check", check, sizeof check) - text);
}

static int sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
    if (fd >= 0)
        close(fd);
    free(parent);
    return r;
}

static int write_text(int fd, const char *text, size_t length)
{
    ssize_t n = write(fd, text, length);
    if (n != (ssize_t)length)
        return n < 0 ? -errno : -ENOSPC;
    return fsync(fd) < 0 ? -errno : 0;
}

int fg_token_keys_write(const struct fg_token_key *key, bool gate, const char *path,
                        struct fg_error *err)
{
    if (!fg_subject_word_ok(key->name))
        return fg_fail(err, -EINVAL, "%.80s: must be 1 to %d of A-Z a-z 0-9 . _ : @ -", key->name,
                       FG_SUBJECT_WORD - 1);
    char *text = fg_seal_alloc(MOST);
    if (!text)
        return fg_fail(err, -ENOMEM, "out of memory for keys");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : 0;
    if (r == 0) {
        r = write_text(fd, text, print(key, gate, text));
        close(fd);
        if (r == 0)
            r = sync_parent(path);
        if (r < 0)
            unlink(path);
    }
    fg_seal_free(text);
    return r < 0 ? fg_fail(err, r, "making the key file %s: %s", path, strerror(-r)) : 0;
}
