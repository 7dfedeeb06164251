// SPDX-License-Identifier: Apache-2.0
// A claim: somebody in a lane says who they are, by a token or a document, and the face is to
// agree.
#ifndef FG_CLAIM_H
#define FG_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "matcher/ledger.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_claim_kind { FG_CLAIM_NONE, FG_CLAIM_TOKEN, FG_CLAIM_DOCUMENT };

struct fg_claim {
    enum fg_claim_kind kind;
    char id[FG_SUBJECT_ID]; // opaque: the serial in hex, or the check's number
    // The reference, for a token: a unit vector. A document's stays with the process that compares.
    float vector[FG_WIRE_DIMENSION];
    uint64_t valid_from_s, valid_until_s; // of the token; 0: no bound
    uint8_t serial[FG_SERIAL];
    bool authenticated; // a document whose chip's signature somebody has checked
};

#ifdef __cplusplus
}
#endif
#endif
