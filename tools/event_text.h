// SPDX-License-Identifier: Apache-2.0
// An event of the ledger, as facegate-control(7) gives it, in columns and in CSV.
#ifndef FG_EVENT_TEXT_H
#define FG_EVENT_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/json.h"

#ifdef __cplusplus
extern "C" {
#endif

// RFC 4180, ended by LF; every member of an event has a column, empty where it is absent.
void fg_event_csv_head(FILE *file);
void fg_event_csv(FILE *file, const struct fg_json *event);

// One line for people: time, event, lane, subject, reason and detail.
void fg_event_line(FILE *file, const struct fg_json *event);

// The event's time in whole seconds since 1970. -EBADMSG.
int fg_event_seconds(const struct fg_json *event, uint64_t *ret_s, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
