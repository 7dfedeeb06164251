// SPDX-License-Identifier: Apache-2.0
// Who is inside, which serials and subjects are marked, which flights there are.
#include <errno.h>
#include <string.h>

#include "matcher/ledger_parts.h"

#define VERSION 1
#define BYTES   512

// ---- inside -------------------------------------------------------------------------------------

static void walk_inside(struct fg_walk *w, struct fg_inside *i)
{
    fg_walk_text(w, i->zone, sizeof i->zone);
    fg_walk_u64(w, &i->since_ns);
}

int fg_ledger_inside_get(struct fg_ledger *l, const char *subject, struct fg_inside *ret,
                         struct fg_error *err)
{
    struct fg_bytes value;
    struct fg_ledger_key key = fg_ledger_key_text(subject);
    int r = fg_ledger_get(l, FG_LEDGER_INSIDE, key, &value, err);
    if (r < 0)
        return r;
    struct fg_walk w = {.in = value.at, .end = value.length};
    memset(ret, 0, sizeof *ret);
    walk_inside(&w, ret);
    if (!fg_walk_ended(&w) || strlen(subject) >= sizeof ret->subject)
        return fg_ledger_damaged(FG_LEDGER_INSIDE, fg_ledger_bytes(&key), err);
    memcpy(ret->subject, subject, strlen(subject));
    return 0;
}

// With its NUL: LMDB has no empty key.
static struct fg_ledger_key zone_key(const char *zone)
{
    return fg_ledger_key_raw(zone, strlen(zone) + 1);
}

static int count_in(struct fg_ledger *l, const char *zone, bool in, struct fg_error *err)
{
    struct fg_bytes value;
    struct fg_ledger_key key = zone_key(zone);
    uint64_t count = 0;
    int r = fg_ledger_get(l, FG_LEDGER_ZONES, key, &value, err);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && value.length == 8)
        count = fg_ledger_read_u64(value.at);
    if ((r == 0 && value.length != 8) || (!in && count == 0))
        return fg_ledger_damaged(FG_LEDGER_ZONES, fg_ledger_bytes(&key), err);
    count = in ? count + 1 : count - 1;
    return count > 0 ? fg_ledger_put(l, FG_LEDGER_ZONES, key, fg_ledger_key_u64(count).at, 8, err)
                     : fg_ledger_delete(l, FG_LEDGER_ZONES, key, err);
}

int fg_ledger_inside_put(struct fg_ledger *l, const struct fg_inside *inside, struct fg_error *err)
{
    uint8_t bytes[BYTES];
    struct fg_walk w = {.out = bytes, .end = sizeof bytes};
    struct fg_inside copy = *inside, old;
    int r = fg_ledger_inside_get(l, inside->subject, &old, err);
    if (r == 0)
        r = count_in(l, old.zone, false, err);
    if (r < 0 && r != -ENOENT)
        return r;
    walk_inside(&w, &copy);
    r = fg_ledger_put(l, FG_LEDGER_INSIDE, fg_ledger_key_text(inside->subject), bytes, w.at, err);
    return r < 0 ? r : count_in(l, inside->zone, true, err);
}

int fg_ledger_inside_delete(struct fg_ledger *l, const char *subject, struct fg_error *err)
{
    struct fg_inside old;
    int r = fg_ledger_inside_get(l, subject, &old, err);
    if (r == 0)
        r = count_in(l, old.zone, false, err);
    return r < 0 ? r : fg_ledger_delete(l, FG_LEDGER_INSIDE, fg_ledger_key_text(subject), err);
}

uint64_t fg_ledger_inside_count(struct fg_ledger *l, const char *zone)
{
    struct fg_bytes value;
    if (!zone)
        return fg_database_count(l->database, FG_LEDGER_INSIDE);
    int r = fg_ledger_get(l, FG_LEDGER_ZONES, zone_key(zone), &value, NULL);
    return r == 0 && value.length == 8 ? fg_ledger_read_u64(value.at) : 0;
}

// Nothing lies between a text and itself with a NUL.
static struct fg_ledger_key key_behind(const char *text)
{
    return fg_ledger_key_raw(text, strlen(text) + 1);
}

int fg_ledger_inside_next(struct fg_ledger *l, const char *after, struct fg_inside *ret,
                          struct fg_error *err)
{
    struct fg_bytes key, value;
    char subject[FG_SUBJECT_ID];
    int r = fg_ledger_seek(l, FG_LEDGER_INSIDE, key_behind(after), &key, &value, err);
    if (r < 0)
        return r;
    if (key.length >= sizeof subject)
        return fg_ledger_damaged(FG_LEDGER_INSIDE, key, err);
    memcpy(subject, key.at, key.length);
    subject[key.length] = '\0';
    return fg_ledger_inside_get(l, subject, ret, err);
}

int fg_ledger_zone_next(struct fg_ledger *l, const char *after, char ret[FG_WIRE_NAME],
                        uint64_t *ret_count, struct fg_error *err)
{
    struct fg_bytes key, value;
    struct fg_ledger_key from = key_behind(after ? after : "");
    if (after)
        from.at[from.length++] = 0; // a zone's key has a NUL of its own
    int r = fg_ledger_seek(l, FG_LEDGER_ZONES, from, &key, &value, err);
    if (r < 0)
        return r;
    if (key.length == 0 || key.length > FG_WIRE_NAME || value.length != 8 ||
        ((const char *)key.at)[key.length - 1] != '\0')
        return fg_ledger_damaged(FG_LEDGER_ZONES, key, err);
    memcpy(ret, key.at, key.length);
    *ret_count = fg_ledger_read_u64(value.at);
    return 0;
}

// ---- marks --------------------------------------------------------------------------------------

static unsigned table_of(enum fg_mark mark)
{
    return mark == FG_MARK_USED      ? FG_LEDGER_USED
           : mark == FG_MARK_REVOKED ? FG_LEDGER_REVOKED
                                     : FG_LEDGER_BLOCKED;
}

int fg_ledger_mark_get(struct fg_ledger *l, enum fg_mark mark, const void *key, size_t length,
                       uint64_t *ret_until_s, struct fg_error *err)
{
    struct fg_bytes value;
    int r = fg_ledger_get(l, table_of(mark), fg_ledger_key_raw(key, length), &value, err);
    if (r == 0 && value.length != 8)
        return fg_ledger_damaged(table_of(mark), (struct fg_bytes){key, length}, err);
    if (r == 0)
        *ret_until_s = fg_ledger_read_u64(value.at);
    return r;
}

int fg_ledger_mark_put(struct fg_ledger *l, enum fg_mark mark, const void *key, size_t length,
                       uint64_t until_s, struct fg_error *err)
{
    return fg_ledger_put(l, table_of(mark), fg_ledger_key_raw(key, length),
                         fg_ledger_key_u64(until_s).at, 8, err);
}

int fg_ledger_mark_delete(struct fg_ledger *l, enum fg_mark mark, const void *key, size_t length,
                          struct fg_error *err)
{
    return fg_ledger_delete(l, table_of(mark), fg_ledger_key_raw(key, length), err);
}

int fg_ledger_mark_next(struct fg_ledger *l, enum fg_mark mark, const void *after, size_t length,
                        void *ret_key, size_t size, size_t *ret_length, uint64_t *ret_until_s,
                        struct fg_error *err)
{
    struct fg_bytes key, value;
    struct fg_ledger_key from = fg_ledger_key_raw(after, length);
    from.at[from.length++] = 0;
    int r = fg_ledger_seek(l, table_of(mark), from, &key, &value, err);
    if (r < 0)
        return r;
    if (key.length > size || value.length != 8)
        return fg_ledger_damaged(table_of(mark), key, err);
    memcpy(ret_key, key.at, key.length);
    *ret_length = key.length;
    *ret_until_s = fg_ledger_read_u64(value.at);
    return 0;
}

// ---- flights ------------------------------------------------------------------------------------

static void walk_flight(struct fg_walk *w, struct fg_flight *f)
{
    uint8_t version = VERSION, lanes = (uint8_t)f->n_lanes;
    fg_walk_u8(w, &version);
    fg_walk_u8(w, &lanes);
    if (version != VERSION || lanes < 1 || lanes > FG_FLIGHT_LANES) {
        w->failed = true;
        return;
    }
    f->n_lanes = lanes;
    for (unsigned i = 0; i < lanes; i++)
        fg_walk_text(w, f->lanes[i], sizeof f->lanes[i]);
    fg_walk_u64(w, &f->opens_s);
    fg_walk_u64(w, &f->departs_s);
}

static int read_flight(struct fg_bytes name, struct fg_bytes value, struct fg_flight *ret,
                       struct fg_error *err)
{
    struct fg_walk w = {.in = value.at, .end = value.length};
    memset(ret, 0, sizeof *ret);
    walk_flight(&w, ret);
    if (!fg_walk_ended(&w) || name.length >= sizeof ret->name)
        return fg_ledger_damaged(FG_LEDGER_FLIGHTS, name, err);
    memcpy(ret->name, name.at, name.length);
    return 0;
}

int fg_ledger_flight_get(struct fg_ledger *l, const char *name, struct fg_flight *ret,
                         struct fg_error *err)
{
    struct fg_bytes value;
    int r = fg_ledger_get(l, FG_LEDGER_FLIGHTS, fg_ledger_key_text(name), &value, err);
    return r < 0 ? r : read_flight((struct fg_bytes){name, strlen(name)}, value, ret, err);
}

int fg_ledger_flight_put(struct fg_ledger *l, const struct fg_flight *flight, struct fg_error *err)
{
    uint8_t bytes[BYTES];
    struct fg_walk w = {.out = bytes, .end = sizeof bytes};
    struct fg_flight copy = *flight;
    walk_flight(&w, &copy);
    if (w.failed)
        return fg_fail(err, -EINVAL, "a flight has 1 to %d lanes", FG_FLIGHT_LANES);
    return fg_ledger_put(l, FG_LEDGER_FLIGHTS, fg_ledger_key_text(flight->name), bytes, w.at, err);
}

int fg_ledger_flight_delete(struct fg_ledger *l, const char *name, struct fg_error *err)
{
    return fg_ledger_delete(l, FG_LEDGER_FLIGHTS, fg_ledger_key_text(name), err);
}

int fg_ledger_flight_next(struct fg_ledger *l, const char *after, struct fg_flight *ret,
                          struct fg_error *err)
{
    struct fg_bytes key, value;
    int r = fg_ledger_seek(l, FG_LEDGER_FLIGHTS, key_behind(after), &key, &value, err);
    return r < 0 ? r : read_flight(key, value, ret, err);
}
