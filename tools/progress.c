// SPDX-License-Identifier: Apache-2.0
#include "tools/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

void fg_progress_start(struct fg_progress *p, const char *what, uint64_t total, bool quiet)
{
    *p = (struct fg_progress){.what = what, .total = total, .t_start_ns = fg_monotonic_ns()};
    p->on = !quiet && total > 0 && isatty(STDERR_FILENO);
}

void fg_progress_step(struct fg_progress *p, uint64_t done)
{
    uint64_t now = fg_monotonic_ns();
    if (!p->on || (now - p->t_drawn_ns < 100000000u && done < p->total))
        return;
    p->t_drawn_ns = now;
    enum { WIDTH = 32 };
    char bar[WIDTH + 1];
    for (int i = 0; i < WIDTH; i++)
        bar[i] = (uint64_t)i * p->total < done * WIDTH ? '#' : '.';
    bar[WIDTH] = 0;
    double seconds = (double)(now - p->t_start_ns) * 1e-9;
    double left = done > 0 ? seconds * (double)(p->total - done) / (double)done : 0;
    fprintf(stderr, "\r%s [%s] %llu/%llu, %.0f s left \033[K", p->what, bar,
            (unsigned long long)done, (unsigned long long)p->total, left);
}

void fg_progress_end(struct fg_progress *p)
{
    if (p->on)
        fputs("\r\033[K", stderr);
    p->on = false;
}
