// SPDX-License-Identifier: Apache-2.0
#include "tools/trial.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/photo.h"
#include "tools/progress.h"

#define MOST_THREADS 16
#define MOST_GALLERY 1000

struct work {
    struct fg_trial *trial;
    const struct fg_vision_options *options;
    bool mirrored;
    const char **paths;
    atomic_size_t next, done;
    atomic_int running;
    pthread_mutex_t lock; // of what follows
    int code;
    struct fg_error err;
};

static void fail(struct work *w, int code, const struct fg_error *err)
{
    pthread_mutex_lock(&w->lock);
    if (w->code == 0) {
        w->code = code;
        w->err = *err;
    }
    pthread_mutex_unlock(&w->lock);
    atomic_store(&w->next, w->trial->n); // the others stop too
}

static int one_photo(struct work *w, struct fg_photographer *photographer, struct fg_shot *shot,
                     size_t i, struct fg_error *err)
{
    static const struct fg_photo_rule rule = {.central = true, .accept = true, .smallest = 40};
    struct fg_photo_rule mine = rule;
    mine.mirrored = w->mirrored;
    int code = fg_photo_shot(photographer, w->paths[i], &mine, shot, err);
    struct fg_trial *t = w->trial;
    t->found[i] = code == 0;
    if (code == 0)
        memcpy(t->vectors + i * t->dimension, shot->vector, t->dimension * sizeof(float));
    atomic_fetch_add(&w->done, 1);
    // a picture that is no picture is a miss too; a failing engine ends the trial
    return code == -EIO || code == -ENOMEM ? code : 0;
}

static void *run_thread(void *context)
{
    struct work *w = context;
    struct fg_vision *vision = NULL;
    struct fg_photographer *photographer = NULL;
    struct fg_shot *shot = calloc(1, sizeof *shot);
    struct fg_error err = {"out of memory"};
    int code = shot ? fg_vision_open(w->options, &vision, &err) : -ENOMEM;
    if (code == 0)
        code = fg_photographer_create(vision, &photographer);
    while (code == 0) {
        size_t i = atomic_fetch_add(&w->next, 1);
        if (i >= w->trial->n)
            break;
        code = one_photo(w, photographer, shot, i, &err);
    }
    if (code < 0)
        fail(w, code, &err);
    free(shot);
    fg_photographer_destroy(photographer);
    fg_vision_close(vision);
    atomic_fetch_sub(&w->running, 1);
    return NULL;
}

static int run_threads(struct work *w, unsigned threads, bool quiet)
{
    pthread_t ids[MOST_THREADS];
    struct fg_progress progress;
    unsigned started = 0;
    fg_progress_start(&progress, "photographs", w->trial->n, quiet);
    for (; started < threads && started < MOST_THREADS; started++) {
        atomic_fetch_add(&w->running, 1);
        if (pthread_create(&ids[started], NULL, run_thread, w) != 0) {
            atomic_fetch_sub(&w->running, 1);
            break;
        }
    }
    while (progress.on && atomic_load(&w->running) > 0) {
        struct timespec tenth = {.tv_nsec = 100000000};
        nanosleep(&tenth, NULL);
        fg_progress_step(&progress, atomic_load(&w->done));
    }
    for (unsigned i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    fg_progress_end(&progress);
    return started > 0 ? w->code : -EAGAIN;
}

static int prepare(struct fg_trial *t, struct work *w, uint32_t dimension)
{
    t->dimension = dimension;
    t->n = t->people.n_photos;
    t->vectors = calloc(t->n * dimension, sizeof *t->vectors);
    t->owner = calloc(t->n, sizeof *t->owner);
    t->found = calloc(t->n, sizeof *t->found);
    w->paths = calloc(t->n, sizeof *w->paths);
    if (!t->vectors || !t->owner || !t->found || !w->paths)
        return -ENOMEM;
    size_t i = 0;
    for (size_t p = 0; p < t->people.count; p++) {
        for (size_t k = 0; k < t->people.people[p].n_photos; k++) {
            t->owner[i] = (uint32_t)p;
            w->paths[i++] = t->people.people[p].photos[k];
        }
    }
    return 0;
}

static int template_dimension(const struct fg_vision_options *options, uint32_t *ret,
                              struct fg_error *err)
{
    struct fg_vision *vision; // also finds a missing model before any thread does
    int code = fg_vision_open(options, &vision, err);
    if (code < 0)
        return code;
    *ret = fg_card_template_dimension(fg_vision_embedder_card(vision));
    fg_vision_close(vision);
    return 0;
}

int fg_trial_run(const char *folder, const struct fg_vision_options *options, bool mirrored,
                 unsigned threads, bool quiet, struct fg_trial *ret, struct fg_error *err)
{
    struct fg_trial t = {0};
    struct work w = {.trial = &t, .options = options, .mirrored = mirrored};
    uint32_t dimension = 0;
    int code = template_dimension(options, &dimension, err);
    if (code == 0)
        code = fg_people_read(folder, &t.people, err);
    if (code < 0)
        return code;
    pthread_mutex_init(&w.lock, NULL);
    snprintf(w.err.text, sizeof w.err.text, "out of memory");
    code = prepare(&t, &w, dimension);
    if (code == 0)
        code = run_threads(&w, threads ? threads : 1, quiet);
    free(w.paths);
    pthread_mutex_destroy(&w.lock);
    if (code < 0) {
        fg_trial_finish(&t);
        return fg_fail(err, code, "%s", w.err.text);
    }
    for (size_t i = 0; i < t.n; i++)
        t.missed += !t.found[i];
    *ret = t;
    return 0;
}

void fg_trial_finish(struct fg_trial *trial)
{
    if (trial->vectors)
        explicit_bzero(trial->vectors, trial->n * trial->dimension * sizeof(float));
    free(trial->vectors);
    free(trial->owner);
    free(trial->found);
    fg_people_finish(&trial->people);
    *trial = (struct fg_trial){0};
}

static float dot(const float *a, const float *b, uint32_t n)
{
    float sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static float compare(const struct fg_trial *t, size_t i, size_t j)
{
    if (!t->found[i] || !t->found[j])
        return FG_MISS;
    return dot(t->vectors + i * t->dimension, t->vectors + j * t->dimension, t->dimension);
}

int fg_trial_pairs(const struct fg_trial *trial, struct fg_scores *genuine,
                   struct fg_scores *impostors)
{
    for (size_t i = 0; i < trial->n; i++) {
        for (size_t j = i + 1; j < trial->n; j++) {
            bool same = trial->owner[i] == trial->owner[j];
            if (fg_scores_add(same ? genuine : impostors, compare(trial, i, j)) < 0)
                return -ENOMEM;
        }
    }
    fg_scores_sort(genuine);
    fg_scores_sort(impostors);
    return 0;
}

// The normalised mean of the photographs first..first+count that show a face; false: none does.
static bool average(const struct fg_trial *t, size_t first, size_t count, float *ret)
{
    memset(ret, 0, t->dimension * sizeof *ret);
    for (size_t i = first; i < first + count; i++)
        for (uint32_t k = 0; t->found[i] && k < t->dimension; k++)
            ret[k] += t->vectors[i * t->dimension + k];
    float norm = sqrtf(dot(ret, ret, t->dimension));
    for (uint32_t k = 0; norm > 0 && k < t->dimension; k++)
        ret[k] /= norm;
    return norm > 0;
}

struct template_of {
    uint32_t person;
    bool valid;
};

static int score_probe(const struct fg_trial *t, size_t i, const float *templates,
                       const struct template_of *of, size_t n, struct fg_scores *genuine,
                       struct fg_scores *impostors)
{
    for (size_t k = 0; k < n; k++) {
        float score = t->found[i] && of[k].valid ? dot(t->vectors + i * t->dimension,
                                                       templates + k * t->dimension, t->dimension)
                                                 : FG_MISS;
        bool same = of[k].person == t->owner[i];
        if (fg_scores_add(same ? genuine : impostors, score) < 0)
            return -ENOMEM;
    }
    return 0;
}

int fg_trial_enrolled(const struct fg_trial *trial, unsigned enrol, struct fg_scores *genuine,
                      struct fg_scores *impostors, size_t *ret_templates)
{
    const struct fg_trial *t = trial;
    size_t n = 0, first = 0;
    float *templates = calloc(t->people.count * t->dimension, sizeof *templates);
    struct template_of *of = calloc(t->people.count, sizeof *of);
    int code = templates && of ? 0 : -ENOMEM;
    for (size_t p = 0; code == 0 && p < t->people.count; p++) {
        size_t photos = t->people.people[p].n_photos;
        if (photos > enrol) {
            of[n].person = (uint32_t)p;
            of[n].valid = average(t, first, enrol, templates + n * t->dimension);
            n++;
        }
        first += photos;
    }
    first = 0;
    for (size_t p = 0; code == 0 && p < t->people.count; p++) {
        size_t photos = t->people.people[p].n_photos;
        for (size_t k = photos > enrol ? enrol : 0; code == 0 && k < photos; k++)
            code = score_probe(t, first + k, templates, of, n, genuine, impostors);
        first += photos;
    }
    fg_scores_sort(genuine);
    fg_scores_sort(impostors);
    *ret_templates = n;
    free(templates);
    free(of);
    return code;
}

double fg_trial_rank1(const struct fg_trial *trial)
{
    const struct fg_trial *t = trial;
    size_t probes = 0, right = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (i == 0 || t->owner[i] != t->owner[i - 1])
            continue; // enrolled
        float best = FG_MISS;
        uint32_t whose = UINT32_MAX;
        for (size_t j = 0; j < t->n; j++) {
            if (j > 0 && t->owner[j] == t->owner[j - 1])
                continue;
            float score = compare(t, i, j);
            if (score > best) {
                best = score;
                whose = t->owner[j];
            }
        }
        probes++;
        right += whose == t->owner[i];
    }
    return probes ? (double)right / (double)probes : 0;
}

// splitmix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct open_set {
    size_t *enrolled; // photograph of each gallery member
    bool *member;     // by person
    size_t n;
};

// Draws up to MOST_GALLERY people with several photographs, and one photograph of each.
static void draw_gallery(const struct fg_trial *t, struct open_set *set, uint64_t *random)
{
    size_t left = 0, first = 0;
    for (size_t p = 0; p < t->people.count; p++)
        left += t->people.people[p].n_photos > 1;
    size_t wanted = left < MOST_GALLERY ? left : MOST_GALLERY;
    set->n = 0;
    for (size_t p = 0; p < t->people.count; p++) {
        size_t photos = t->people.people[p].n_photos;
        set->member[p] = false;
        if (photos > 1) {
            if (next_random(random) % left < wanted) { // selection sampling (Knuth 3.4.2 S)
                set->member[p] = true;
                set->enrolled[set->n++] = first + next_random(random) % photos;
                wanted--;
            }
            left--;
        }
        first += photos;
    }
}

static int search_all(const struct fg_trial *t, const struct open_set *set, struct fg_scores *mated,
                      struct fg_scores *non_mated)
{
    for (size_t i = 0; i < t->n; i++) {
        bool single = t->people.people[t->owner[i]].n_photos == 1;
        if (!single && !set->member[t->owner[i]])
            continue;
        float best = FG_MISS;
        size_t whose = SIZE_MAX;
        bool enrolled = false;
        for (size_t k = 0; k < set->n && !enrolled; k++) {
            enrolled = set->enrolled[k] == i;
            float score = compare(t, i, set->enrolled[k]);
            if (score > best) {
                best = score;
                whose = t->owner[set->enrolled[k]];
            }
        }
        if (enrolled)
            continue;
        float score = single || whose == t->owner[i] ? best : FG_MISS;
        if (fg_scores_add(single ? non_mated : mated, score) < 0)
            return -ENOMEM;
    }
    return 0;
}

int fg_trial_open_set(const struct fg_trial *trial, unsigned galleries, struct fg_scores *mated,
                      struct fg_scores *non_mated)
{
    struct open_set set = {
        .enrolled = calloc(MOST_GALLERY, sizeof *set.enrolled),
        .member = calloc(trial->people.count, sizeof *set.member),
    };
    int code = set.enrolled && set.member ? 0 : -ENOMEM;
    for (unsigned g = 0; code == 0 && g < galleries; g++) {
        uint64_t random = 1 + g;
        draw_gallery(trial, &set, &random);
        code = search_all(trial, &set, mated, non_mated);
    }
    fg_scores_sort(mated);
    fg_scores_sort(non_mated);
    free(set.enrolled);
    free(set.member);
    return code < 0 ? code : (int)set.n;
}
