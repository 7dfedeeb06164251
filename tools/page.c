// SPDX-License-Identifier: Apache-2.0
#include "tools/page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME 64 // bytes of what a page goes on behind

// Copies the answer's `after`. 1: it goes on; 0: it was the last page.
static int go_on(const struct fg_json *answer, char after[NAME], struct fg_error *err)
{
    const char *next = fg_json_get_string(answer, "after", NULL);
    if (!next)
        return 0;
    if (strcmp(next, after) <= 0 || strlen(next) >= NAME)
        return fg_fail(err, -EBADMSG,
                       "the matcher's pages do not go on; are matcher and this "
                       "command of one release?");
    memcpy(after, next, strlen(next) + 1);
    return 1;
}

int fg_page_each(struct fg_client *client, const char *operation, const char *member,
                 void (*visit)(void *context, const struct fg_json *item), void *context,
                 struct fg_error *err)
{
    char after[NAME] = "";
    int r;
    do {
        struct fg_json *answer = NULL, *request = fg_client_request(operation);
        fg_json_add_string(request, "after", after);
        r = fg_client_do(client, request, NULL, 0, 0, &answer, err);
        if (r < 0)
            return r;
        for (const struct fg_json *item = fg_json_at(fg_json_get(answer, member), 0); item;
             item = fg_json_next(item))
            visit(context, item);
        r = go_on(answer, after, err);
        fg_json_destroy(answer);
    } while (r == 1);
    return r;
}

void fg_page_print(const struct fg_json *item)
{
    char *text = fg_json_print(item, false);
    puts(text);
    free(text);
}
