// SPDX-License-Identifier: Apache-2.0
#include "tools/verb.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void list_verbs(const struct fg_verb *verbs)
{
    for (const struct fg_verb *v = verbs; v->name; v++)
        fprintf(stderr, "%s%s", v == verbs ? "" : v[1].name ? ", " : " or ", v->name);
}

static const struct fg_verb *find(const struct fg_verb *verbs, int argc, char **argv)
{
    const char *name = optind < argc ? argv[optind] : NULL;
    for (const struct fg_verb *v = verbs; name && v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    fprintf(stderr, "facegate %s: say ", argv[0]);
    list_verbs(verbs);
    fprintf(stderr, "; see facegate %s --help\n", argv[0]);
    return NULL;
}

const struct fg_verb *fg_verb_find(const struct fg_verb *verbs, const struct option *rows,
                                   uint32_t seen, int argc, char **argv)
{
    const struct fg_verb *verb = find(verbs, argc, argv);
    if (!verb)
        return NULL;
    for (; rows->name; rows++) {
        if (!(seen & ~verb->options & UINT32_C(1) << rows->val))
            continue;
        fprintf(stderr, "facegate %s %s: --%s is not for it; see facegate %s --help\n", argv[0],
                verb->name, rows->name, argv[0]);
        return NULL;
    }
    const int count = argc - optind - 1;
    if (count >= verb->least && count <= verb->most)
        return verb;
    fprintf(stderr, "facegate %s %s: takes %s; see facegate %s --help\n", argv[0], verb->name,
            verb->operands, argv[0]);
    return NULL;
}
