// SPDX-License-Identifier: Apache-2.0
#include "bench/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#define MOST 64

static cpu_set_t all;
static unsigned n_cores, cores[MOST];

struct member {
    pthread_t thread;
    bool started;
    void (*work)(void *context, unsigned worker);
    void *context;
    unsigned worker;
};

unsigned fg_crew_cores(void)
{
    if (n_cores > 0)
        return n_cores;
    if (sched_getaffinity(0, sizeof all, &all) < 0)
        CPU_SET(0, &all);
    for (unsigned core = 0; core < CPU_SETSIZE && n_cores < MOST; core++)
        if (CPU_ISSET(core, &all))
            cores[n_cores++] = core;
    return n_cores;
}

void fg_crew_pin(unsigned k)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cores[k % fg_crew_cores()], &one);
    sched_setaffinity(0, sizeof one, &one);
}

void fg_crew_unpin(void)
{
    fg_crew_cores();
    sched_setaffinity(0, sizeof all, &all);
}

static void *run(void *argument)
{
    struct member *m = argument;
    fg_crew_pin(m->worker);
    m->work(m->context, m->worker);
    return NULL;
}

int fg_crew_run(unsigned threads, void (*work)(void *context, unsigned worker), void *context)
{
    struct member members[MOST] = {{0}};
    int r = 0;
    fg_crew_cores();
    for (unsigned k = 0; k < threads && k < MOST && r == 0; k++) {
        members[k] = (struct member){.work = work, .context = context, .worker = k};
        r = -pthread_create(&members[k].thread, NULL, run, &members[k]);
        members[k].started = r == 0;
    }
    for (unsigned k = 0; k < MOST; k++)
        if (members[k].started)
            pthread_join(members[k].thread, NULL);
    return r;
}
