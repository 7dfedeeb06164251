// SPDX-License-Identifier: Apache-2.0
#include "pipeline/capture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "common/log.h"

struct fg_capture {
    pthread_t thread;
    struct fg_source *source;
    struct fg_mailbox *box;
    struct fg_stop *stop;
    bool keep_all;
    int code;
    struct fg_error err;
};

static int pass_on(struct fg_capture *c)
{
    struct fg_frame *frame;
    int code = fg_source_next(c->source, &frame, &c->err);
    if (code == -EBADMSG) {
        // once, not for each: a camera with a bad cable would fill the journal
        struct fg_source_counts counts;
        fg_source_counts(c->source, &counts);
        if (counts.broken == 1)
            fg_log(FG_LOG_WARNING, "%s (later ones are only counted)", c->err.text);
        return 0;
    }
    if (code != 0)
        return code;
    if (c->keep_all && fg_mailbox_wait_empty(c->box, -1) < 0) {
        fg_frame_release(frame);
        return -ECANCELED;
    }
    fg_mailbox_put(c->box, frame);
    return 0;
}

static void *run(void *context)
{
    struct fg_capture *c = context;
    sigset_t all; // signals are the main thread's
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_setname_np(pthread_self(), "fg-capture");
    do {
        c->code = pass_on(c);
    } while (c->code == 0);
    fg_mailbox_close(c->box);
    return NULL;
}

int fg_capture_start(struct fg_source *source, struct fg_mailbox *box, struct fg_stop *stop,
                     bool keep_all, struct fg_capture **ret)
{
    struct fg_capture *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->source = source;
    c->box = box;
    c->stop = stop;
    c->keep_all = keep_all;
    int code = pthread_create(&c->thread, NULL, run, c);
    if (code != 0) {
        free(c);
        return -code;
    }
    *ret = c;
    return 0;
}

int fg_capture_join(struct fg_capture *capture, struct fg_error *err)
{
    fg_stop_set(capture->stop);
    fg_mailbox_close(capture->box);
    pthread_join(capture->thread, NULL);
    int code = capture->code == 1 || capture->code == -ECANCELED ? 0 : capture->code;
    if (code < 0 && err)
        *err = capture->err;
    free(capture);
    return code;
}
