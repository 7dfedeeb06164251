// SPDX-License-Identifier: Apache-2.0
#include "tools/event_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tools/csv.h"
#include "tools/plain.h"
#include "tools/when.h"

#define TO_SECONDS 19 // characters of a time up to its seconds

static const char *const columns[] = {"number", "t",       "event",  "lane",   "zone",
                                      "firm",   "subject", "reason", "detail", "liveness",
                                      "run",    "seq",     "charge", "amount", "currency"};
#define COLUMNS (sizeof columns / sizeof *columns)

void fg_event_csv_head(FILE *file)
{
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(file, "%s%c", columns[i], i + 1 < COLUMNS ? ',' : '\n');
}

void fg_event_csv(FILE *file, const struct fg_json *event)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const struct fg_json *member = fg_json_get(event, columns[i]);
        const char *text = fg_json_string(member);
        if (text)
            fg_csv_write(file, text);
        else if (member)
            fprintf(file, "%.0f", fg_json_get_number(event, columns[i], 0));
        fputc(i + 1 < COLUMNS ? ',' : '\n', file);
    }
}

void fg_event_line(FILE *file, const struct fg_json *event)
{
    static const struct {
        const char *name;
        int width;
    } parts[] = {{"t", 25}, {"event", 14}, {"lane", 14}, {"subject", 20}, {"reason", 20}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *text = fg_json_get_string(event, parts[i].name, "-");
        if (strlen(text) < (size_t)parts[i].width)
            fg_plain_column(file, text, parts[i].width);
        else {
            fg_plain_print(file, text);
            fputc(' ', file);
        }
    }
    fg_plain_print(file, fg_json_get_string(event, "detail", "-"));
    fputc('\n', file);
}

int fg_event_seconds(const struct fg_json *event, uint64_t *ret_s, struct fg_error *err)
{
    char text[TO_SECONDS + 2];
    const char *t = fg_json_get_string(event, "t", "");
    if (strlen(t) <= TO_SECONDS || t[strlen(t) - 1] != 'Z')
        return fg_fail(err, -EBADMSG, "an event without a time; is this a matcher's answer?");
    memcpy(text, t, TO_SECONDS);
    memcpy(text + TO_SECONDS, "Z", 2);
    return fg_when_read(text, false, ret_s, err) < 0 ? -EBADMSG : 0;
}
