// SPDX-License-Identifier: Apache-2.0
// A program run for each event: its words from the configuration, the event in its environment, no
// shell. One runs at a time, in the order of the events; one that takes too long is killed with all
// that it started.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "gate/outputs.h"

#define NS_PER_MS UINT64_C(1000000)
#define AGAIN_NS  (100 * NS_PER_MS) // until what was killed should be gone
#define WAITING   32                // events; the oldest are given up
#define WORDS     32
#define VARIABLES 7
#define VARIABLE  64 // bytes

struct runner {
    const struct fg_gate_conf *conf;
    char text[sizeof((struct fg_gate_conf *)0)->command];
    char *words[WORDS + 1];
    struct fg_telling waiting[WAITING];
    unsigned first, count;
    pid_t child; // 0: none runs
    uint64_t kill_ns;
    bool failing; // the last one did; told once
    bool told, told_open;
};

static bool wanted(const struct fg_gate_conf *conf)
{
    return conf->command[0] != 0;
}

static int open_output(const struct fg_gate_conf *conf, struct fg_bus *bus, void **ret,
                       struct fg_error *err)
{
    (void)bus;
    struct runner *r = calloc(1, sizeof *r);
    char *rest = NULL;
    unsigned count = 0;
    if (!r)
        return fg_fail(err, -ENOMEM, "out of memory");
    r->conf = conf;
    memcpy(r->text, conf->command, sizeof r->text);
    for (char *word = strtok_r(r->text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (count == WORDS) {
            free(r);
            return fg_fail(err, -E2BIG, "command has over %d words", WORDS);
        }
        r->words[count++] = word;
    }
    *ret = r;
    return 0;
}

// ---- one child ---------------------------------------------------------------------------------

static void failed(struct runner *r, const char *why)
{
    if (!r->failing)
        fg_log(FG_LOG_WARNING, "%s %s", r->words[0], why);
    r->failing = true;
}

static void fill_environment(const struct runner *r, const struct fg_telling *telling,
                             char texts[VARIABLES][VARIABLE], char *ret[VARIABLES + 1])
{
    const struct fg_decision_id *id = &telling->decision;
    snprintf(texts[0], VARIABLE, "PATH=/usr/local/bin:/usr/bin:/bin");
    snprintf(texts[1], VARIABLE, "FACEGATE_LANE=%s", r->conf->lane);
    snprintf(texts[2], VARIABLE, "FACEGATE_EVENT=%s", telling->event);
    snprintf(texts[3], VARIABLE, "FACEGATE_STATE=%s", telling->state);
    snprintf(texts[4], VARIABLE, "FACEGATE_OPEN=%d", telling->open);
    snprintf(texts[5], VARIABLE, "FACEGATE_RUN=%016" PRIx64, id->run);
    snprintf(texts[6], VARIABLE, "FACEGATE_DECISION=%" PRIu64, id->sequence);
    for (unsigned i = 0; i < VARIABLES; i++)
        ret[i] = texts[i];
    ret[VARIABLES] = NULL;
}

static void begin(struct runner *r, const struct fg_telling *telling, uint64_t now_ns)
{
    char variables[VARIABLES][VARIABLE], *environment[VARIABLES + 1];
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    fill_environment(r, telling, variables, environment);
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    int code = posix_spawn(&r->child, r->words[0], NULL, &attributes, r->words, environment);
    posix_spawnattr_destroy(&attributes);
    if (code != 0) {
        r->child = 0;
        failed(r, strerror(code));
    }
    r->kill_ns = now_ns + r->conf->command_ms * NS_PER_MS;
}

static void ended(struct runner *r, int status)
{
    char why[64];
    r->child = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        r->failing = false;
        return;
    }
    if (WIFEXITED(status))
        snprintf(why, sizeof why, "ended with code %d", WEXITSTATUS(status));
    else if (WTERMSIG(status) == SIGKILL)
        snprintf(why, sizeof why, "was killed: it has %u ms", r->conf->command_ms);
    else
        snprintf(why, sizeof why, "ended by signal %d", WTERMSIG(status));
    failed(r, why);
}

static void look_after(struct runner *r, uint64_t now_ns)
{
    int status;
    if (r->child > 0 && now_ns >= r->kill_ns) {
        kill(-r->child, SIGKILL);
        r->kill_ns = now_ns + AGAIN_NS;
    }
    pid_t pid = r->child > 0 ? waitpid(r->child, &status, WNOHANG) : 0;
    if (pid > 0)
        ended(r, status);
    else if (pid < 0 && errno == ECHILD)
        r->child = 0;
}

static void work(void *output, uint64_t now_ns)
{
    struct runner *r = output;
    look_after(r, now_ns);
    while (r->child == 0 && r->count > 0) {
        const struct fg_telling next = r->waiting[r->first];
        r->first = (r->first + 1) % WAITING;
        r->count--;
        begin(r, &next, now_ns);
    }
}

static void tell(void *output, const struct fg_telling *telling)
{
    struct runner *r = output;
    if (strcmp(telling->event, "state") == 0 && r->told && telling->open == r->told_open)
        return; // it was told when it began
    r->told = true;
    r->told_open = telling->open;
    if (r->count == WAITING) {
        failed(r, "is too slow: events are given up");
        r->first = (r->first + 1) % WAITING;
        r->count--;
    }
    r->waiting[(r->first + r->count++) % WAITING] = *telling;
}

static uint64_t due_ns(const void *output)
{
    const struct runner *r = output;
    return r->child > 0 ? r->kill_ns : UINT64_MAX;
}

// The last event is how the lane is left: it is told, whatever waits before it.
static void close_output(void *output)
{
    struct runner *r = output;
    if (r->count > 1) {
        r->first = (r->first + r->count - 1) % WAITING;
        r->count = 1;
    }
    while (r->child > 0 || r->count > 0) {
        work(r, fg_monotonic_ns());
        if (r->child > 0)
            poll(NULL, 0, 2);
    }
    free(r);
}

const struct fg_output_kind fg_output_exec = {.name = "exec",
                                              .wanted = wanted,
                                              .open = open_output,
                                              .tell = tell,
                                              .work = work,
                                              .due_ns = due_ns,
                                              .close = close_output};
