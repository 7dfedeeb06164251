// SPDX-License-Identifier: Apache-2.0
// What a token says to this gate: opened with the operators' keys, and held against the profile,
// the clock, the model, and what was revoked or used. One thread.
#ifndef FG_READER_H
#define FG_READER_H

#include "common/wire.h"
#include "matcher/claim.h"
#include "matcher/gallery.h"
#include "matcher/ledger.h"
#include "matcher/policy.h"
#include "matcher/rules.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_reader;

struct fg_reader_options {
    const struct fg_policy *policy; // borrowed
    struct fg_ledger *ledger;       // borrowed; NULL: nothing is revoked or used
    struct fg_gallery *gallery;     // borrowed; of vault records
    uint64_t model;
    uint32_t dimension;
    const char *keys; // files, separated by spaces; for the call
};

// -EINVAL: no key file; what fg_token_keys_read says of one; -ENOMEM.
int fg_reader_create(const struct fg_reader_options *options, struct fg_reader **ret,
                     struct fg_error *err);
void fg_reader_destroy(struct fg_reader *reader); // wipes; accepts NULL

// 0 and *ret, which the caller wipes; -EACCES and the reason in *ret_verdict; -ENOMSG: not a token
// of ours at all. The ledger is read in its open transaction, or in one of its own.
int fg_reader_read(struct fg_reader *reader, const struct fg_wire_token *token, uint64_t realtime_s,
                   struct fg_claim *ret, struct fg_verdict *ret_verdict);

// Within a transaction. Used: somebody was let through with it, and did not turn back.
bool fg_reader_is_revoked(struct fg_ledger *ledger, const uint8_t serial[FG_SERIAL]);
bool fg_reader_is_used(struct fg_ledger *ledger, const uint8_t serial[FG_SERIAL]);

#ifdef __cplusplus
}
#endif
#endif
