// SPDX-License-Identifier: Apache-2.0
#include "pipeline/confine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int failed(const char *what, struct fg_error *err)
{
    const int reason = errno;
    return fg_fail(err, -reason, "can not give up %s: %s", what, strerror(reason));
}

static int limit(__rlimit_resource_t resource, rlim_t most, const char *what, struct fg_error *err)
{
    struct rlimit now;
    if (getrlimit(resource, &now) < 0)
        return failed(what, err);
    const rlim_t lower = most < now.rlim_max ? most : now.rlim_max;
    const struct rlimit wanted = {lower, lower};
    return setrlimit(resource, &wanted) < 0 ? failed(what, err) : 0;
}

int fg_confine_begin(struct fg_error *err)
{
    if (close_range(3, ~0u, 0) < 0)
        return failed("open files", err);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed("dumps and privileges", err);
    return limit(RLIMIT_CORE, 0, "core files", err);
}

static int address_space(rlim_t *ret, struct fg_error *err)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return failed("memory (/proc is needed)", err);
    const int fields = fscanf(f, "%lu", &pages);
    fclose(f);
    if (fields != 1)
        return fg_fail(err, -EIO, "can not give up memory: /proc/self/statm makes no sense");
    *ret = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int fg_confine_end(size_t more, struct fg_error *err)
{
    rlim_t used = 0;
    int code = address_space(&used, err);
    if (code == 0 && chdir("/") < 0)
        code = failed("its folder", err);
    signal(SIGXFSZ, SIG_IGN); // standard error may be a file
    if (code == 0)
        code = limit(RLIMIT_FSIZE, 0, "files", err);
    if (code == 0)
        code = limit(RLIMIT_NPROC, 0, "children", err);
    return code ? code : limit(RLIMIT_AS, used + more, "memory", err);
}
