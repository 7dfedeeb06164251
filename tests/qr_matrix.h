// SPDX-License-Identifier: Apache-2.0
// For tests and figures: the modules of a QR code (ISO/IEC 18004).
#ifndef FG_QR_MATRIX_H
#define FG_QR_MATRIX_H

#include <stdint.h>

#define QR_MATRIX_MOST 177u // modules along a side

struct qr_matrix {
    unsigned size;
    uint8_t dark[QR_MATRIX_MOST][QR_MATRIX_MOST]; // rows; 1: dark
};

// Error correction M, the smallest that holds the text; letters stay as they are. Alphanumeric
// where the text is of 0-9A-Z $%*+-./: alone. Aborts when it does not fit.
void qr_matrix_make(const char *text, struct qr_matrix *ret);
// The same of any bytes, in byte mode.
void qr_matrix_make_bytes(const void *bytes, unsigned length, struct qr_matrix *ret);

#endif
