// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "facegate";
static enum fg_log_level log_highest = FG_LOG_INFO;
static bool log_journal;

void fg_log_init(const char *program, enum fg_log_level highest)
{
    log_program = program;
    log_highest = highest;
    log_journal = getenv("JOURNAL_STREAM") != NULL;
}

static void write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(STDERR_FILENO, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; // nowhere left to complain
        text += n;
        length -= (size_t)n;
    }
}

void fg_log(enum fg_log_level level, const char *format, ...)
{
    static const int priority[] = {3, 4, 6, 7}; // LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG
    static const char *const word[] = {"error: ", "warning: ", "", "debug: "};
    if (level > log_highest)
        return;
    int saved = errno;
    char line[1024];
    int used = log_journal ? snprintf(line, sizeof line, "<%d>%s", priority[level], word[level])
                           : snprintf(line, sizeof line, "%s: %s", log_program, word[level]);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    size_t length = (size_t)used + (more > 0 ? (size_t)more : 0);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    for (size_t i = 0; i < length; i++) // a file's name must not write a line of its own
        if ((unsigned char)line[i] < ' ')
            line[i] = '?';
    line[length++] = '\n';
    write_all(line, length);
    errno = saved;
}
