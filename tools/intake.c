// SPDX-License-Identifier: Apache-2.0
#include "tools/intake.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"

struct fg_intake {
    struct fg_intake_plan plan;
    pthread_t threads[FG_INTAKE_THREADS];
    unsigned n_threads;
    atomic_size_t next; // of plan.todo
    atomic_uint_fast64_t photos;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t filled, emptied;
    unsigned running; // threads
    bool stopping;
    int code;
    struct fg_error err;
    struct fg_intake_result waiting[FG_INTAKE_WAITING];
    unsigned first, count; // of waiting, a ring
};

// One thread's own.
struct hand {
    struct fg_intake *intake;
    struct fg_vision *vision;
    struct fg_photographer *photographer;
    struct fg_intake_result result;
};

// ---- one person --------------------------------------------------------------------------------

struct about { // whom a photograph's note is about
    struct fg_problems *problems;
    size_t order;
    const struct fg_roll_entry *entry;
    size_t left_out;
    const char *only; // the reason, when the one photograph is refused and with it the person
};

static void note_photo(void *context, const char *photo, const char *reason, const char *text)
{
    struct about *a = context;
    a->left_out += strcmp(reason, "left_out") == 0;
    if (a->entry->n_photos == 1)
        a->only = reason;
    else
        fg_problems_add(a->problems, a->order, a->entry->line, a->entry->id, photo, reason, text);
}

static int read_fields(const struct fg_intake_plan *plan, const struct fg_roll_entry *entry,
                       struct fg_enrolment *ret, struct fg_error *err)
{
    *ret = *plan->standard;
    if (entry->same_as)
        return fg_fail(err, -EINVAL, "the same id as in line %u", entry->same_as);
    if (entry->fields[FG_FIELD_LANES])
        ret->n_lanes = 0;
    if (entry->fields[FG_FIELD_TAGS])
        ret->n_tags = 0;
    int code = fg_enrolment_set(ret, FG_FIELD_ID, entry->id, err);
    for (int i = 0; i < FG_FIELDS && code == 0; i++)
        if (entry->fields[i])
            code = fg_enrolment_set(ret, (enum fg_field)i, entry->fields[i], err);
    return code < 0 ? code : fg_enrolment_check(ret, err);
}

// 0 also for a person who is refused.
static int take_person(struct hand *h, size_t index, struct fg_error *err)
{
    const struct fg_intake_plan *plan = &h->intake->plan;
    const struct fg_roll_entry *entry = &plan->roll->entries[index];
    struct about about = {plan->problems, index, entry, 0, NULL};
    struct fg_error why = {""};
    const char *reason = "bad_entry";
    h->result.entry = index;
    int code = read_fields(plan, entry, &h->result.enrolment, &why);
    if (code == 0) {
        code = fg_portrait_take(h->photographer, fg_vision_embedder_card(h->vision), entry->photos,
                                entry->n_photos, &plan->rule, note_photo, &about,
                                &h->result.portrait, &why);
        reason = code == -ENOTUNIQ ? "two_people" : about.only ? about.only : "no_good_photograph";
        atomic_fetch_add_explicit(&h->intake->photos, entry->n_photos - about.left_out,
                                  memory_order_relaxed);
    }
    if (code == -EIO || code == -ENOMEM)
        return fg_fail(err, code, "%s", why.text);
    h->result.refused = code < 0;
    if (code < 0)
        fg_problems_add(plan->problems, index, entry->line, entry->id, NULL, reason, why.text);
    return 0;
}

// ---- threads -----------------------------------------------------------------------------------

// False: it is time to end.
static bool hand_over(struct fg_intake *intake, const struct fg_intake_result *result)
{
    pthread_mutex_lock(&intake->lock);
    while (intake->count == FG_INTAKE_WAITING && !intake->stopping)
        pthread_cond_wait(&intake->emptied, &intake->lock);
    bool go_on = !intake->stopping;
    if (go_on) {
        intake->waiting[(intake->first + intake->count++) % FG_INTAKE_WAITING] = *result;
        pthread_cond_signal(&intake->filled);
    }
    pthread_mutex_unlock(&intake->lock);
    return go_on;
}

static int work(struct hand *h, struct fg_error *err)
{
    struct fg_intake *intake = h->intake;
    int code = fg_vision_open(intake->plan.vision, &h->vision, err);
    if (code == 0 && fg_photographer_create(h->vision, &h->photographer) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    while (code == 0) {
        size_t at = atomic_fetch_add_explicit(&intake->next, 1, memory_order_relaxed);
        if (at >= intake->plan.n_todo)
            break;
        code = take_person(h, intake->plan.todo[at], err);
        if (code == 0 && !hand_over(intake, &h->result))
            break;
    }
    return code;
}

static void *run_thread(void *context)
{
    struct fg_intake *intake = context;
    struct fg_error err = {"out of memory"};
    struct hand *h = calloc(1, sizeof *h);
    int code = -ENOMEM;
    if (h) {
        h->intake = intake;
        code = work(h, &err);
        fg_photographer_destroy(h->photographer);
        fg_vision_close(h->vision);
        explicit_bzero(h, sizeof *h);
        free(h);
    }
    pthread_mutex_lock(&intake->lock);
    if (code < 0 && intake->code == 0) {
        intake->code = code;
        intake->err = err;
    }
    intake->running--;
    pthread_cond_signal(&intake->filled);
    pthread_mutex_unlock(&intake->lock);
    return NULL;
}

int fg_intake_start(const struct fg_intake_plan *plan, struct fg_intake **ret, struct fg_error *err)
{
    struct fg_intake *intake = calloc(1, sizeof *intake);
    if (!intake)
        return fg_fail(err, -ENOMEM, "out of memory");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&intake->lock, NULL);
    pthread_cond_init(&intake->filled, &monotonic);
    pthread_cond_init(&intake->emptied, NULL);
    pthread_condattr_destroy(&monotonic);
    intake->plan = *plan;
    while (intake->n_threads < plan->threads) {
        pthread_mutex_lock(&intake->lock);
        intake->running++;
        pthread_mutex_unlock(&intake->lock);
        if (pthread_create(&intake->threads[intake->n_threads], NULL, run_thread, intake) != 0) {
            pthread_mutex_lock(&intake->lock);
            intake->running--;
            pthread_mutex_unlock(&intake->lock);
            break;
        }
        intake->n_threads++;
    }
    if (intake->n_threads == 0) {
        fg_intake_stop(intake);
        return fg_fail(err, -ENOMEM, "no thread could be started");
    }
    *ret = intake;
    return 0;
}

void fg_intake_stop(struct fg_intake *intake)
{
    if (!intake)
        return;
    pthread_mutex_lock(&intake->lock);
    intake->stopping = true;
    pthread_cond_broadcast(&intake->emptied);
    pthread_mutex_unlock(&intake->lock);
    atomic_store(&intake->next, intake->plan.n_todo);
    for (unsigned i = 0; i < intake->n_threads; i++)
        pthread_join(intake->threads[i], NULL);
    pthread_cond_destroy(&intake->filled);
    pthread_cond_destroy(&intake->emptied);
    pthread_mutex_destroy(&intake->lock);
    explicit_bzero(intake, sizeof *intake);
    free(intake);
}

int fg_intake_next(struct fg_intake *intake, int timeout_ms, struct fg_intake_result *ret,
                   struct fg_error *err)
{
    const struct timespec end = fg_deadline(timeout_ms);
    int code = 0, waited = 0;
    pthread_mutex_lock(&intake->lock);
    while (intake->count == 0 && intake->running > 0 && intake->code == 0 && waited == 0)
        waited = pthread_cond_timedwait(&intake->filled, &intake->lock, &end);
    if (intake->code < 0) {
        code = fg_fail(err, intake->code, "%s", intake->err.text);
    } else if (intake->count > 0) {
        struct fg_intake_result *first = &intake->waiting[intake->first];
        *ret = *first;
        explicit_bzero(first, sizeof *first);
        intake->first = (intake->first + 1) % FG_INTAKE_WAITING;
        intake->count--;
        pthread_cond_signal(&intake->emptied);
        code = 1;
    } else if (intake->running > 0) {
        code = -EAGAIN;
    }
    pthread_mutex_unlock(&intake->lock);
    return code;
}

uint64_t fg_intake_photos(const struct fg_intake *intake)
{
    return atomic_load_explicit(&intake->photos, memory_order_relaxed);
}
