// SPDX-License-Identifier: Apache-2.0
#include "matcher/groups.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// The first place whose name is not less.
static uint32_t place(const struct fg_groups *groups, const char *name)
{
    uint32_t low = 0, high = groups->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(groups->list[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct fg_group *find(const struct fg_groups *groups, const char *name)
{
    uint32_t at = place(groups, name);
    bool there = at < groups->count && strcmp(groups->list[at].name, name) == 0;
    return there ? &groups->list[at] : NULL;
}

const struct fg_group *fg_groups_find(const struct fg_groups *groups, const char *name)
{
    return find(groups, name);
}

static struct fg_group *make(struct fg_groups *groups, const char *name,
                             const struct fg_slots *everyone)
{
    struct fg_group group = {0};
    if (groups->count == groups->room) {
        uint32_t room = groups->room ? groups->room * 2 : 16;
        struct fg_group *list = realloc(groups->list, room * sizeof *list);
        if (!list)
            return NULL;
        groups->list = list;
        groups->room = room;
    }
    if (everyone && fg_slots_copy(&group.slots, everyone) < 0)
        return NULL;
    memcpy(group.name, name, strnlen(name, sizeof group.name - 1));
    uint32_t at = place(groups, name);
    memmove(groups->list + at + 1, groups->list + at, (groups->count - at) * sizeof group);
    groups->list[at] = group;
    groups->count++;
    return &groups->list[at];
}

static void unlist(struct fg_groups *groups, struct fg_group *group)
{
    size_t at = (size_t)(group - groups->list);
    if (--group->listed > 0)
        return;
    fg_slots_clear(&group->slots);
    memmove(group, group + 1, (--groups->count - at) * sizeof *group);
}

static bool said_before(const char *words, const char *word)
{
    for (const char *at = words; at < word; at += strlen(at) + 1)
        if (strcmp(at, word) == 0)
            return true;
    return false;
}

static void remove_until(struct fg_groups *groups, const char *words, const char *end,
                         uint32_t slot)
{
    for (const char *word = words; *word && word != end; word += strlen(word) + 1) {
        struct fg_group *group = said_before(words, word) ? NULL : find(groups, word);
        if (!group)
            continue;
        fg_slots_remove(&group->slots, slot);
        unlist(groups, group);
    }
}

int fg_groups_add(struct fg_groups *groups, const char *words, uint32_t slot,
                  const struct fg_slots *everyone)
{
    for (const char *word = words; *word; word += strlen(word) + 1) {
        if (said_before(words, word))
            continue;
        struct fg_group *group = find(groups, word);
        if (!group)
            group = make(groups, word, everyone);
        int r = group ? fg_slots_add(&group->slots, slot) : -ENOMEM;
        if (group)
            group->listed++;
        if (r < 0) {
            if (group)
                unlist(groups, group);
            remove_until(groups, words, word, slot);
            return r;
        }
    }
    return 0;
}

void fg_groups_remove(struct fg_groups *groups, const char *words, uint32_t slot)
{
    remove_until(groups, words, NULL, slot);
}

int fg_groups_add_everywhere(struct fg_groups *groups, uint32_t slot)
{
    for (uint32_t i = 0; i < groups->count; i++)
        if (fg_slots_add(&groups->list[i].slots, slot) < 0) {
            fg_groups_remove_everywhere(groups, slot);
            return -ENOMEM;
        }
    return 0;
}

void fg_groups_remove_everywhere(struct fg_groups *groups, uint32_t slot)
{
    for (uint32_t i = 0; i < groups->count; i++)
        fg_slots_remove(&groups->list[i].slots, slot);
}

void fg_groups_clear(struct fg_groups *groups)
{
    for (uint32_t i = 0; i < groups->count; i++)
        fg_slots_clear(&groups->list[i].slots);
    free(groups->list);
    *groups = (struct fg_groups){0};
}
