// SPDX-License-Identifier: Apache-2.0
// Operators' key files. A pair is made at a time: NAME.issue.key makes tokens and stays at the
// desk; NAME.gate.key, without the signing key, goes to the gates, so that a stolen gate issues
// nothing (it opens the codes that it is shown: facegate-token(5)). One thread uses a set. All of
// this is for after fg_seal_init, which making a set calls.
#ifndef FG_TOKEN_KEYS_H
#define FG_TOKEN_KEYS_H

#include <stdbool.h>

#include "common/error.h"
#include "matcher/token.h"

#ifdef __cplusplus
extern "C" {
#endif

// An empty set in locked memory, owned by the caller. -ENOMEM; -EIO: no random bytes.
int fg_token_keys_create(struct fg_token_keys **ret, struct fg_error *err);
void fg_token_keys_destroy(struct fg_token_keys *keys); // wipes; accepts NULL

// Adds the key of a file. Its mode must keep it from group and others (-EPERM), unless it lies in
// $CREDENTIALS_DIRECTORY, where the mode is systemd's affair. -ENOENT; -EBADMSG: not a key file, or
// damaged; -EPROTONOSUPPORT: of another version; -EEXIST: the set has a key of this id; -ENOSPC: it
// has FG_TOKEN_KEYS. On failure the set is as it was.
int fg_token_keys_read(struct fg_token_keys *keys, const char *path, struct fg_error *err);

// Draws a key.
int fg_token_keys_draw(struct fg_token_keys *keys, const char *name, struct fg_error *err);

// Makes the file, mode 0600, on disk when this returns. With `gate` the signing key is left out.
// -EEXIST: there is one; -EINVAL: the name is no word. Nothing is left on failure.
int fg_token_keys_write(const struct fg_token_key *key, bool gate, const char *path,
                        struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
