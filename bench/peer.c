// SPDX-License-Identifier: Apache-2.0
#include "bench/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const struct fg_peer_job *job, int in, int out)
{
    dup2(in, 0);
    dup2(out, 1);
    setenv("FG_PEER_SHAPE", job->shape, 1);
    execlp(job->command, job->command, job->script, job->model, job->input, job->output,
           (char *)NULL);
    dprintf(1, "%s: %s\n", job->command, strerror(errno));
    _exit(127);
}

int fg_peer_start(struct fg_peer *peer, const struct fg_peer_job *job, struct fg_error *err)
{
    int in[2], out[2];
    char line[300] = "";
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || (peer->pid = fork()) < 0)
        return fg_fail(err, -errno, "%s: %s", job->command, strerror(errno));
    if (peer->pid == 0)
        become(job, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    peer->to = fdopen(in[1], "w");
    peer->from = fdopen(out[0], "r");
    if (fgets(line, sizeof line, peer->from) && !strcmp(line, "ready\n"))
        return 0;
    line[strcspn(line, "\n")] = '\0';
    fg_peer_stop(peer);
    return fg_fail(err, -ENOENT, "%s", line[0] ? line : "it ended without a word");
}

int fg_peer_run(struct fg_peer *peer, unsigned runs, double *ms, struct fg_error *err)
{
    fprintf(peer->to, "%u\n", runs);
    fflush(peer->to);
    for (unsigned k = 0; k < runs; k++)
        if (fscanf(peer->from, k ? " , %lf" : " [ %lf", &ms[k]) != 1)
            return fg_fail(err, -EIO, "the peer ended early, or gave too few times");
    return fgetc(peer->from) == ']' && fgetc(peer->from) == '\n'
               ? 0
               : fg_fail(err, -EIO, "the peer gave too many times");
}

void fg_peer_stop(struct fg_peer *peer)
{
    if (!peer->to)
        return;
    fclose(peer->to);
    fclose(peer->from);
    waitpid(peer->pid, NULL, 0);
    *peer = (struct fg_peer){0};
}
