// SPDX-License-Identifier: Apache-2.0
#include <libexif/exif-data.h>

#include "pipeline/image_codecs.h"

static unsigned orientation_of(ExifData *data)
{
    // The first directory only: the second one describes the thumbnail.
    ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->components < 1 || entry->size < 2)
        return 1;
    unsigned value = exif_get_short(entry->data, exif_data_get_byte_order(data));
    return value >= 1 && value <= 8 ? value : 1;
}

unsigned fg_exif_orientation(const uint8_t *payload, size_t length)
{
    if (!payload || length > UINT16_MAX) // one JPEG segment holds no more
        return 1;
    ExifData *data = exif_data_new();
    if (!data)
        return 1;
    // It would add and rewrite entries; we want what the file says.
    exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_load_data(data, payload, (unsigned)length);
    unsigned orientation = orientation_of(data);
    exif_data_unref(data);
    return orientation;
}
