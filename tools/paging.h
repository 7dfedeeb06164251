// SPDX-License-Identifier: Apache-2.0
// What the matcher answers page by page (facegate-control(7): events, charges, inside, blocked,
// flights), each asked for behind the last.
#ifndef FG_PAGING_H
#define FG_PAGING_H

#include <stdbool.h>

#include "common/error.h"
#include "common/json.h"
#include "tools/client.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_paging { // all borrowed
    const char *operation;
    const char *member; // the array of its answers
    // Adds to each request what is wanted; NULL: all is.
    void (*fill)(void *context, struct fg_json *request);
    // One item. 0, 1 to end here, or a negative errno.
    int (*visit)(void *context, const struct fg_json *item, struct fg_error *err);
    // Behind each page; NULL: nothing. 0 or a negative errno.
    int (*end_page)(void *context, struct fg_error *err);
    void *context;
    // Where to go on. Numbered ones: the number behind which the first page begins, moved on by
    // every page. It stays where the last page ended.
    bool numbered;
    double after;
};

// Until the last page. 0, or an error of the client, of a visit or of end_page.
int fg_paging_run(struct fg_paging *paging, struct fg_client *client, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
