// SPDX-License-Identifier: Apache-2.0
// Log lines on standard error, one line a call. Under systemd the priority goes in front as
// sd-daemon(3) asks. Never log a vector, a name or a score at info level or above.
#ifndef FG_LOG_H
#define FG_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

enum fg_log_level { FG_LOG_ERROR, FG_LOG_WARNING, FG_LOG_INFO, FG_LOG_DEBUG };

// Sets the program's name (borrowed, for the line's start) and the highest level printed.
// Call once, before the threads start.
void fg_log_init(const char *program, enum fg_log_level highest);

// Any thread; a line is written with one write(2), so lines do not mix.
void fg_log(enum fg_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
