// SPDX-License-Identifier: Apache-2.0
#include "tests/qr_matrix.h"

#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>

static void take(QRcode *code, struct qr_matrix *ret)
{
    if (!code || code->width < 1 || code->width > (int)QR_MATRIX_MOST) {
        perror("a QR code can't be made");
        abort();
    }
    ret->size = (unsigned)code->width;
    for (unsigned y = 0; y < ret->size; y++)
        for (unsigned x = 0; x < ret->size; x++)
            ret->dark[y][x] = code->data[y * ret->size + x] & 1;
    QRcode_free(code);
}

void qr_matrix_make(const char *text, struct qr_matrix *ret)
{
    take(QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1), ret);
}

void qr_matrix_make_bytes(const void *bytes, unsigned length, struct qr_matrix *ret)
{
    take(QRcode_encodeData((int)length, bytes, 0, QR_ECLEVEL_M), ret);
}
