// SPDX-License-Identifier: Apache-2.0
// What an import did not take and why: people, and single photographs of people. Any thread may
// add; the rest belongs to one thread, after the others have ended.
#ifndef FG_PROBLEMS_H
#define FG_PROBLEMS_H

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#include "common/error.h"
#include "common/json.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_problem {
    size_t order;     // the person's place in the import
    unsigned line;    // of the CSV; 0: none
    char *id, *photo; // photo NULL: the person is refused
    char *reason, *text;
};

struct fg_problems {
    pthread_mutex_t lock;
    struct fg_problem *list;
    size_t count, room, lost; // lost: no memory was left to note them
};

void fg_problems_init(struct fg_problems *problems);
void fg_problems_finish(struct fg_problems *problems);

// Copies the texts; photo may be NULL.
void fg_problems_add(struct fg_problems *problems, size_t order, unsigned line, const char *id,
                     const char *photo, const char *reason, const char *text);

// In the order of the import.
void fg_problems_sort(struct fg_problems *problems);
void fg_problems_print(const struct fg_problems *problems, FILE *to);
struct fg_json *fg_problems_json(const struct fg_problems *problems); // owned by the caller
// A CSV with the columns id, line, photo, reason, text.
int fg_problems_write(const struct fg_problems *problems, const char *path, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
