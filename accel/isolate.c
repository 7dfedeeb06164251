// SPDX-License-Identifier: Apache-2.0
#include "accel/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

// What the child leaves in memory that both see.
struct answer {
    bool given; // a driver may end the process by itself, even with success
    int code;   // of the work
    char result[] __attribute__((aligned(16)));
};

struct child {
    pid_t pid;
    int output; // what it prints
    struct answer *answer;
    size_t bytes;
};

// A driver's crash is its own affair: no core file, no handler of ours or of a sanitizer.
static void shed(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM};
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t k = 0; k < sizeof fatal / sizeof fatal[0]; k++)
        signal(fatal[k], SIG_DFL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
}

static void be_child(const struct fg_isolated *isolated, struct answer *answer, int output)
{
    shed();
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    answer->code = isolated->work(isolated->context, answer->result);
    answer->given = true;
    _exit(0); // without exit handlers: they belong to the parent
}

static int start(const struct fg_isolated *isolated, struct child *child)
{
    int ends[2];
    child->bytes = sizeof *child->answer + isolated->size;
    child->answer =
        mmap(NULL, child->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (child->answer == MAP_FAILED)
        return -ENOMEM;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        munmap(child->answer, child->bytes);
        return -EAGAIN;
    }
    fflush(stdout); // what waits there is not the child's to print
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        be_child(isolated, child->answer, ends[1]);
    }
    close(ends[1]);
    if (child->pid < 0) {
        close(ends[0]);
        munmap(child->answer, child->bytes);
        return -EAGAIN;
    }
    child->output = ends[0];
    return 0;
}

// Reads what the child prints until it ends; false: its time is over.
static bool listen_to(const struct child *child, unsigned seconds, char *said, size_t size)
{
    uint64_t end = fg_monotonic_ns() + seconds * UINT64_C(1000000000);
    size_t used = 0;
    char scrap[256];
    for (;;) {
        uint64_t now = fg_monotonic_ns();
        struct pollfd poll_fd = {child->output, POLLIN, 0};
        int ready = now >= end ? 0 : poll(&poll_fd, 1, (int)((end - now) / 1000000 + 1));
        if (ready == 0)
            return false;
        if (ready < 0)
            continue; // a signal
        ssize_t n = read(child->output, scrap, sizeof scrap);
        if (n <= 0)
            break;
        size_t room = size ? size - 1 - used : 0, kept = (size_t)n < room ? (size_t)n : room;
        if (kept)
            memcpy(said + used, scrap, kept);
        used += kept;
        if (size)
            said[used] = '\0';
    }
    return true;
}

static int verdict(const struct fg_isolated *isolated, bool in_time, int status,
                   const struct child *child, void *result, struct fg_error *err)
{
    if (!in_time)
        return fg_fail(err, -EPROTO, "gave no answer in %u s", isolated->seconds);
    if (WIFSIGNALED(status))
        return fg_fail(err, -EPROTO, "crashed: %s", strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status))
        return fg_fail(err, -EPROTO, "ended with code %d", WEXITSTATUS(status));
    if (!child->answer->given)
        return fg_fail(err, -EPROTO, "ended without an answer");
    if (child->answer->code < 0)
        fg_fail(err, child->answer->code, "%s", strerror(-child->answer->code));
    memcpy(result, child->answer->result, isolated->size);
    return child->answer->code;
}

int fg_isolate(const struct fg_isolated *isolated, void *result, char *said, size_t said_size,
               struct fg_error *err)
{
    struct child child = {0};
    int status = 0, r = start(isolated, &child);
    if (said_size)
        said[0] = '\0';
    if (r < 0)
        return fg_fail(err, r, "no child process for a trial: %s", strerror(-r));
    bool in_time = listen_to(&child, isolated->seconds, said, said_size);
    if (!in_time)
        kill(child.pid, SIGKILL);
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        ;
    r = verdict(isolated, in_time, status, &child, result, err);
    close(child.output);
    munmap(child.answer, child.bytes);
    return r;
}
