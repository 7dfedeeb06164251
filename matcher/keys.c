// SPDX-License-Identifier: Apache-2.0
#include "matcher/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION    1
#define GROW_SLOTS 1024
#define CREDENTIAL "facegate-master"
#define NEW_FILE   FG_KEYS_FILE ".new"

static const uint8_t magic[8] = "FGKEYS\n";

// Where the header's parts start.
enum { AT_VERSION = 8, AT_SLOT = 12, AT_GALLERY = 16, AT_NONCE = 32, AT_CHECK = 56 };

enum slot_state {
    SLOT_EMPTY,
    SLOT_LOOSE,   // holds a key that nothing refers to
    SLOT_SUSPECT, // claimed by a damaged record only
    SLOT_SURE,
};

struct fg_keys {
    int fd;
    uint8_t *master; // fg_seal_alloc'd
    uint8_t gallery[FG_KEYS_GALLERY];
    uint8_t *image;  // all slots as they were at the start, until fg_keys_settle
    uint8_t *states; // enum slot_state of each slot
    uint32_t slots, empty, cursor;
};

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

// ---- files --------------------------------------------------------------------------------------

static int read_all(int fd, void *ret, size_t length, off_t offset)
{
    for (uint8_t *at = ret; length;) {
        ssize_t n = pread(fd, at, length, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        at += n;
        offset += n;
        length -= (size_t)n;
    }
    return 0;
}

static int write_all(int fd, const void *bytes, size_t length, off_t offset)
{
    for (const uint8_t *at = bytes; length;) {
        ssize_t n = pwrite(fd, at, length, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        offset += n;
        length -= (size_t)n;
    }
    return 0;
}

static int sync_data(int fd)
{
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int fail_io(struct fg_error *err, int code, const char *doing)
{
    if (code == -ENOSPC || code == -EDQUOT)
        return fg_fail(err, -ENOSPC, "disk full while %s the key file: free some space", doing);
    return fg_fail(err, code, "%s the key file: %s", doing, strerror(-code));
}

// ---- master key ---------------------------------------------------------------------------------

static int parse_master(const char *path, const uint8_t *text, size_t length, uint8_t *ret,
                        struct fg_error *err)
{
    if (length == FG_SEAL_KEY) {
        memcpy(ret, text, FG_SEAL_KEY);
        return 0;
    }
    if (length == 2 * FG_SEAL_KEY + 1 && text[length - 1] == '\n')
        length--;
    if (fg_seal_from_hex((const char *)text, length, ret, FG_SEAL_KEY) < 0)
        return fg_fail(err, -EINVAL,
                       "%s holds no master key: it must be 64 hex digits or 32 raw bytes", path);
    return 0;
}

static int check_master_file(int fd, const char *path, struct fg_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fg_fail(err, -EINVAL, "the master key file %s is not a regular file", path);
    if (st.st_mode & 077)
        return fg_fail(err, -EPERM,
                       "the master key file %s can be used by group or others: chmod 600 %s", path,
                       path);
    return 0;
}

static int load_master(int fd, const char *path, uint8_t *ret, struct fg_error *err)
{
    size_t most = 2 * FG_SEAL_KEY + 2; // one more than the longest, to notice a longer one
    uint8_t *text = fg_seal_alloc(most);
    if (!text)
        return fg_fail(err, -ENOMEM, "out of memory for the master key");
    ssize_t n = pread(fd, text, most, 0);
    int r = n < 0 ? fg_fail(err, -errno, "%s: %s", path, strerror(errno))
                  : parse_master(path, text, (size_t)n, ret, err);
    fg_seal_free(text);
    return r;
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

static int write_master(int fd, const uint8_t *master)
{
    size_t length = 2 * FG_SEAL_KEY + 1;
    char *text = fg_seal_alloc(length);
    if (!text)
        return -ENOMEM;
    fg_seal_to_hex(master, FG_SEAL_KEY, text);
    text[length - 1] = '\n';
    int r = write_all(fd, text, length, 0);
    fg_seal_free(text);
    return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int make_master(const char *path, uint8_t *ret, struct fg_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fg_fail(err, -errno, "making the master key file %s: %s", path, strerror(errno));
    fg_seal_random(ret, FG_SEAL_KEY);
    int r = write_master(fd, ret);
    close(fd);
    if (r == 0)
        r = sync_parent(path);
    if (r < 0) {
        unlink(path); // no record is sealed under it yet
        return fg_fail(err, r, "making the master key file %s: %s", path, strerror(-r));
    }
    return 0;
}

static int read_master_file(const char *path, bool make, uint8_t *ret, struct fg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return make ? make_master(path, ret, err)
                    : fg_fail(err, -ENOKEY,
                              "there is no master key file %s: restore it from your backup, or "
                              "for a new gallery have one made with --make-key",
                              path);
    if (fd < 0)
        return fg_fail(err, -errno, "the master key file %s: %s", path, strerror(errno));
    int r = check_master_file(fd, path, err);
    if (r == 0)
        r = load_master(fd, path, ret, err);
    close(fd);
    return r;
}

// systemd sets the mode of a credential for its unit alone; with an access list the group bits are
// its mask, so they say nothing here.
static int read_credential(uint8_t *ret, struct fg_error *err)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    int n = directory ? snprintf(path, sizeof path, "%s/" CREDENTIAL, directory) : -1;
    int fd = n > 0 && n < (int)sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return fg_fail(err, -ENOKEY,
                       "there is no master key: name a key file, or give the unit the credential "
                       "%s (LoadCredential= or LoadCredentialEncrypted=)",
                       CREDENTIAL);
    int r = load_master(fd, path, ret, err);
    close(fd);
    return r;
}

int fg_master_read(const char *file, bool make, uint8_t **ret_key, struct fg_error *err)
{
    if (fg_seal_init() < 0)
        return fg_fail(err, -EIO, "the system gives no random bytes");
    uint8_t *key = fg_seal_alloc(FG_SEAL_KEY);
    if (!key)
        return fg_fail(err, -ENOMEM, "out of memory for the master key");
    int r = file ? read_master_file(file, make, key, err) : read_credential(key, err);
    if (r < 0) {
        fg_seal_free(key);
        return r;
    }
    *ret_key = key;
    return 0;
}

// ---- opening ------------------------------------------------------------------------------------

static int make_file(int directory, const uint8_t *master, struct fg_error *err)
{
    uint8_t header[FG_KEYS_HEADER] = {0};
    static const uint8_t zeros[FG_SEAL_KEY];
    memcpy(header, magic, sizeof magic);
    put_u32(header + AT_VERSION, VERSION);
    put_u32(header + AT_SLOT, FG_KEYS_SLOT);
    fg_seal_random(header + AT_GALLERY, FG_KEYS_GALLERY);
    fg_seal_random(header + AT_NONCE, FG_SEAL_NONCE);
    fg_seal(master, header + AT_NONCE, header, AT_NONCE, zeros, sizeof zeros, header + AT_CHECK);
    int fd = openat(directory, NEW_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_io(err, -errno, "making");
    int r = write_all(fd, header, sizeof header, 0);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    close(fd);
    if (r == 0 && renameat(directory, NEW_FILE, directory, FG_KEYS_FILE) < 0)
        r = -errno;
    if (r == 0 && fsync(directory) < 0)
        r = -errno;
    return r < 0 ? fail_io(err, r, "making") : 0;
}

static int check_header(const uint8_t *header, const uint8_t *master, struct fg_error *err)
{
    uint8_t plain[FG_SEAL_KEY];
    if (memcmp(header, magic, sizeof magic) != 0)
        return fg_fail(err, -EBADMSG, "the file keys is not a key file: restore it from a backup");
    if (get_u32(header + AT_VERSION) != VERSION || get_u32(header + AT_SLOT) != FG_KEYS_SLOT)
        return fg_fail(err, -EPROTONOSUPPORT,
                       "the key file has version %u with slots of %u bytes, this program reads "
                       "version %u with %u: use the program that made it",
                       get_u32(header + AT_VERSION), get_u32(header + AT_SLOT), VERSION,
                       (unsigned)FG_KEYS_SLOT);
    if (fg_unseal(master, header + AT_NONCE, header, AT_NONCE, header + AT_CHECK,
                  FG_SEAL_KEY + FG_SEAL_TAG, plain) < 0)
        return fg_fail(err, -EKEYREJECTED,
                       "this gallery was made with another master key (or its key file's header is "
                       "damaged): use that key");
    return 0;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

// A tail shorter than a slot is left by a crash while growing; it holds nothing.
static int read_slots(struct fg_keys *keys, off_t size)
{
    uint64_t slots = ((uint64_t)size - FG_KEYS_HEADER) / FG_KEYS_SLOT;
    if (slots >= UINT32_MAX)
        return -EFBIG;
    keys->slots = (uint32_t)slots;
    keys->states = calloc(slots + 1, 1);
    keys->image = malloc((size_t)slots * FG_KEYS_SLOT + 1);
    if (!keys->states || !keys->image)
        return -ENOMEM;
    int r = read_all(keys->fd, keys->image, (size_t)slots * FG_KEYS_SLOT, FG_KEYS_HEADER);
    for (uint32_t i = 0; i < slots && r == 0; i++) {
        bool empty = all_zero(keys->image + (size_t)i * FG_KEYS_SLOT, FG_KEYS_SLOT);
        keys->states[i] = empty ? SLOT_EMPTY : SLOT_LOOSE;
        keys->empty += empty;
    }
    return r;
}

static int open_file(struct fg_keys *keys, int directory, struct fg_error *err)
{
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    keys->fd = openat(directory, FG_KEYS_FILE, flags);
    if (keys->fd < 0 && errno == ENOENT) {
        int r = make_file(directory, keys->master, err);
        if (r < 0)
            return r;
        keys->fd = openat(directory, FG_KEYS_FILE, flags);
    }
    return keys->fd < 0 ? fail_io(err, -errno, "opening") : 0;
}

static int load(struct fg_keys *keys, struct fg_error *err)
{
    struct stat st;
    uint8_t header[FG_KEYS_HEADER];
    if (fstat(keys->fd, &st) < 0)
        return fail_io(err, -errno, "reading");
    if (!S_ISREG(st.st_mode) || st.st_size < FG_KEYS_HEADER)
        return fg_fail(err, -EBADMSG, "the key file is too short: restore it from a backup");
    int r = read_all(keys->fd, header, sizeof header, 0);
    if (r < 0)
        return fail_io(err, r, "reading");
    r = check_header(header, keys->master, err);
    if (r < 0)
        return r;
    memcpy(keys->gallery, header + AT_GALLERY, FG_KEYS_GALLERY);
    r = read_slots(keys, st.st_size);
    return r < 0 ? fail_io(err, r, "reading") : 0;
}

int fg_keys_open(int directory, uint8_t *master, struct fg_keys **ret, struct fg_error *err)
{
    struct fg_keys *keys = calloc(1, sizeof *keys);
    if (!keys) {
        fg_seal_free(master);
        return fg_fail(err, -ENOMEM, "out of memory for the key file");
    }
    keys->fd = -1;
    keys->master = master;
    int r = open_file(keys, directory, err);
    if (r == 0)
        r = load(keys, err);
    if (r < 0) {
        fg_keys_close(keys);
        return r;
    }
    *ret = keys;
    return 0;
}

void fg_keys_close(struct fg_keys *keys)
{
    if (!keys)
        return;
    if (keys->fd >= 0)
        close(keys->fd);
    fg_seal_free(keys->master);
    free(keys->image);
    free(keys->states);
    free(keys);
}

const uint8_t *fg_keys_gallery(const struct fg_keys *keys)
{
    return keys->gallery;
}

uint64_t fg_keys_slots(const struct fg_keys *keys)
{
    return keys->slots;
}

uint64_t fg_keys_slots_free(const struct fg_keys *keys)
{
    return keys->empty;
}

// ---- slots --------------------------------------------------------------------------------------

// Binds a sealed key to its gallery and slot: a slot copied elsewhere does not open.
struct slot_data {
    uint8_t bytes[FG_KEYS_GALLERY + 4];
};

static struct slot_data data_of(const struct fg_keys *keys, uint32_t slot)
{
    struct slot_data data;
    memcpy(data.bytes, keys->gallery, FG_KEYS_GALLERY);
    put_u32(data.bytes + FG_KEYS_GALLERY, slot);
    return data;
}

static off_t offset_of(uint32_t slot)
{
    return FG_KEYS_HEADER + (off_t)slot * FG_KEYS_SLOT;
}

static void set_state(struct fg_keys *keys, uint32_t slot, enum slot_state state)
{
    keys->empty -= keys->states[slot] == SLOT_EMPTY;
    keys->empty += state == SLOT_EMPTY;
    keys->states[slot] = (uint8_t)state;
}

// bytes: count slots' contents one after the other. Neighbours go out in one write; then a sync.
static int write_slots(struct fg_keys *keys, const uint32_t *slots, unsigned count,
                       const uint8_t *bytes)
{
    for (unsigned first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && slots[end] == slots[end - 1] + 1;)
            end++;
        int r = write_all(keys->fd, bytes + (size_t)first * FG_KEYS_SLOT,
                          (size_t)(end - first) * FG_KEYS_SLOT, offset_of(slots[first]));
        if (r < 0)
            return r;
    }
    return sync_data(keys->fd);
}

static int grow(struct fg_keys *keys, uint32_t missing)
{
    uint64_t slots = (uint64_t)keys->slots + (missing + GROW_SLOTS - 1) / GROW_SLOTS * GROW_SLOTS;
    if (slots >= UINT32_MAX)
        return -EFBIG;
    uint8_t *states = realloc(keys->states, slots);
    if (!states)
        return -ENOMEM;
    keys->states = states;
    // Zeroes a crash's tail first, then claims the space now, not in the middle of a write.
    off_t end = offset_of(keys->slots);
    if (ftruncate(keys->fd, end) < 0)
        return -errno;
    int r = -posix_fallocate(keys->fd, end, (off_t)(slots - keys->slots) * FG_KEYS_SLOT);
    if (r < 0) {
        if (ftruncate(keys->fd, end) < 0)
            return -errno;
        return r;
    }
    memset(states + keys->slots, SLOT_EMPTY, slots - keys->slots);
    keys->empty += (uint32_t)slots - keys->slots;
    keys->slots = (uint32_t)slots;
    return 0;
}

// There are enough empty slots.
static void choose(struct fg_keys *keys, unsigned count, uint32_t *ret_slots)
{
    for (unsigned i = 0; i < count; keys->cursor++) {
        if (keys->cursor >= keys->slots)
            keys->cursor = 0;
        if (keys->states[keys->cursor] != SLOT_EMPTY)
            continue;
        ret_slots[i++] = keys->cursor;
        set_state(keys, keys->cursor, SLOT_SURE);
    }
}

static void seal_slot(const struct fg_keys *keys, uint32_t slot, const uint8_t *key, uint8_t *ret)
{
    struct slot_data data = data_of(keys, slot);
    fg_seal_random(ret, FG_SEAL_NONCE);
    fg_seal(keys->master, ret, data.bytes, sizeof data.bytes, key, FG_SEAL_KEY,
            ret + FG_SEAL_NONCE);
}

int fg_keys_add(struct fg_keys *keys, unsigned count, uint32_t *ret_slots,
                uint8_t (*ret_keys)[FG_SEAL_KEY], struct fg_error *err)
{
    uint8_t *bytes = malloc((size_t)count * FG_KEYS_SLOT + 1);
    if (!bytes)
        return fg_fail(err, -ENOMEM, "out of memory for %u keys", count);
    int r = keys->empty < count ? grow(keys, count - keys->empty) : 0;
    if (r < 0) {
        free(bytes);
        return fail_io(err, r, "growing");
    }
    choose(keys, count, ret_slots);
    fg_seal_random(ret_keys, (size_t)count * FG_SEAL_KEY);
    for (unsigned i = 0; i < count; i++)
        seal_slot(keys, ret_slots[i], ret_keys[i], bytes + (size_t)i * FG_KEYS_SLOT);
    r = write_slots(keys, ret_slots, count, bytes);
    free(bytes);
    if (r < 0) {
        fg_keys_erase(keys, ret_slots, count, NULL);
        return fail_io(err, r, "writing");
    }
    return 0;
}

int fg_keys_get(struct fg_keys *keys, uint32_t slot, uint8_t ret_key[FG_SEAL_KEY])
{
    uint8_t bytes[FG_KEYS_SLOT];
    const uint8_t *at = bytes;
    if (slot >= keys->slots || keys->states[slot] == SLOT_EMPTY)
        return -ENOENT;
    if (keys->image)
        at = keys->image + (size_t)slot * FG_KEYS_SLOT;
    else if (read_all(keys->fd, bytes, sizeof bytes, offset_of(slot)) < 0)
        return -EIO;
    struct slot_data data = data_of(keys, slot);
    return fg_unseal(keys->master, at, data.bytes, sizeof data.bytes, at + FG_SEAL_NONCE,
                     FG_SEAL_KEY + FG_SEAL_TAG, ret_key);
}

static int overwrite(struct fg_keys *keys, const uint32_t *slots, unsigned count, bool random)
{
    size_t length = (size_t)count * FG_KEYS_SLOT;
    uint8_t *bytes = calloc(1, length + 1);
    if (!bytes)
        return -ENOMEM;
    if (random)
        fg_seal_random(bytes, length);
    int r = write_slots(keys, slots, count, bytes);
    free(bytes);
    return r;
}

int fg_keys_erase(struct fg_keys *keys, const uint32_t *slots, unsigned count, struct fg_error *err)
{
    if (count == 0)
        return 0;
    for (unsigned i = 0; i < count; i++)
        set_state(keys, slots[i], SLOT_LOOSE);
    int r = overwrite(keys, slots, count, true);
    if (r == 0)
        r = overwrite(keys, slots, count, false);
    if (r < 0)
        return fg_fail(err, r == -ENOMEM ? r : -EIO,
                       "erasing a key failed (%s): it is tried again when the matcher starts",
                       strerror(-r));
    for (unsigned i = 0; i < count; i++)
        set_state(keys, slots[i], SLOT_EMPTY);
    return 0;
}

void fg_keys_claim(struct fg_keys *keys, uint32_t slot, bool sure)
{
    if (slot >= keys->slots || keys->states[slot] == SLOT_EMPTY)
        return;
    if (sure || keys->states[slot] == SLOT_LOOSE)
        keys->states[slot] = sure ? SLOT_SURE : SLOT_SUSPECT;
}

bool fg_keys_claimed_surely(const struct fg_keys *keys, uint32_t slot)
{
    return slot < keys->slots && keys->states[slot] == SLOT_SURE;
}

int fg_keys_settle(struct fg_keys *keys, uint64_t *ret_erased, struct fg_error *err)
{
    unsigned count = 0, at = 0;
    free(keys->image);
    keys->image = NULL;
    for (uint32_t i = 0; i < keys->slots; i++)
        count += keys->states[i] == SLOT_LOOSE;
    uint32_t *loose = malloc((size_t)count * sizeof *loose + 1);
    if (!loose)
        return fg_fail(err, -ENOMEM, "out of memory for %u unused keys", count);
    for (uint32_t i = 0; i < keys->slots; i++)
        if (keys->states[i] == SLOT_LOOSE)
            loose[at++] = i;
    int r = fg_keys_erase(keys, loose, count, err);
    free(loose);
    if (r == 0)
        *ret_erased = count;
    return r;
}
