// SPDX-License-Identifier: Apache-2.0
// The master key: 32 bytes that seal the key file, from a systemd credential or a file.
#ifndef FG_MASTER_H
#define FG_MASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

// Reads the master key from `file`, or when NULL from $CREDENTIALS_DIRECTORY/facegate-master. With
// `make` an absent `file` is made, durably, mode 0600. Success: *ret_key is fg_seal_alloc'd
// memory of FG_SEAL_KEY bytes, owned by the caller. -ENOKEY: absent; -EPERM: readable by group or
// others; -EINVAL: no key in it; or what opening it returned.
int fg_master_read(const char *file, bool make, uint8_t **ret_key, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
