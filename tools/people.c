// SPDX-License-Identifier: Apache-2.0
#include "tools/people.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int is_photo(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return is_visible(entry) && dot &&
           (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg") || !strcasecmp(dot, ".png"));
}

// By bytes, not by locale: the same order on every machine.
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_entries(struct dirent **entries, int n)
{
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
}

static int read_person(const char *folder, const char *name, struct fg_person *ret)
{
    char *path;
    struct dirent **entries;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return -ENOMEM;
    int n = scandir(path, &entries, is_photo, by_name);
    if (n <= 0) {
        if (n == 0)
            free(entries);
        free(path);
        return 0; // a plain file, or a person without photographs
    }
    ret->name = strdup(name);
    ret->photos = calloc((size_t)n, sizeof *ret->photos);
    int code = ret->name && ret->photos ? 1 : -ENOMEM;
    for (int i = 0; i < n && code > 0; i++) {
        if (asprintf(&ret->photos[i], "%s/%s", path, entries[i]->d_name) < 0) {
            ret->photos[i] = NULL;
            code = -ENOMEM;
        } else {
            ret->n_photos++;
        }
    }
    free_entries(entries, n);
    free(path);
    return code;
}

int fg_people_read(const char *folder, struct fg_people *ret, struct fg_error *err)
{
    struct dirent **entries;
    struct fg_people all = {0};
    int n = scandir(folder, &entries, is_visible, by_name), code = 0;
    if (n < 0)
        return fg_fail(err, -errno, "%s: %s", folder, strerror(errno));
    all.people = calloc((size_t)n + 1, sizeof *all.people);
    if (!all.people)
        code = -ENOMEM;
    for (int i = 0; i < n && code >= 0; i++) {
        code = read_person(folder, entries[i]->d_name, &all.people[all.count]);
        if (code != 0)
            all.n_photos += all.people[all.count++].n_photos;
    }
    free_entries(entries, n);
    if (code >= 0 && all.count > 0) {
        *ret = all;
        return 0;
    }
    fg_people_finish(&all);
    return code < 0 ? fg_fail(err, code, "out of memory")
                    : fg_fail(err, -ENODATA, "%s: no PERSON/PHOTOGRAPH.jpg in it", folder);
}

void fg_people_finish(struct fg_people *people)
{
    for (size_t i = 0; i < people->count; i++) {
        struct fg_person *p = &people->people[i];
        for (size_t k = 0; k < p->n_photos; k++)
            free(p->photos[k]);
        free(p->photos);
        free(p->name);
    }
    free(people->people);
    *people = (struct fg_people){0};
}
