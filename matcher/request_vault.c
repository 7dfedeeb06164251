// SPDX-License-Identifier: Apache-2.0
// The requests about vault records.
#include <errno.h>
#include <math.h>
#include <string.h>

#include "matcher/request.h"
#include "matcher/seal.h"

#define SECONDS_MOST 253402300799.0 // the end of the year 9999

static fg_refusal read_record_id(struct fg_request *r, uint8_t ret[FG_VAULT_ID])
{
    const char *text = fg_json_get_string(r->header, "record", "");
    if (r->control->policy->mode != FG_MODE_VAULT)
        return fg_refuse(r, "not_here", "the matcher's profile has another mode than vault");
    return fg_seal_from_hex(text, strlen(text), ret, FG_VAULT_ID) == 0
               ? NULL
               : fg_refuse(r, "bad_request", "record must be 32 hex digits");
}

fg_refusal fg_request_vault_put(struct fg_request *r)
{
    uint8_t id[FG_VAULT_ID];
    double until = fg_json_get_number(r->header, "until", -1);
    fg_refusal refused = read_record_id(r, id);
    if (refused)
        return refused;
    if (r->n_vectors != 1)
        return fg_refuse(r, "bad_request", "vault_put takes the record as one further part");
    if (!(until >= 1 && until <= SECONDS_MOST) || floor(until) != until)
        return fg_refuse(r, "bad_request", "until must be whole seconds since 1970");
    int code = fg_gallery_vault_put(r->control->gallery, id, (uint64_t)until, r->vectors[0].data,
                                    r->vectors[0].length, &r->err);
    if (code == -EINVAL)
        return "bad_request";
    return code < 0 ? fg_refuse_storage(r, code) : NULL;
}

fg_refusal fg_request_vault_delete(struct fg_request *r)
{
    uint8_t id[FG_VAULT_ID];
    fg_refusal refused = read_record_id(r, id);
    if (refused)
        return refused;
    int code = fg_gallery_vault_delete(r->control->gallery, id, &r->err);
    return code < 0 ? fg_refuse_storage(r, code) : NULL;
}
