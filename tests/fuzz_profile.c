// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: a profile of any bytes. Each fault names the file; what is sound is read the
// same again, and can be asked and told of.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "matcher/policy.h"
#include "matcher/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    const char *path;
    int count;
};

static void hear(void *context, const char *fault)
{
    struct heard *h = context;
    h->count++;
    if (strncmp(fault, h->path, strlen(h->path)) != 0 || strchr(fault, '\n'))
        abort();
}

static void ask(const struct fg_policy *policy, const char *lane, unsigned minute)
{
    static const struct fg_subject subject = {.id = "s", .born = FG_NO_BIRTH};
    const struct fg_facts facts = {.subject = &subject};
    struct fg_verdict verdict;
    fg_rules_check(policy, fg_policy_lane(policy, lane), &facts, 1800000000, minute, minute % 7,
                   &verdict);
    if (verdict.admit != (strcmp(verdict.reason, "matched") == 0))
        abort();
}

static void judge(const char *path)
{
    static struct fg_policy policy, again;
    struct heard heard = {.path = path};
    struct fg_error err = {""};
    int count = fg_policy_check(path, hear, &heard);
    int code = fg_policy_inspect(path, &policy, &err);
    if ((count < 0 ? 1 : count) != heard.count || (count == 0) != (code == 0) ||
        (code < 0 && !err.text[0]))
        abort();
    if (code < 0)
        return;
    if (fg_policy_inspect(path, &again, &err) < 0 || memcmp(&policy, &again, sizeof policy) != 0)
        abort();
    for (unsigned i = 0; i < policy.n_lanes; i++)
        for (unsigned minute = 0; minute < 1440; minute += 97)
            ask(&policy, policy.lanes[i].name, minute);
    ask(&policy, "none", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("profile", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    judge(path);
    close(fd);
    return 0;
}
