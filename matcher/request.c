// SPDX-License-Identifier: Apache-2.0
#include "matcher/request.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

fg_refusal fg_refuse(struct fg_request *r, fg_refusal code, const char *text)
{
    fg_fail(&r->err, 0, "%s", text);
    return code;
}

fg_refusal fg_refuse_storage(struct fg_request *r, int code)
{
    if (r->err.text[0] == '\0')
        fg_fail(&r->err, 0, "the gallery failed: %s", strerror(-code));
    switch (code) {
    case -EEXIST:
        return "exists";
    case -ENOENT:
        return "not_found";
    case -ENOSPC:
        return "no_space";
    default:
        return "failed";
    }
}

// ---- members ------------------------------------------------------------------------------------

// A text member of at most size - 1 bytes; absent leaves *ret empty.
bool fg_request_text(const struct fg_json *object, const char *name, char *ret, size_t size)
{
    const struct fg_json *member = fg_json_get(object, name);
    const char *text = fg_json_string(member);
    if (!member)
        return true;
    if (!text || strlen(text) >= size)
        return false;
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

bool fg_request_whole(const struct fg_json *object, const char *name, uint64_t low, uint64_t high,
                      uint64_t *ret)
{
    if (!fg_json_get(object, name))
        return true;
    double value = fg_json_get_number(object, name, -1);
    if (!(value >= (double)low && value <= (double)high) || floor(value) != value)
        return false;
    *ret = (uint64_t)value;
    return true;
}

bool fg_request_id(const struct fg_request *request, const struct fg_json *object,
                   char ret[FG_SUBJECT_ID])
{
    char given[FG_SUBJECT_ID] = "";
    const char *firm = request->control->firm;
    if (!fg_request_text(object, "subject", given, sizeof given) || !fg_subject_id_ok(given))
        return false;
    int length = firm ? snprintf(ret, FG_SUBJECT_ID, "%s:%s", firm, given)
                      : snprintf(ret, FG_SUBJECT_ID, "%s", given);
    return length < FG_SUBJECT_ID;
}

bool fg_request_owns(const struct fg_request *request, const char *id)
{
    const char *firm = request->control->firm;
    size_t length = firm ? strlen(firm) : 0;
    return !firm || (strncmp(id, firm, length) == 0 && id[length] == ':');
}

const char *fg_request_own_id(const struct fg_request *request, const char *id)
{
    return request->control->firm && fg_request_owns(request, id)
               ? id + strlen(request->control->firm) + 1
               : id;
}

fg_refusal fg_request_check_model(struct fg_request *r)
{
    char id[24];
    snprintf(id, sizeof id, "%016" PRIx64, r->control->card->id);
    const char *given = fg_json_get_string(r->header, "model", NULL);
    if (!given)
        return fg_refuse(r, "bad_request", "model is missing: the id of the model card in hex");
    if (strcmp(given, id) != 0)
        return fg_refuse(r, "wrong_model",
                         "the vectors are of another model than the matcher's; use its model card");
    double dimension = fg_json_get_number(r->header, "dimension", 0);
    if (dimension != fg_card_template_dimension(r->control->card))
        return fg_refuse(r, "wrong_dimension", "dimension is not that of the matcher's model card");
    return NULL;
}

bool fg_request_vector(const void *bytes, size_t length, uint32_t dimension, float *ret)
{
    double sum = 0;
    if (length != dimension * sizeof(float))
        return false;
    for (uint32_t i = 0; i < dimension; i++) {
        const uint8_t *b = (const uint8_t *)bytes + i * 4;
        uint32_t bits = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        memcpy(&ret[i], &bits, sizeof bits);
        sum += (double)ret[i] * (double)ret[i];
    }
    return fabs(sqrt(sum) - 1) <= 1e-3; // false for NaN
}
