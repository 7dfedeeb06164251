// SPDX-License-Identifier: Apache-2.0
// Any bytes as a document: a picture in them that begins as one, or a sentence.
#include <stdlib.h>

#include "pipeline/document.h"
#include "pipeline/image_codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fg_document document;
    struct fg_error err = {""};
    if (fg_document_read(bytes, length, &document, &err) != 0) {
        if (err.text[0] == 0)
            abort();
        return 0;
    }
    if (document.picture < bytes || document.length > length ||
        document.picture + document.length > bytes + length || document.pictures == 0 ||
        fg_image_kind(document.picture, document.length) == FG_IMAGE_UNKNOWN)
        abort();
    return 0;
}
