// SPDX-License-Identifier: Apache-2.0
#include "matcher/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION    2
#define GROW_SLOTS 1024
#define NEW_FILE   FG_KEYS_FILE ".new"

static const uint8_t magic[8] = "FGKEYS\n";

// Where the header's parts start.
enum { AT_VERSION = 8, AT_SLOT = 12, AT_GALLERY = 16, AT_NONCE = 32, AT_CHECK = 56 };

enum slot_state {
    SLOT_EMPTY,
    SLOT_LOOSE,   // holds a key that nothing refers to
    SLOT_STOCKED, // holds a key that is drawn ahead
    SLOT_SUSPECT, // claimed by a damaged record only
    SLOT_SURE,
};

// Keys drawn ahead, on disk already: what is there from `first` on.
struct stock {
    uint32_t first, count, room;
    uint32_t *slots;
    uint8_t (*keys)[FG_SEAL_KEY]; // fg_seal_alloc'd
};

struct fg_keys {
    int fd;
    uint8_t *master, *wrapping; // fg_seal_alloc'd
    uint8_t gallery[FG_KEYS_GALLERY];
    uint8_t *image;  // all slots between fg_keys_load and fg_keys_unload
    uint8_t *states; // enum slot_state of each slot
    uint32_t slots, empty, cursor;
    struct stock stock;
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

int fg_keys_load(struct fg_keys *keys, struct fg_error *err)
{
    size_t length = (size_t)keys->slots * FG_KEYS_SLOT;
    if (keys->image)
        return 0;
    uint8_t *image = malloc(length + 1);
    int r = image ? read_all(keys->fd, image, length, FG_KEYS_HEADER) : -ENOMEM;
    if (r < 0) {
        free(image);
        return fail_io(err, r, "reading");
    }
    keys->image = image;
    return 0;
}

void fg_keys_unload(struct fg_keys *keys)
{
    free(keys->image);
    keys->image = NULL;
}

// A tail shorter than a slot is left by a crash while growing; it holds nothing.
static int read_slots(struct fg_keys *keys, off_t size, struct fg_error *err)
{
    uint64_t slots = ((uint64_t)size - FG_KEYS_HEADER) / FG_KEYS_SLOT;
    if (slots >= UINT32_MAX)
        return fail_io(err, -EFBIG, "reading");
    keys->slots = (uint32_t)slots;
    keys->states = calloc(slots + 1, 1);
    if (!keys->states)
        return fail_io(err, -ENOMEM, "reading");
    int r = fg_keys_load(keys, err);
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
    fg_seal_derive(keys->master, keys->gallery, keys->wrapping);
    return read_slots(keys, st.st_size, err);
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
    keys->wrapping = fg_seal_alloc(FG_SEAL_KEY);
    int r = keys->wrapping ? open_file(keys, directory, err)
                           : fg_fail(err, -ENOMEM, "out of memory for the key file");
    if (r == 0)
        r = load(keys, err);
    if (r < 0) {
        fg_keys_close(keys);
        return r;
    }
    *ret = keys;
    return 0;
}

// ---- slots --------------------------------------------------------------------------------------

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
        set_state(keys, keys->cursor, SLOT_STOCKED);
    }
}

// From a slot's bytes to its key; the other way round it is the same.
static void unwrap(const struct fg_keys *keys, const uint8_t *slot, uint8_t ret_key[FG_SEAL_KEY])
{
    fg_seal_derive(keys->wrapping, slot, ret_key);
    for (size_t i = 0; i < FG_SEAL_KEY; i++)
        ret_key[i] ^= slot[FG_SEAL_INPUT + i];
}

void fg_keys_prefetch(const struct fg_keys *keys, uint32_t slot)
{
    if (keys->image && slot < keys->slots)
        __builtin_prefetch(keys->image + (size_t)slot * FG_KEYS_SLOT);
}

// Reads nothing that changes while an image is there: any thread may call it then.
int fg_keys_get(const struct fg_keys *keys, uint32_t slot, uint8_t ret_key[FG_SEAL_KEY])
{
    uint8_t bytes[FG_KEYS_SLOT];
    const uint8_t *at = bytes;
    if (slot >= keys->slots)
        return -ENOENT;
    if (keys->image)
        at = keys->image + (size_t)slot * FG_KEYS_SLOT;
    else if (keys->states[slot] == SLOT_EMPTY)
        return -ENOENT;
    else if (read_all(keys->fd, bytes, sizeof bytes, offset_of(slot)) < 0)
        return -EIO;
    unwrap(keys, at, ret_key);
    return 0;
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

void fg_keys_claim_soon(const struct fg_keys *keys, uint32_t slot)
{
    if (slot < keys->slots)
        __builtin_prefetch(&keys->states[slot], 1);
}

bool fg_keys_claimed_surely(const struct fg_keys *keys, uint32_t slot)
{
    return slot < keys->slots && keys->states[slot] == SLOT_SURE;
}

bool fg_keys_empty(const struct fg_keys *keys, uint32_t slot)
{
    return slot >= keys->slots || keys->states[slot] == SLOT_EMPTY;
}

uint64_t fg_keys_unclaimed(const struct fg_keys *keys)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < keys->slots; i++)
        count += keys->states[i] == SLOT_LOOSE;
    return count;
}

int fg_keys_settle(struct fg_keys *keys, uint64_t *ret_erased, struct fg_error *err)
{
    unsigned count = (unsigned)fg_keys_unclaimed(keys), at = 0;
    fg_keys_unload(keys);
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

// ---- stock --------------------------------------------------------------------------------------

static int make_room(struct stock *stock, uint32_t count)
{
    if (stock->count > 0 && stock->first > 0) {
        memmove(stock->slots, stock->slots + stock->first, stock->count * sizeof *stock->slots);
        memmove(stock->keys, stock->keys + stock->first, stock->count * sizeof *stock->keys);
    }
    stock->first = 0;
    if (count <= stock->room)
        return 0;
    uint32_t *slots = realloc(stock->slots, count * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    stock->slots = slots;
    uint8_t(*keys)[FG_SEAL_KEY] = fg_seal_alloc((size_t)count * FG_SEAL_KEY);
    if (!keys)
        return -ENOMEM;
    if (stock->keys)
        memcpy(keys, stock->keys, stock->count * sizeof *keys);
    fg_seal_free(stock->keys);
    stock->keys = keys;
    stock->room = count;
    return 0;
}

// Draws `count` keys behind the stock's own, writes them to their slots, and syncs.
static int draw(struct fg_keys *keys, uint32_t count)
{
    const uint32_t *slots = keys->stock.slots + keys->stock.count;
    uint8_t(*drawn)[FG_SEAL_KEY] = keys->stock.keys + keys->stock.count;
    size_t length = (size_t)count * FG_KEYS_SLOT;
    uint8_t *bytes = malloc(length);
    if (!bytes)
        return -ENOMEM;
    fg_seal_random(bytes, length); // a nonce and a wrapped key look like that: so draw those
    for (uint32_t i = 0; i < count; i++)
        unwrap(keys, bytes + (size_t)i * FG_KEYS_SLOT, drawn[i]);
    int r = write_slots(keys, slots, count, bytes);
    free(bytes);
    return r;
}

int fg_keys_stock(struct fg_keys *keys, uint32_t count, struct fg_error *err)
{
    struct stock *stock = &keys->stock;
    if (count <= stock->count)
        return 0;
    uint32_t missing = count - stock->count;
    int r = keys->empty < missing ? grow(keys, missing - keys->empty) : 0;
    if (r < 0)
        return fail_io(err, r, "growing");
    r = make_room(stock, count);
    if (r < 0)
        return fail_io(err, r, "drawing keys for");
    choose(keys, missing, stock->slots + stock->count);
    r = draw(keys, missing);
    if (r < 0) {
        fg_keys_erase(keys, stock->slots + stock->count, missing, NULL);
        return fail_io(err, r, "writing");
    }
    stock->count = count;
    return 0;
}

uint32_t fg_keys_stocked(const struct fg_keys *keys)
{
    return keys->stock.count;
}

uint32_t fg_keys_take(struct fg_keys *keys, uint8_t ret_key[FG_SEAL_KEY])
{
    struct stock *stock = &keys->stock;
    uint32_t slot = stock->slots[stock->first];
    memcpy(ret_key, stock->keys[stock->first], FG_SEAL_KEY);
    explicit_bzero(stock->keys[stock->first], FG_SEAL_KEY);
    stock->first++;
    stock->count--;
    keys->states[slot] = SLOT_SURE;
    return slot;
}

// Nothing was ever sealed with them, so one overwriting will do; what resists is erased at the next
// start.
static void discard_stock(struct fg_keys *keys)
{
    struct stock *stock = &keys->stock;
    if (stock->count > 0)
        (void)overwrite(keys, stock->slots + stock->first, stock->count, false);
    free(stock->slots);
    fg_seal_free(stock->keys);
    *stock = (struct stock){0};
}

// ---- closing ------------------------------------------------------------------------------------

void fg_keys_close(struct fg_keys *keys)
{
    if (!keys)
        return;
    discard_stock(keys);
    if (keys->fd >= 0)
        close(keys->fd);
    fg_seal_free(keys->master);
    fg_seal_free(keys->wrapping);
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
    return keys->empty + keys->stock.count;
}
