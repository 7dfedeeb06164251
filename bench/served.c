// SPDX-License-Identifier: Apache-2.0
#include "bench/served.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/card.h"
#include "common/clock.h"

#define READY_S 120

static const char card_text[] =
    "[model]\nname = toy\nversion = 1\nkind = embedder\nfile = toy.tflite\n"
    "sha256 = 0000000000000000000000000000000000000000000000000000000000000000\n"
    "licence = none\nsource = the bench\n"
    "[input]\nwidth = 16\nheight = 16\nmean = 127.5\nscale = 128\n"
    "[embedder]\nsame_track = 0.45\ndimension = %u\n"
    "[calibration]\ndataset = none\nimpostor_pairs = 1000000000\ngenuine_pairs = 1000\n"
    "score_0.3 = 1e-2 0.01\nscore_0.5 = 1e-4 0.05\nscore_0.7 = 1e-6 0.3\n";

static const char profile_text[] =
    "[profile]\nname = bench\nmode = identify\nliveness = attended\nfmr = 1e-4\n";

static const char settings_text[] =
    "[matcher]\ngallery = %s/gallery\nprofile = %s/profile.ini\nmodel = %s/toy.card\nkey = %s/key\n"
    "make_key = yes\ngallery_mib = 8192\n"
    "[sockets]\nprobe = ipc://%s/probe.sock\ndecision = ipc://%s/decision.sock\ncontrol = %s\n";

static int write_text(const char *folder, const char *name, const char *text, struct fg_error *err)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    int bad = !file || fputs(text, file) < 0;
    bad = (file && fclose(file) != 0) || bad;
    return bad ? fg_fail(err, -EIO, "%s can't be written", path) : 0;
}

int fg_served_init(struct fg_served *s, const char *folder, uint32_t dimension,
                   struct fg_error *err)
{
    char text[2048], path[256];
    struct fg_card card;
    *s = (struct fg_served){.dimension = dimension};
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    snprintf(s->control, sizeof s->control, "ipc://%s/control.sock", folder);
    snprintf(text, sizeof text, card_text, dimension);
    int r = write_text(folder, "toy.card", text, err);
    if (r == 0)
        r = write_text(folder, "profile.ini", profile_text, err);
    snprintf(text, sizeof text, settings_text, folder, folder, folder, folder, folder, folder,
             s->control);
    if (r == 0)
        r = write_text(folder, "matcher.ini", text, err);
    snprintf(path, sizeof path, "%s/toy.card", folder);
    if (r == 0)
        r = fg_card_read(path, &card, err);
    if (r == 0)
        s->model = card.id;
    return r;
}

static int open_notify(const char *folder, struct fg_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = READY_S};
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/notify", folder);
    unlink(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        return fg_fail(err, -errno, "%s: %s", address.sun_path, strerror(errno));
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    return fd;
}

int fg_served_start(struct fg_served *s, double *ret_ms, struct fg_error *err)
{
    const char *build = getenv("FACEGATE_BUILD");
    char program[256], settings[256], log[256], text[256];
    snprintf(program, sizeof program, "%s/facegate-matcher", build ? build : "build");
    snprintf(settings, sizeof settings, "%s/matcher.ini", s->folder);
    snprintf(log, sizeof log, "%s/log", s->folder);
    int fd = open_notify(s->folder, err);
    if (fd < 0)
        return fd;
    const char *const argv[] = {program, "--config", settings, NULL};
    const uint64_t start = fg_monotonic_ns();
    int r = fg_child_start(&s->child, argv, log, err);
    unsetenv("NOTIFY_SOCKET");
    ssize_t n = r == 0 ? recv(fd, text, sizeof text - 1, 0) : 0;
    *ret_ms = (double)(fg_monotonic_ns() - start) * 1e-6;
    close(fd);
    if (r == 0 && (n <= 0 || memcmp(text, "READY=1", 7) != 0)) {
        fg_child_last_words(&s->child, text, sizeof text);
        fg_child_stop(&s->child);
        r = fg_fail(err, -ETIMEDOUT, "the matcher does not start: %.200s", text);
    }
    return r;
}

void fg_served_stop(struct fg_served *served)
{
    fg_child_stop(&served->child);
}
