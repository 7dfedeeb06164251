// SPDX-License-Identifier: Apache-2.0
#include "common/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int fg_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !path[0])
        return 0;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = 0; // the abstract namespace
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    bool again = strncmp(state, "WATCHDOG=", 9) == 0 || strncmp(state, "STATUS=", 7) == 0;
    int flags = MSG_NOSIGNAL | (again ? MSG_DONTWAIT : 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent = sendto(fd, state, strlen(state), flags, (struct sockaddr *)&address, size);
    int code = sent < 0 ? -errno : 1;
    close(fd);
    return code;
}

unsigned long long fg_notify_watchdog_ns(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (!period || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    return strtoull(period, NULL, 10) * 1000u / 2;
}
