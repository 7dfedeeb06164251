// SPDX-License-Identifier: Apache-2.0
#include "tools/problems.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/csv.h"
#include "tools/plain.h"

void fg_problems_init(struct fg_problems *problems)
{
    *problems = (struct fg_problems){0};
    pthread_mutex_init(&problems->lock, NULL);
}

static void free_problem(struct fg_problem *p)
{
    free(p->id);
    free(p->photo);
    free(p->reason);
    free(p->text);
}

void fg_problems_finish(struct fg_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        free_problem(&problems->list[i]);
    free(problems->list);
    pthread_mutex_destroy(&problems->lock);
}

static int grow(struct fg_problems *problems)
{
    if (problems->count < problems->room)
        return 0;
    size_t room = problems->room ? problems->room * 2 : 32;
    struct fg_problem *more = reallocarray(problems->list, room, sizeof *more);
    if (!more)
        return -ENOMEM;
    problems->list = more;
    problems->room = room;
    return 0;
}

void fg_problems_add(struct fg_problems *problems, size_t order, unsigned line, const char *id,
                     const char *photo, const char *reason, const char *text)
{
    struct fg_problem p = {.order = order,
                           .line = line,
                           .id = strdup(id),
                           .photo = photo ? strdup(photo) : NULL,
                           .reason = strdup(reason),
                           .text = strdup(text)};
    pthread_mutex_lock(&problems->lock);
    bool kept = p.id && p.reason && p.text && (p.photo || !photo) && grow(problems) == 0;
    if (kept)
        problems->list[problems->count++] = p;
    problems->lost += !kept;
    pthread_mutex_unlock(&problems->lock);
    if (!kept)
        free_problem(&p);
}

// A person's photographs before the verdict on the person.
static int by_order(const void *a, const void *b)
{
    const struct fg_problem *one = a, *other = b;
    if (one->order != other->order)
        return one->order < other->order ? -1 : 1;
    if (!one->photo || !other->photo)
        return !one->photo - !other->photo;
    return strcmp(one->photo, other->photo);
}

void fg_problems_sort(struct fg_problems *problems)
{
    if (problems->count > 0)
        qsort(problems->list, problems->count, sizeof *problems->list, by_order);
}

void fg_problems_print(const struct fg_problems *problems, FILE *to)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct fg_problem *p = &problems->list[i];
        fputs(p->photo ? "  photograph of " : "refused: ", to);
        fg_plain_print(to, p->id);
        fputs(": ", to);
        if (p->line)
            fprintf(to, "line %u: ", p->line);
        if (p->photo && strncmp(p->text, p->photo, strlen(p->photo)) != 0) {
            fg_plain_print(to, p->photo);
            fputs(": ", to);
        }
        fg_plain_print(to, p->text);
        putc('\n', to);
    }
    if (problems->lost)
        fprintf(to, "and %zu more; there was no memory to note them\n", problems->lost);
}

struct fg_json *fg_problems_json(const struct fg_problems *problems)
{
    struct fg_json *array = fg_json_array();
    for (size_t i = 0; i < problems->count; i++) {
        const struct fg_problem *p = &problems->list[i];
        struct fg_json *json = fg_json_object();
        fg_json_add_string(json, "id", p->id);
        if (p->line)
            fg_json_add_number(json, "line", p->line);
        if (p->photo)
            fg_json_add_string(json, "photo", p->photo);
        fg_json_add_string(json, "reason", p->reason);
        fg_json_add_string(json, "text", p->text);
        fg_json_add(array, NULL, json);
    }
    return array;
}

int fg_problems_write(const struct fg_problems *problems, const char *path, struct fg_error *err)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return fg_fail(err, -errno, "%s: can't write the report: %s", path, strerror(errno));
    fputs("id,line,photo,reason,text\n", file);
    for (size_t i = 0; i < problems->count; i++) {
        const struct fg_problem *p = &problems->list[i];
        fg_csv_write(file, p->id);
        putc(',', file);
        if (p->line)
            fprintf(file, "%u", p->line);
        putc(',', file);
        fg_csv_write(file, p->photo ? p->photo : "");
        putc(',', file);
        fg_csv_write(file, p->reason);
        putc(',', file);
        fg_csv_write(file, p->text);
        putc('\n', file);
    }
    bool bad = ferror(file);
    if (fclose(file) != 0 || bad)
        return fg_fail(err, -EIO, "%s: can't write the report", path);
    return 0;
}
