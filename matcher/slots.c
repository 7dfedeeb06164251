// SPDX-License-Identifier: Apache-2.0
#include "matcher/slots.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// The first place in the list whose slot is not less.
static uint32_t place(const struct fg_slots *slots, uint32_t slot)
{
    uint32_t low = 0, high = slots->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slots->list[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool fg_slots_has(const struct fg_slots *slots, uint32_t slot)
{
    if (slots->words)
        return slot / 64 < slots->n_words && slots->words[slot / 64] >> slot % 64 & 1;
    uint32_t at = place(slots, slot);
    return at < slots->count && slots->list[at] == slot;
}

uint64_t fg_slots_word(const struct fg_slots *slots, uint32_t block)
{
    if (slots->words)
        return block < slots->n_words ? slots->words[block] : 0;
    uint64_t word = 0;
    for (uint32_t at = place(slots, block * 64); at < slots->count && slots->list[at] / 64 == block;
         at++)
        word |= UINT64_C(1) << slots->list[at] % 64;
    return word;
}

// ---- changes -----------------------------------------------------------------------------------

static int widen_words(struct fg_slots *slots, uint32_t block)
{
    uint32_t count = slots->n_words ? slots->n_words : 64;
    while (count <= block)
        count *= 2;
    if (count == slots->n_words)
        return 0;
    uint64_t *words = realloc(slots->words, count * sizeof *words);
    if (!words)
        return -ENOMEM;
    memset(words + slots->n_words, 0, (count - slots->n_words) * sizeof *words);
    slots->words = words;
    slots->n_words = count;
    return 0;
}

static int to_bitmap(struct fg_slots *slots, uint32_t block)
{
    struct fg_slots bitmap = {.count = slots->count};
    uint32_t last = slots->count ? slots->list[slots->count - 1] / 64 : 0;
    int r = widen_words(&bitmap, last > block ? last : block);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < slots->count; i++)
        bitmap.words[slots->list[i] / 64] |= UINT64_C(1) << slots->list[i] % 64;
    free(slots->list);
    *slots = bitmap;
    return 0;
}

static int insert(struct fg_slots *slots, uint32_t at, uint32_t slot)
{
    if (slots->count == slots->n_words) {
        uint32_t room = slots->n_words ? slots->n_words * 2 : 16;
        uint32_t *list = realloc(slots->list, room * sizeof *list);
        if (!list)
            return -ENOMEM;
        slots->list = list;
        slots->n_words = room;
    }
    memmove(slots->list + at + 1, slots->list + at, (slots->count - at) * sizeof *slots->list);
    slots->list[at] = slot;
    slots->count++;
    return 0;
}

int fg_slots_add(struct fg_slots *slots, uint32_t slot)
{
    int r = 0;
    if (!slots->words) {
        uint32_t at = place(slots, slot);
        if (at < slots->count && slots->list[at] == slot)
            return 0;
        if (slots->count < FG_SLOTS_FEW)
            return insert(slots, at, slot);
        r = to_bitmap(slots, slot / 64);
    }
    if (r == 0)
        r = widen_words(slots, slot / 64);
    if (r < 0)
        return r;
    uint64_t *word = &slots->words[slot / 64], bit = UINT64_C(1) << slot % 64;
    slots->count += !(*word & bit);
    *word |= bit;
    return 0;
}

// A bitmap stays one: sets that shrink to few are rare, and grow again.
void fg_slots_remove(struct fg_slots *slots, uint32_t slot)
{
    if (!fg_slots_has(slots, slot))
        return;
    slots->count--;
    if (slots->words) {
        slots->words[slot / 64] &= ~(UINT64_C(1) << slot % 64);
        return;
    }
    uint32_t at = place(slots, slot);
    memmove(slots->list + at, slots->list + at + 1, (slots->count - at) * sizeof *slots->list);
}

int fg_slots_copy(struct fg_slots *to, const struct fg_slots *from)
{
    size_t bytes = from->n_words * (from->words ? sizeof *from->words : sizeof *from->list);
    void *memory = bytes ? malloc(bytes) : NULL;
    if (bytes && !memory)
        return -ENOMEM;
    if (bytes)
        memcpy(memory, from->words ? (void *)from->words : (void *)from->list, bytes);
    *to = *from;
    *(from->words ? (void **)&to->words : (void **)&to->list) = memory;
    return 0;
}

void fg_slots_clear(struct fg_slots *slots)
{
    free(slots->words);
    free(slots->list);
    *slots = (struct fg_slots){0};
}

// ---- several -----------------------------------------------------------------------------------

const struct fg_slots *fg_slots_fewest(const struct fg_slots *const *sets, unsigned n)
{
    const struct fg_slots *fewest = NULL;
    for (unsigned i = 0; i < n; i++)
        if (!sets[i]->words && (!fewest || sets[i]->count < fewest->count))
            fewest = sets[i];
    return fewest;
}

bool fg_slots_all_have(const struct fg_slots *const *sets, unsigned n, uint32_t slot)
{
    for (unsigned i = 0; i < n; i++)
        if (!fg_slots_has(sets[i], slot))
            return false;
    return true;
}

uint64_t fg_slots_common(const struct fg_slots *const *sets, unsigned n)
{
    const struct fg_slots *few = fg_slots_fewest(sets, n);
    uint64_t count = 0;
    for (uint32_t i = 0; few && i < few->count; i++)
        count += fg_slots_all_have(sets, n, few->list[i]);
    for (uint32_t block = 0; !few && block < sets[0]->n_words; block++) {
        uint64_t word = sets[0]->words[block];
        for (unsigned i = 1; i < n && word; i++)
            word &= fg_slots_word(sets[i], block);
        count += (unsigned)__builtin_popcountll(word);
    }
    return count;
}
