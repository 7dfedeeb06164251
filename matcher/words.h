// SPDX-License-Identifier: Apache-2.0
// What the person at the gate is told, in all the languages of a profile at once. Loaded once,
// before threads start, and never changed: any thread may read it.
//
// English is in the program. Another language is a catalogue LOCALEDIR/LANGUAGE/LC_MESSAGES/
// facegate.mo, which also says how the language writes dates; a further language is a po file and
// its name among those that a profile may list. What a catalogue lacks, or has with other
// placeholders than the English sentence, is said in English.
#ifndef FG_WORDS_H
#define FG_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_WORDS_LANGUAGES 8
#define FG_WORDS_LANGUAGE  8   // bytes of a language's name with its NUL: "ko", "pt_BR"
#define FG_WORDS_TEXT      768 // bytes of a sentence with all that may be in it, and its NUL

struct fg_words;

// `languages` are `count` names (1 to FG_WORDS_LANGUAGES, none twice). Times are told as the
// machine's time zone has them when `local`, else in UTC.
// Success: *ret owned by the caller, and the result says how many languages are not complete; err
// then says what is missing in the first of them. -EINVAL: a name or the count; -ENOMEM.
int fg_words_load(const char *localedir, const char *const *languages, unsigned count, bool local,
                  struct fg_words **ret, struct fg_error *err);
void fg_words_destroy(struct fg_words *words); // accepts NULL

unsigned fg_words_count(const struct fg_words *words);
const char *fg_words_language(const struct fg_words *words, unsigned index); // borrowed

// The sentence of a reason's code without what it may name; borrowed. NULL: neither the language
// is loaded nor the code known.
const char *fg_words(const struct fg_words *words, const char *language, const char *reason);

struct fg_saying {
    const char *reason;
    uint64_t when_s;    // seconds since 1970; 0: none
    const char *detail; // empty: none. What is no printable ASCII comes out as '?'
    uint64_t now_s;     // a time of today is told without its day
    bool to_staff;      // the person is sent to the staff besides
};

// Writes the sentence, always whole UTF-8 sequences. False: the code is not known, and *ret is
// empty.
bool fg_words_say(const struct fg_words *words, unsigned index, const struct fg_saying *saying,
                  char ret[FG_WORDS_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
