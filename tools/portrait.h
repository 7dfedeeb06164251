// SPDX-License-Identifier: Apache-2.0
// The photographs of one person, turned into the vectors that are enrolled. The matcher averages
// them. Several photographs must look like one person.
#ifndef FG_PORTRAIT_H
#define FG_PORTRAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "matcher/subject.h"
#include "tools/photo.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_portrait_rule {
    bool central;  // the face nearest the centre; else several faces are refused
    bool tolerant; // set photographs aside that can't be used, instead of refusing the person
    bool anyway;   // do not compare the photographs with each other
};

struct fg_portrait { // 20 KiB; wipe with fg_portrait_wipe
    unsigned count;  // of vectors
    uint32_t dimension;
    float vectors[FG_SUBJECT_SOURCES * FG_WIRE_DIMENSION]; // packed, each of length 1
    float quality[FG_SUBJECT_SOURCES];                     // unified, 0..1
    size_t photo[FG_SUBJECT_SOURCES];                      // index of the photograph
};

// A photograph that was set aside, or the one that the person was refused for. `reason` is a word
// ("blurred", "several_faces", "unreadable", "left_out", ...), `text` a sentence.
typedef void (*fg_portrait_note)(void *context, const char *photo, const char *reason,
                                 const char *text);

// Looks at the photographs in their order until FG_SUBJECT_SOURCES are good; later ones are noted
// as left_out. 0: *ret is set. The person is refused, and err says why: -ENODATA (a photograph is
// not good; with `tolerant`: none is), -ENOTUNIQ (two look like two people: their cosine is under
// the card's same_track). -EIO, -ENOMEM: the engine failed.
int fg_portrait_take(struct fg_photographer *photographer, const struct fg_card *card,
                     char *const *photos, size_t n_photos, const struct fg_portrait_rule *rule,
                     fg_portrait_note note, void *context, struct fg_portrait *ret,
                     struct fg_error *err);
void fg_portrait_wipe(struct fg_portrait *portrait);

#ifdef __cplusplus
}
#endif
#endif
