// SPDX-License-Identifier: Apache-2.0
#include "tools/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define LOOK_NS UINT64_C(10000000)

// All signals are blocked here: one that came before execv would meet the driver's handler in
// the child's copy and be lost.
static void become(const char *const *argv, int log, pid_t parent, const sigset_t *mask)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) // it died before prctl
        _exit(127);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(STDERR_FILENO, "%s: cannot start: %s\n", argv[0], strerror(errno));
    _exit(127);
}

int fg_child_start(struct fg_child *child, const char *const *argv, const char *log,
                   struct fg_error *err)
{
    const char *slash = strrchr(argv[0], '/');
    *child = (struct fg_child){0};
    if (access(argv[0], X_OK) < 0)
        return fg_fail(err, -errno, "%s: cannot be run: %s; build it with `make`", argv[0],
                       strerror(errno));
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return fg_fail(err, -errno, "%s: cannot write: %s", log, strerror(errno));
    fflush(NULL);
    sigset_t all, mask;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    const pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(argv, fd, parent, &mask);
    const int reason = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(fd);
    if (pid < 0)
        return fg_fail(err, -reason, "cannot start %s: %s", argv[0], strerror(reason));
    child->pid = pid;
    snprintf(child->name, sizeof child->name, "%s", slash ? slash + 1 : argv[0]);
    snprintf(child->log, sizeof child->log, "%s", log);
    return 0;
}

static bool collect(struct fg_child *child, int options)
{
    int status;
    if (child->pid == 0)
        return true;
    pid_t r = waitpid(child->pid, &status, options);
    if (r == 0 || (r < 0 && errno == EINTR))
        return false;
    child->exit_code = r < 0                 ? 127
                       : WIFEXITED(status)   ? WEXITSTATUS(status)
                       : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                             : 127;
    child->pid = 0;
    return true;
}

bool fg_child_ended(struct fg_child *child)
{
    return collect(child, WNOHANG);
}

int fg_child_wait(struct fg_child *child, int timeout_ms)
{
    const uint64_t end = fg_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    while (!collect(child, WNOHANG)) {
        uint64_t now = fg_monotonic_ns();
        if (now >= end)
            return -ETIMEDOUT;
        struct timespec nap = {0, (long)LOOK_NS};
        if (nanosleep(&nap, NULL) < 0)
            return -EINTR;
    }
    return 0;
}

void fg_child_stop(struct fg_child *child)
{
    if (collect(child, WNOHANG))
        return;
    kill(child->pid, SIGTERM);
    const uint64_t end = fg_monotonic_ns() + UINT64_C(3000000000);
    while (!collect(child, WNOHANG)) {
        if (fg_monotonic_ns() > end)
            kill(child->pid, SIGKILL);
        fg_sleep_until_ns(fg_monotonic_ns() + LOOK_NS);
    }
}

void fg_child_last_words(const struct fg_child *child, char *ret, size_t size)
{
    char line[512];
    ret[0] = 0;
    FILE *file = fopen(child->log, "r");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0])
            snprintf(ret, size, "%s", line);
    }
    fclose(file);
}
