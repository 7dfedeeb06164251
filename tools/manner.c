// SPDX-License-Identifier: Apache-2.0
#include "tools/manner.h"

#include <errno.h>
#include <sys/prctl.h>

#include "tools/client.h"

int fg_manner_option(struct fg_manner *manner, int option, const char *value)
{
    struct fg_error why = {""};
    if (option >= FG_MANNER_FIELD && option < FG_MANNER_FIELD + FG_FIELDS) {
        enum fg_field field = (enum fg_field)(option - FG_MANNER_FIELD);
        if (fg_enrolment_set(&manner->enrolment, field, value, &why) < 0 && !manner->err.text[0])
            manner->err = why;
        return 0;
    }
    switch (option) {
    case FG_MANNER_CENTRAL:
        manner->rule.central = true;
        return 0;
    case FG_MANNER_ANYWAY:
        manner->rule.anyway = true;
        return 0;
    case FG_MANNER_REPLACE:
        manner->replace = true;
        return 0;
    case FG_MANNER_TIMEOUT:
        return fg_client_timeout(value, &manner->timeout_ms);
    }
    return -EINVAL;
}

void fg_manner_private(void)
{
#ifndef __SANITIZE_ADDRESS__ // whose leak check is a tracer
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
