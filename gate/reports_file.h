// SPDX-License-Identifier: Apache-2.0
// The reports that the matcher has not acknowledged, in a file: a gate that is killed says them
// again when it is back. Text: a line for the format and the boot whose clock times are of, then
// one for each report, oldest first. One thread.
#ifndef FG_REPORTS_FILE_H
#define FG_REPORTS_FILE_H

#include "gate/reports.h"

#ifdef __cplusplus
extern "C" {
#endif

// Writes the reports that are owed in place of the file, whole or not at all: after kill -9, not
// after a power cut, when the lane's state is gone too. 0 or negative errno.
int fg_reports_file_write(const char *path, const struct fg_report *kept, unsigned count);

// Reads them into kept, FG_REPORTS_KEPT at most. How many; 0 when there is no file or it is of
// another boot; -EBADMSG, -EIO and other errors with err.
int fg_reports_file_read(const char *path, struct fg_report kept[FG_REPORTS_KEPT],
                         struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
