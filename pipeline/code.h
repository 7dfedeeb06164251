// SPDX-License-Identifier: Apache-2.0
// QR codes (ISO/IEC 18004) held before a camera, by zbar: their bytes, never interpreted.
//
// A look takes the sampler's luma of the whole picture, its longer side at most 1280 pixels: a code
// of 57 modules and 6 cm, which holds a token, then has three pixels a module at half a metre under
// a lens of 45 degrees, and zbar reads every second line. Every other look is at half of that,
// which averages away the noise that spoils a near code in a dim place. `make bench-code` says what
// a look takes.
#ifndef FG_CODE_H
#define FG_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_code_reader; // one thread at a time

int fg_code_reader_create(struct fg_code_reader **ret);     // -ENOMEM
void fg_code_reader_destroy(struct fg_code_reader *reader); // wipes what it saw; accepts NULL

// Whether it is time for another look: at most five a second, and at most a fifth of the time.
bool fg_code_due(const struct fg_code_reader *reader, uint64_t now_ns);

// The bytes are borrowed for the call, 1 to FG_WIRE_TOKEN of them.
typedef void (*fg_code_found)(void *context, const uint8_t *bytes, size_t length);

// Looks once, whether it is due or not. `found` is called for each code, but for the same bytes at
// most once a second. Codes that are longer than a token are none. 0; failure: as fg_sample_grey,
// and -ENOMEM.
int fg_code_look(struct fg_code_reader *reader, const struct fg_frame *frame, uint64_t now_ns,
                 fg_code_found found, void *context);

#ifdef __cplusplus
}
#endif
#endif
