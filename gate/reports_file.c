// SPDX-License-Identifier: Apache-2.0
#include "gate/reports_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define FORMAT "facegate-reports 1 "

static int write_all(FILE *file, const struct fg_report *kept, unsigned count)
{
    fprintf(file, FORMAT "%016" PRIx64 "\n", fg_boot_number());
    for (unsigned i = 0; i < count; i++)
        if (fg_report_is_owed(&kept[i]))
            fprintf(file, "%d %016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", (int)kept[i].type,
                    kept[i].decision.run, kept[i].decision.sequence, kept[i].t_ns);
    int failed = ferror(file);
    return fclose(file) != 0 || failed ? -EIO : 0;
}

int fg_reports_file_write(const char *path, const struct fg_report *kept, unsigned count)
{
    char next[512];
    if ((size_t)snprintf(next, sizeof next, "%s.new", path) >= sizeof next)
        return -ENAMETOOLONG;
    FILE *file = fopen(next, "we");
    if (!file)
        return -errno;
    int r = write_all(file, kept, count);
    if (r == 0 && rename(next, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(next);
    return r;
}

static bool read_report(const char *line, struct fg_report *ret)
{
    int type, end = 0;
    *ret = (struct fg_report){.tries = 0};
    if (sscanf(line, "%d %16" SCNx64 " %20" SCNu64 " %20" SCNu64 "%n", &type, &ret->decision.run,
               &ret->decision.sequence, &ret->t_ns, &end) != 4 ||
        strcmp(line + end, "\n") != 0)
        return false;
    ret->type = (enum fg_wire_type)type;
    return fg_report_is_owed(ret);
}

static int read_all(FILE *file, struct fg_report kept[FG_REPORTS_KEPT])
{
    char line[128];
    uint64_t boot = 0;
    int count = 0;
    if (!fgets(line, sizeof line, file) || sscanf(line, FORMAT "%16" SCNx64, &boot) != 1)
        return -EBADMSG;
    if (boot != fg_boot_number())
        return 0;
    while (count < FG_REPORTS_KEPT && fgets(line, sizeof line, file))
        if (!read_report(line, &kept[count++]))
            return -EBADMSG;
    return ferror(file) ? -EIO : count;
}

int fg_reports_file_read(const char *path, struct fg_report kept[FG_REPORTS_KEPT],
                         struct fg_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? 0 : fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    int count = read_all(file, kept);
    fclose(file);
    if (count == -EBADMSG)
        return fg_fail(err, count, "%s: not a gate's reports: remove it", path);
    return count < 0 ? fg_fail(err, count, "%s: can't be read", path) : count;
}
