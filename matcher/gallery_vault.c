// SPDX-License-Identifier: Apache-2.0
// Vault records: ciphertext whose keys are not here. Each is kept with the end of its validity,
// u64, in front.
#include <errno.h>
#include <string.h>

#include "matcher/gallery_parts.h"

#define HEAD 8

static struct fg_bytes key_of(const uint8_t id[FG_VAULT_ID])
{
    return (struct fg_bytes){id, FG_VAULT_ID};
}

static uint64_t until_of(struct fg_bytes value)
{
    uint64_t until = 0;
    for (unsigned i = HEAD; i-- > 0;)
        until = until << 8 | ((const uint8_t *)value.at)[i];
    return until;
}

// Ends the transaction.
static int finish(struct fg_gallery *g, int r, struct fg_error *err)
{
    if (r == 0)
        return fg_database_commit(g->database, err);
    fg_database_abort(g->database);
    return r;
}

int fg_gallery_vault_put(struct fg_gallery *g, const uint8_t id[FG_VAULT_ID], uint64_t until_s,
                         const void *bytes, size_t length, struct fg_error *err)
{
    uint8_t value[HEAD + FG_VAULT_MOST];
    if (length < 1 || length > FG_VAULT_MOST)
        return fg_fail(err, -EINVAL, "a vault record has 1 to %d bytes", FG_VAULT_MOST);
    for (unsigned i = 0; i < HEAD; i++)
        value[i] = (uint8_t)(until_s >> (8 * i));
    memcpy(value + HEAD, bytes, length);
    int r = fg_database_reserve(g->database, 1, HEAD + length, err);
    if (r == 0)
        r = fg_database_begin(g->database, true, err);
    if (r < 0)
        return r;
    r = fg_database_put(g->database, FG_TABLE_VAULT, key_of(id),
                        (struct fg_bytes){value, HEAD + length}, false, err);
    if (r == -EEXIST)
        fg_fail(err, r, "there is a vault record of this id");
    return finish(g, r, err);
}

int fg_gallery_vault_get(struct fg_gallery *g, const uint8_t id[FG_VAULT_ID],
                         uint8_t ret[FG_VAULT_MOST], struct fg_error *err)
{
    struct fg_bytes value;
    int r = fg_database_begin(g->database, false, err);
    if (r < 0)
        return r;
    r = fg_database_get(g->database, FG_TABLE_VAULT, key_of(id), &value, err);
    if (r == 0 && (value.length <= HEAD || value.length > HEAD + FG_VAULT_MOST))
        r = fg_fail(err, -EBADMSG, "a vault record is damaged: issue it again");
    if (r == 0) {
        r = (int)(value.length - HEAD);
        memcpy(ret, (const uint8_t *)value.at + HEAD, (size_t)r);
    }
    fg_database_abort(g->database);
    return r;
}

int fg_gallery_vault_delete(struct fg_gallery *g, const uint8_t id[FG_VAULT_ID],
                            struct fg_error *err)
{
    int r = fg_database_use_headroom(g->database, true, err);
    if (r == 0)
        r = fg_database_begin(g->database, true, err);
    if (r < 0)
        return r;
    r = fg_database_delete(g->database, FG_TABLE_VAULT, key_of(id), err);
    if (r == -ENOENT)
        fg_fail(err, r, "there is no vault record of this id");
    r = finish(g, r, err);
    fg_database_use_headroom(g->database, false, NULL);
    return r;
}

// ---- what is over -------------------------------------------------------------------------------

struct expired {
    unsigned count;
    uint8_t ids[FG_VAULT_LOOKS][FG_VAULT_ID];
};

static bool is_over(struct fg_bytes key, struct fg_bytes value, uint64_t now_s)
{
    return key.length == FG_VAULT_ID && value.length > HEAD && until_of(value) != 0 &&
           until_of(value) <= now_s;
}

// Looks at the next records, from where the last call ended, and begins anew behind the last.
static int find_expired(struct fg_gallery *g, uint64_t now_s, struct expired *ret)
{
    struct fg_cursor *cursor = NULL;
    struct fg_bytes key = {NULL, 0}, value;
    int r = fg_database_begin(g->database, false, NULL);
    if (r < 0)
        return r;
    r = fg_cursor_open(g->database, FG_TABLE_VAULT, &cursor, NULL);
    if (r == 0)
        r = fg_cursor_seek(cursor, key_of(g->vault_next), &key, &value, NULL);
    for (unsigned i = 0; i < FG_VAULT_LOOKS && r == 0; i++) {
        if (is_over(key, value, now_s))
            memcpy(ret->ids[ret->count++], key.at, FG_VAULT_ID);
        r = fg_cursor_next(cursor, &key, &value, NULL);
    }
    memset(g->vault_next, 0, sizeof g->vault_next);
    if (r == 0 && key.length == FG_VAULT_ID)
        memcpy(g->vault_next, key.at, FG_VAULT_ID);
    fg_cursor_close(cursor);
    fg_database_abort(g->database);
    return r == -ENOENT ? 0 : r;
}

static int remove_expired(struct fg_gallery *g, const struct expired *expired)
{
    int r = fg_database_begin(g->database, true, NULL);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < expired->count && r == 0; i++)
        r = fg_database_delete(g->database, FG_TABLE_VAULT, key_of(expired->ids[i]), NULL);
    return finish(g, r, NULL);
}

int fg_gallery_vault_expire(struct fg_gallery *g, uint64_t now_s)
{
    struct expired expired = {.count = 0};
    int r = find_expired(g, now_s, &expired);
    if (r < 0 || expired.count == 0)
        return r;
    r = fg_database_use_headroom(g->database, true, NULL);
    if (r == 0)
        r = remove_expired(g, &expired);
    fg_database_use_headroom(g->database, false, NULL);
    return r < 0 ? r : (int)expired.count;
}
