// SPDX-License-Identifier: Apache-2.0
// Tags of EF.DG2: ICAO Doc 9303 part 10, 4.7.2. Of the FaceImageDataBlock: ICAO's ASN.1 module
// id-icao-iso-iec-39794-5-ed-1-v1, whose tags are implicit but around a CHOICE. This software makes
// use of the Schema from ISO/IEC 39794-5 within modifications permitted in the relevant ISO/IEC
// standard.
#include "pipeline/document.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "pipeline/image_codecs.h"
#include "pipeline/tlv.h"

enum {
    TAG_DG2 = 0x75,
    TAG_GROUP = 0x7f61,    // biometric information group template
    TAG_COUNT = 0x02,      // of the templates in it
    TAG_TEMPLATE = 0x7f60, // biometric information template
    TAG_DATA = 0x5f2e,     // biometric data block, primitive
    TAG_DATA_39794 = 0x7f2e,
};

// A tag that must be there, by its name in the standard.
struct step {
    uint32_t tag;
    const char *name;
};

static int enter(struct fg_tlv_span *at, const struct step *step, struct fg_error *err)
{
    struct fg_tlv object;
    int code = fg_tlv_find(*at, step->tag, &object, err);
    if (code < 0)
        return code;
    if (code == 0)
        return fg_fail(err, -EBADMSG, "there is no %s (tag %X)", step->name, step->tag);
    *at = object.value;
    return 0;
}

// ---- ISO/IEC 19794-5:2005 ----------------------------------------------------------------------
// Facial record header, then for each image: facial information (20 bytes), feature points (8 bytes
// each), image information (12 bytes), the picture. All numbers big-endian.
enum { RECORD_HEAD = 14, FACE_HEAD = 20, FEATURE_POINT = 8, IMAGE_HEAD = 12 };

static uint32_t u16_at(const uint8_t *b)
{
    return (uint32_t)b[0] << 8 | b[1];
}

static uint32_t u32_at(const uint8_t *b)
{
    return u16_at(b) << 16 | u16_at(b + 2);
}

static int read_first_face(const uint8_t *face, size_t left, struct fg_document *ret,
                           struct fg_error *err)
{
    if (left < FACE_HEAD + IMAGE_HEAD)
        return fg_fail(err, -EBADMSG, "the facial record is cut off in its first face");
    const uint32_t length = u32_at(face);
    const size_t before = FACE_HEAD + (size_t)u16_at(face + 4) * FEATURE_POINT + IMAGE_HEAD;
    if (length > left || length <= before)
        return fg_fail(err, -EBADMSG,
                       "the facial record's first face says it has %u bytes: %zu come before its "
                       "picture, and %zu are there",
                       length, before, left);
    const uint8_t type = face[before - IMAGE_HEAD + 1];
    if (type > 1)
        return fg_fail(err, -EBADMSG,
                       "the facial record's picture is of type %u; 0 (JPEG) and 1 (JPEG 2000) are "
                       "known",
                       type);
    ret->picture = face + before;
    ret->length = length - before;
    return 0;
}

static int read_19794(struct fg_tlv_span record, struct fg_document *ret, struct fg_error *err)
{
    ret->kind = FG_DOCUMENT_ISO_19794;
    if (record.left < RECORD_HEAD)
        return fg_fail(err, -EBADMSG, "the facial record is cut off in its header");
    if (memcmp(record.at + 4, "010", 4) != 0)
        return fg_fail(err, -ENOTSUP,
                       "the facial record is of another version of ISO/IEC 19794-5 than 2005; "
                       "extract its picture and send that");
    const uint32_t length = u32_at(record.at + 8);
    if (length < RECORD_HEAD || length > record.left)
        return fg_fail(err, -EBADMSG, "the facial record says it has %u bytes, and %zu are there",
                       length, record.left);
    ret->pictures = u16_at(record.at + 12);
    if (ret->pictures == 0)
        return fg_fail(err, -EBADMSG, "the facial record holds no face image");
    return read_first_face(record.at + RECORD_HEAD, length - RECORD_HEAD, ret, err);
}

// ---- ISO/IEC 39794-5:2019 ----------------------------------------------------------------------

static int count_objects(struct fg_tlv_span span, uint32_t tag, uint32_t *ret, struct fg_error *err)
{
    struct fg_tlv object;
    int code;
    *ret = 0;
    while ((code = fg_tlv_next(&span, &object, err)) == 1)
        *ret += object.tag == tag;
    return code;
}

static int read_39794(struct fg_tlv_span data, struct fg_document *ret, struct fg_error *err)
{
    static const struct step to_faces[] = {
        {0xa1, "biometric data of ISO/IEC 39794"},
        {0x65, "FaceImageDataBlock"},
        {0xa1, "representationBlocks"},
    };
    static const struct step to_picture[] = {
        {0x30, "RepresentationBlock"},      {0xa1, "imageRepresentation"},
        {0xa0, "imageRepresentation.base"}, {0xa0, "imageRepresentation2DBlock"},
        {0x80, "representationData2D"},
    };
    int code = 0;
    ret->kind = FG_DOCUMENT_ISO_39794;
    data.der = true;
    for (size_t i = 0; code == 0 && i < sizeof to_faces / sizeof *to_faces; i++)
        code = enter(&data, &to_faces[i], err);
    if (code == 0)
        code = count_objects(data, 0x30, &ret->pictures, err);
    for (size_t i = 0; code == 0 && i < sizeof to_picture / sizeof *to_picture; i++)
        code = enter(&data, &to_picture[i], err);
    ret->picture = data.at;
    ret->length = data.left;
    return code;
}

// ---- EF.DG2 ------------------------------------------------------------------------------------

// ISO/IEC 7816-4: bytes of 00 and FF may stand where no object does. A file is often read whole.
static bool is_padding(struct fg_tlv_span rest)
{
    for (; rest.left > 0; rest.at++, rest.left--)
        if (*rest.at != 0 && *rest.at != 0xff)
            return false;
    return true;
}

static int open_group(const uint8_t *bytes, size_t length, struct fg_tlv_span *ret,
                      struct fg_error *err)
{
    struct fg_tlv_span rest = {bytes, length, false};
    struct fg_tlv file;
    int code = fg_tlv_next(&rest, &file, err);
    if (code < 0)
        return code;
    if (!is_padding(rest))
        return fg_fail(err, -EBADMSG, "%zu bytes follow the end of the data group", rest.left);
    *ret = file.value;
    return enter(ret, &(struct step){TAG_GROUP, "biometric information group template"}, err);
}

// How many templates the group says it has must be how many there are.
static int check_count(struct fg_tlv_span group, uint32_t *ret, struct fg_error *err)
{
    struct fg_tlv_span said = group;
    int code = enter(&said, &(struct step){TAG_COUNT, "number of templates"}, err);
    if (code == 0)
        code = count_objects(group, TAG_TEMPLATE, ret, err);
    if (code < 0)
        return code;
    if (said.left != 1 || said.at[0] != *ret || *ret == 0)
        return fg_fail(err, -EBADMSG,
                       "it holds %u biometric information templates and says another "
                       "number, or none",
                       *ret);
    return 0;
}

static int find_data(struct fg_tlv_span template, struct fg_tlv_span *ret, struct fg_error *err)
{
    struct fg_tlv object;
    int code;
    while ((code = fg_tlv_next(&template, &object, err)) == 1) {
        if (object.tag == TAG_DATA || object.tag == TAG_DATA_39794) {
            *ret = object.value;
            return 0;
        }
    }
    if (code < 0)
        return code;
    return fg_fail(err, -EBADMSG, "there is no biometric data block (tag 5F2E or 7F2E)");
}

static int read_dg2(const uint8_t *bytes, size_t length, struct fg_document *ret,
                    struct fg_error *err)
{
    struct fg_tlv_span group, template, data;
    uint32_t templates = 0;
    int code = open_group(bytes, length, &group, err);
    if (code == 0)
        code = check_count(group, &templates, err);
    template = group;
    if (code == 0)
        code =
            enter(&template, &(struct step){TAG_TEMPLATE, "biometric information template"}, err);
    if (code == 0)
        code = find_data(template, &data, err);
    if (code < 0)
        return code;
    code = data.left >= 4 && memcmp(data.at, "FAC", 4) == 0 ? read_19794(data, ret, err)
                                                            : read_39794(data, ret, err);
    ret->pictures += templates - 1;
    return code;
}

int fg_document_read(const void *bytes, size_t length, struct fg_document *ret,
                     struct fg_error *err)
{
    struct fg_document document = {.kind = FG_DOCUMENT_PICTURE, bytes, length, 1};
    const uint8_t *first = bytes;
    if (length > 0 && first[0] == TAG_DG2) {
        int code = read_dg2(first, length, &document, err);
        if (code < 0)
            return fg_fail_prefix(err, code, "the document's data group 2");
    }
    if (fg_image_kind(document.picture, document.length) == FG_IMAGE_UNKNOWN)
        return fg_fail(err, -EBADMSG,
                       document.kind == FG_DOCUMENT_PICTURE
                           ? "neither JPEG, PNG nor JPEG 2000, and no data group 2 of a document"
                           : "the document's data group 2: its picture is neither JPEG, PNG nor "
                             "JPEG 2000");
    *ret = document;
    return 0;
}
