// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fg_fail(struct fg_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return code;
}

int fg_fail_prefix(struct fg_error *err, int code, const char *format, ...)
{
    if (err) {
        char rest[sizeof err->text];
        memcpy(rest, err->text, sizeof rest);
        va_list args;
        va_start(args, format);
        int used = vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof err->text)
            snprintf(err->text + used, sizeof err->text - (size_t)used, ": %.*s",
                     (int)(sizeof err->text - (size_t)used), rest);
    }
    return code;
}
