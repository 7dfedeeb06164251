// SPDX-License-Identifier: Apache-2.0
// A subject's PIN is set, or taken away. It commits by itself, beside the changes of the same turn:
// an enrolment that replaces the subject sets the whole record, PIN and all.
#include <string.h>

#include "matcher/request.h"

fg_refusal fg_request_pin_set(struct fg_request *r)
{
    char id[FG_SUBJECT_ID] = "", hash[FG_SUBJECT_PIN] = "";
    struct fg_subject subject;
    if (!fg_request_id(r, r->header, id))
        return fg_refuse(r, "bad_request", FG_BAD_ID);
    if (!fg_request_text(r->header, "hash", hash, sizeof hash) || !fg_subject_pin_ok(hash))
        return fg_refuse(r, "bad_request",
                         "hash must be argon2id's own text, with at most 64 MiB and 4 passes, or "
                         "empty: facegate pin makes it");
    int code = fg_gallery_get(r->control->gallery, id, &subject, &r->err);
    if (code == 0) {
        memcpy(subject.pin, hash, sizeof subject.pin);
        code = fg_gallery_put(r->control->gallery, &subject, true, &r->err);
    }
    explicit_bzero(&subject, sizeof subject);
    explicit_bzero(hash, sizeof hash);
    return code < 0 ? fg_refuse_storage(r, code) : NULL;
}
