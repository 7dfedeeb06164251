// SPDX-License-Identifier: Apache-2.0
#include "matcher/ids.h"

#include <errno.h>
#include <string.h>

#define FIRST 64 // buckets

static uint32_t *buckets_of(const struct fg_ids *ids)
{
    return (uint32_t *)(void *)ids->buckets.base;
}

static uint32_t hash_of(const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 0x100000001b3u;
    return (uint32_t)(hash ^ (hash >> 32));
}

static uint32_t *bucket_of(const struct fg_ids *ids, uint32_t hash)
{
    // Buckets before the next to be split have been split already.
    uint32_t at = hash & (2 * ids->low - 1);
    return &buckets_of(ids)[at < ids->n ? at : at - ids->low];
}

int fg_ids_init(struct fg_ids *ids, uint64_t most)
{
    int r = fg_pages_reserve(&ids->buckets, (most + FIRST) * sizeof(uint32_t));
    if (r == 0)
        r = fg_pages_grow(&ids->buckets, FIRST * sizeof(uint32_t));
    if (r < 0)
        return r;
    memset(ids->buckets.base, 0xff, FIRST * sizeof(uint32_t)); // FG_NO_ID
    ids->n = ids->low = FIRST;
    return 0;
}

void fg_ids_finish(struct fg_ids *ids)
{
    fg_pages_free(&ids->buckets);
}

void fg_ids_expect(struct fg_ids *ids, uint64_t count)
{
    uint32_t n = ids->n;
    while (n < count && n <= UINT32_MAX / 4)
        n *= 2;
    if (ids->count > 0 || fg_pages_grow(&ids->buckets, n * sizeof(uint32_t)) < 0)
        return;
    memset(ids->buckets.base, 0xff, n * sizeof(uint32_t));
    ids->n = ids->low = n;
}

uint32_t fg_ids_find(const struct fg_ids *ids, const char *id)
{
    uint32_t hash = hash_of(id), slot = *bucket_of(ids, hash);
    for (const struct fg_id_link *link; slot != FG_NO_ID; slot = link->next) {
        link = ids->link(ids->context, slot);
        if (link->hash == hash && strcmp(ids->id(ids->context, slot), id) == 0)
            break;
    }
    return slot;
}

static void link_slot(struct fg_ids *ids, uint32_t slot)
{
    struct fg_id_link *link = ids->link(ids->context, slot);
    uint32_t *head = bucket_of(ids, link->hash);
    link->next = *head;
    *head = slot;
}

// The bucket whose turn it is gives those away that belong into the new last one.
static void split(struct fg_ids *ids)
{
    uint32_t *buckets = buckets_of(ids), slot = buckets[ids->n - ids->low];
    buckets[ids->n - ids->low] = buckets[ids->n] = FG_NO_ID;
    ids->n++;
    while (slot != FG_NO_ID) {
        uint32_t next = ids->link(ids->context, slot)->next;
        link_slot(ids, slot);
        slot = next;
    }
    if (ids->n == 2 * ids->low)
        ids->low = ids->n;
}

int fg_ids_reserve(struct fg_ids *ids)
{
    return fg_pages_grow(&ids->buckets, ((size_t)ids->n + 1) * sizeof(uint32_t));
}

void fg_ids_add(struct fg_ids *ids, uint32_t slot)
{
    if (ids->count++ >= ids->n)
        split(ids);
    ids->link(ids->context, slot)->hash = hash_of(ids->id(ids->context, slot));
    link_slot(ids, slot);
}

void fg_ids_remove(struct fg_ids *ids, uint32_t slot)
{
    const struct fg_id_link *link = ids->link(ids->context, slot);
    uint32_t *at = bucket_of(ids, link->hash);
    while (*at != slot)
        at = &ids->link(ids->context, *at)->next;
    *at = link->next;
    ids->count--;
}
