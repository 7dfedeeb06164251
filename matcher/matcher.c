// SPDX-License-Identifier: Apache-2.0
// facegate-matcher: one thread decides (it owns gallery, index, ledger and the sockets of requests
// and decisions), one drains probes. Documented in facegate-matcher(8).
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/log.h"
#include "common/notify.h"
#include "matcher/matcher.h"

static bool of_configuration(int code)
{
    static const int codes[] = {ENOENT, EACCES,       EINVAL,     ENOTDIR,         ENODATA,
                                ERANGE, ENAMETOOLONG, EOPNOTSUPP, EPERM,           EROFS,
                                ENOKEY, EKEYREJECTED, EISDIR,     EPROTONOSUPPORT, ELOOP};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (code == -codes[i])
            return true;
    return false;
}

static int failed(int code, const struct fg_error *err)
{
    fg_log(FG_LOG_ERROR, "%s", err->text[0] ? err->text : strerror(-code));
    if (code == -EBUSY || code == -EADDRINUSE)
        return EX_TEMPFAIL;
    return of_configuration(code) ? EX_CONFIG : EXIT_FAILURE;
}

static int run(struct fg_matcher *m)
{
    struct fg_error err = {""};
    int r = fg_matcher_start(m, &err);
    if (r == 0) {
        fg_log(FG_LOG_INFO, "ready: profile %s, model %s, %" PRIu64 " templates", m->policy.name,
               m->card.name, fg_roster_count(m->roster));
        fg_notify("READY=1");
        r = fg_matcher_loop(m, &err);
        fg_notify("STOPPING=1");
    }
    int code = r < 0 ? failed(r, &err) : EXIT_SUCCESS;
    fg_matcher_finish(m);
    return code;
}

int main(int argc, char **argv)
{
    static struct fg_matcher matcher = {.signal_fd = -1, .event_fd = -1};
    const char *config = NULL;
    struct fg_error err = {""};
    fg_log_init("facegate-matcher", FG_LOG_INFO);
    int code = fg_settings_look(argc, argv, &config);
    if (code >= 0)
        return code;
#ifndef __SANITIZE_ADDRESS__            // whose leak check is a tracer
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); // no core file, no tracer of our own user
#endif
    umask(0077);
    int r = fg_settings_read(argc, argv, config, &matcher.settings, &err);
    return r < 0 ? failed(r, &err) : run(&matcher);
}
