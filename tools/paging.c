// SPDX-License-Identifier: Apache-2.0
#include "tools/paging.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME 64 // of the longest id, with the NUL

static int visit_all(struct fg_paging *p, const struct fg_json *items, struct fg_error *err)
{
    int r = 0;
    const struct fg_json *item = fg_json_count(items) > 0 ? fg_json_at(items, 0) : NULL;
    for (; item && r == 0; item = fg_json_next(item))
        r = p->visit(p->context, item, err);
    int end = r >= 0 && p->end_page ? p->end_page(p->context, err) : 0;
    return end < 0 ? end : r;
}

static int stuck(struct fg_error *err)
{
    return fg_fail(
        err, -EBADMSG,
        "the matcher's pages do not go on; are matcher and this command of one release?");
}

// 1: there is another page.
static int go_on_number(struct fg_paging *p, const struct fg_json *answer, struct fg_error *err)
{
    double after = fg_json_get_number(answer, "after", -1);
    bool more = fg_json_get_bool(answer, "more", false);
    if (after < p->after || (more && !(after > p->after)))
        return stuck(err);
    p->after = after;
    return more;
}

static int go_on_name(char last[NAME], const struct fg_json *answer, struct fg_error *err)
{
    const char *after = fg_json_get_string(answer, "after", NULL);
    if (!after)
        return 0;
    if (strcmp(after, last) <= 0 || strlen(after) >= NAME)
        return stuck(err);
    snprintf(last, NAME, "%s", after);
    return 1;
}

static int one_page(struct fg_paging *p, struct fg_client *client, char last[NAME],
                    struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request(p->operation);
    if (p->fill)
        p->fill(p->context, request);
    if (p->numbered)
        fg_json_add_number(request, "after", p->after);
    else if (last[0])
        fg_json_add_string(request, "after", last);
    int r = fg_client_do(client, request, NULL, 0, 0, &answer, err);
    if (r < 0)
        return r;
    r = visit_all(p, fg_json_get(answer, p->member), err);
    if (r == 0)
        r = p->numbered ? go_on_number(p, answer, err) : go_on_name(last, answer, err);
    else if (r == 1)
        r = 0;
    fg_json_destroy(answer);
    return r;
}

int fg_paging_run(struct fg_paging *paging, struct fg_client *client, struct fg_error *err)
{
    char last[NAME] = "";
    int r;
    while ((r = one_page(paging, client, last, err)) == 1)
        ;
    return r;
}
