// SPDX-License-Identifier: Apache-2.0
// One error text beside a negative errno: the return value is for the program, the text for the
// person. Library code is silent; the caller that decides what to do prints the text.
#ifndef FG_ERROR_H
#define FG_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

struct fg_error {
    char text[480]; // one sentence or two: what is wrong, and the remedy; no newline
};

// Formats the text (cut at its end if too long) and returns `code` unchanged, so that a function
// can write `return fg_fail(err, -EINVAL, "...")`. `err` may be NULL.
int fg_fail(struct fg_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Puts "PREFIX: " before the text that is already there and returns `code`.
int fg_fail_prefix(struct fg_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
#endif
