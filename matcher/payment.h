// SPDX-License-Identifier: Apache-2.0
// What a till or a cash machine has asked for in a lane.
#ifndef FG_PAYMENT_H
#define FG_PAYMENT_H

#include <stdint.h>

#include "common/wire.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_payment_kind { FG_PURCHASE, FG_DEPOSIT, FG_WITHDRAWAL };

struct fg_payment {
    char id[FG_SUBJECT_ID]; // of the asker; unique with its firm
    char firm[FG_WIRE_NAME];
    enum fg_payment_kind kind;
    uint64_t amount; // in the currency's smallest unit
};

#ifdef __cplusplus
}
#endif
#endif
