// SPDX-License-Identifier: Apache-2.0
// What the matcher gives page by page, in the order of names: the rest is asked for behind the
// last.
#ifndef FG_PAGE_H
#define FG_PAGE_H

#include "tools/client.h"

#ifdef __cplusplus
extern "C" {
#endif

// Calls visit for each item of the answers' array `member`, borrowed for the call. 0, or as
// fg_client_do; -EBADMSG: pages that do not go on.
int fg_page_each(struct fg_client *client, const char *operation, const char *member,
                 void (*visit)(void *context, const struct fg_json *item), void *context,
                 struct fg_error *err);

// The item as a line of JSON.
void fg_page_print(const struct fg_json *item);

#ifdef __cplusplus
}
#endif
#endif
