// SPDX-License-Identifier: Apache-2.0
#include "demo/tally.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PHOTOGRAPHS 16
#define MOST_FACES       8
#define MOST_TRACKS      1024
#define LEAST_IOU        .3

struct face {
    int person;
    double box[4];
};

struct faces {
    unsigned n;
    struct face faces[MOST_FACES];
};

// One track within one photograph.
struct spell {
    uint32_t track;
    int photograph;
    size_t first;
    unsigned votes[FG_TALLY_PEOPLE];
};

struct photograph {
    char name[64];
    size_t first, frames;
};

struct fg_tally {
    unsigned n_people, n_photographs, n_decisions, n_spells;
    struct fg_tally_person people[FG_TALLY_PEOPLE];
    struct photograph photographs[MOST_PHOTOGRAPHS];
    size_t n_frames;
    struct fg_tally_frame *frames;
    struct faces *truth; // by frame
    struct spell *spells;
    struct fg_tally_decision *decisions;
    uint64_t seen, displaced, copied;
};

static int person_index(const struct fg_tally *tally, const char *name)
{
    for (unsigned i = 0; i < tally->n_people; i++) {
        if (strcmp(tally->people[i].name, name) == 0)
            return (int)i;
    }
    return FG_TALLY_NOBODY;
}

static bool read_box(const struct fg_json *json, double ret[4])
{
    for (size_t i = 0; i < 4; i++) {
        const struct fg_json *value = fg_json_at(json, i);
        if (!value)
            return false;
        // json.h reads numbers by member name alone; an element is read from its text.
        char *text = fg_json_print(value, false);
        ret[i] = text ? strtod(text, NULL) : NAN;
        free(text);
        if (!isfinite(ret[i]))
            return false;
    }
    return fg_json_count(json) == 4;
}

static bool read_people(struct fg_tally *tally, const struct fg_json *people)
{
    if (fg_json_count(people) > FG_TALLY_PEOPLE)
        return false;
    for (size_t i = 0; i < fg_json_count(people); i++) {
        const struct fg_json *p = fg_json_at(people, i);
        struct fg_tally_person *person = &tally->people[tally->n_people++];
        snprintf(person->name, sizeof person->name, "%s", fg_json_get_string(p, "person", ""));
        person->enrolled = fg_json_get_bool(p, "enrolled", false);
        person->counts = fg_json_get_bool(p, "counts", false);
    }
    return tally->n_people > 0;
}

static bool read_photographs(struct fg_tally *tally, const struct fg_json *photographs)
{
    if (fg_json_count(photographs) > MOST_PHOTOGRAPHS)
        return false;
    for (size_t i = 0; i < fg_json_count(photographs); i++) {
        const struct fg_json *p = fg_json_at(photographs, i);
        struct photograph *photograph = &tally->photographs[tally->n_photographs++];
        snprintf(photograph->name, sizeof photograph->name, "%s",
                 fg_json_get_string(p, "name", ""));
        photograph->first = (size_t)fg_json_get_number(p, "first", 0);
        photograph->frames = (size_t)fg_json_get_number(p, "frames", 0);
    }
    return true;
}

static int photograph_of(const struct fg_tally *tally, size_t frame)
{
    for (unsigned i = 0; i < tally->n_photographs; i++) {
        const struct photograph *p = &tally->photographs[i];
        if (frame >= p->first && frame - p->first < p->frames)
            return (int)i;
    }
    return -1;
}

static bool read_frame(struct fg_tally *tally, size_t index, const struct fg_json *json)
{
    struct fg_tally_frame *frame = &tally->frames[index];
    const struct fg_json *faces = fg_json_get(json, "faces");
    frame->offset = (uint64_t)fg_json_get_number(json, "offset", 0);
    frame->bytes = (uint64_t)fg_json_get_number(json, "bytes", 0);
    frame->photograph = photograph_of(tally, index);
    if (fg_json_count(faces) > MOST_FACES || fg_json_get_number(json, "frame", -1) != (double)index)
        return false;
    for (size_t i = 0; i < fg_json_count(faces); i++) {
        const struct fg_json *f = fg_json_at(faces, i);
        struct face *face = &tally->truth[index].faces[tally->truth[index].n++];
        face->person = person_index(tally, fg_json_get_string(f, "person", ""));
        if (face->person == FG_TALLY_NOBODY || !read_box(fg_json_get(f, "box"), face->box))
            return false;
    }
    return true;
}

static bool read_truth(struct fg_tally *tally, const struct fg_json *json)
{
    const struct fg_json *frames = fg_json_get(json, "frames"), *member;
    if (fg_json_get_number(json, "v", 0) != 1 || !read_people(tally, fg_json_get(json, "people")) ||
        !read_photographs(tally, fg_json_get(json, "photographs")))
        return false;
    tally->n_frames = fg_json_count(frames);
    tally->frames = calloc(tally->n_frames + 1, sizeof *tally->frames);
    tally->truth = calloc(tally->n_frames + 1, sizeof *tally->truth);
    tally->spells = calloc(MOST_TRACKS, sizeof *tally->spells);
    tally->decisions = calloc(FG_TALLY_DECISIONS, sizeof *tally->decisions);
    if (!tally->frames || !tally->truth || !tally->spells || !tally->decisions)
        return false;
    for (size_t i = 0; i < tally->n_frames; i++) {
        member = fg_json_at(frames, i);
        if (!read_frame(tally, i, member))
            return false;
    }
    return tally->n_frames > 0;
}

static int read_json(const char *path, struct fg_json **ret, struct fg_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return fg_fail(err, -errno, "%s: %s; make the footage first", path, strerror(errno));
    const size_t most = (1u << 20) + 1;
    char *text = malloc(most);
    size_t length = text ? fread(text, 1, most, file) : 0;
    fclose(file);
    int r = text ? fg_json_parse(text, length, ret, err) : fg_fail(err, -ENOMEM, "out of memory");
    free(text);
    return r < 0 ? fg_fail_prefix(err, r, "%s", path) : 0;
}

int fg_tally_create(const char *truth, struct fg_tally **ret, struct fg_error *err)
{
    struct fg_json *json = NULL;
    int r = read_json(truth, &json, err);
    if (r < 0)
        return r;
    struct fg_tally *tally = calloc(1, sizeof *tally);
    if (!tally)
        r = fg_fail(err, -ENOMEM, "not enough memory");
    else if (!read_truth(tally, json))
        r = fg_fail(err, -EINVAL, "%s: not the truth of a reel; delete it and make it again",
                    truth);
    fg_json_destroy(json);
    if (r < 0)
        fg_tally_destroy(tally);
    else
        *ret = tally;
    return r;
}

void fg_tally_destroy(struct fg_tally *tally)
{
    if (!tally)
        return;
    free(tally->frames);
    free(tally->truth);
    free(tally->spells);
    free(tally->decisions);
    free(tally);
}

static uint64_t get_u64(const struct fg_json *json, const char *name)
{
    const char *digits = fg_json_get_string(json, name, NULL);
    return digits ? strtoull(digits, NULL, 10) : (uint64_t)fg_json_get_number(json, name, 0);
}

static enum fg_verdict verdict_of(const char *outcome)
{
    if (strcmp(outcome, "admit") == 0)
        return FG_VERDICT_ADMIT;
    if (strcmp(outcome, "deny") == 0 || strcmp(outcome, "fallback") == 0)
        return FG_VERDICT_DENY;
    return strcmp(outcome, "retry") == 0 ? FG_VERDICT_RETRY : FG_VERDICT_NONE;
}

int fg_tally_decide(struct fg_tally *tally, const struct fg_json *decision)
{
    struct fg_tally_decision made = {
        .verdict = verdict_of(fg_json_get_string(decision, "outcome", "")),
        .track = (uint32_t)fg_json_get_number(decision, "track", 0),
        .t_capture_ns = get_u64(decision, "t_capture_ns"),
        .latency_ms = fg_json_get_number(decision, "latency_ms", -1),
    };
    if (made.verdict == FG_VERDICT_NONE)
        return -EINVAL;
    if (tally->n_decisions == FG_TALLY_DECISIONS)
        return -ENOSPC;
    snprintf(made.subject, sizeof made.subject, "%s", fg_json_get_string(decision, "subject", ""));
    if (made.verdict == FG_VERDICT_RETRY)
        made.latency_ms = -1;
    tally->decisions[tally->n_decisions++] = made;
    return 0;
}

static double overlap(const double a[4], const double b[4])
{
    const double w = fmin(a[0] + a[2], b[0] + b[2]) - fmax(a[0], b[0]);
    const double h = fmin(a[1] + a[3], b[1] + b[3]) - fmax(a[1], b[1]);
    if (w <= 0 || h <= 0)
        return 0;
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h);
}

static struct spell *spell_of(struct fg_tally *tally, uint32_t track, int photograph, size_t frame)
{
    for (unsigned i = tally->n_spells; i-- > 0;) {
        if (tally->spells[i].track == track && tally->spells[i].photograph == photograph)
            return &tally->spells[i];
    }
    if (tally->n_spells == MOST_TRACKS)
        return NULL;
    struct spell *spell = &tally->spells[tally->n_spells++];
    *spell = (struct spell){.track = track, .photograph = photograph, .first = frame};
    return spell;
}

static void vote(struct fg_tally *tally, size_t index, const struct fg_tally_box *box)
{
    const struct faces *truth = &tally->truth[index];
    struct spell *spell = spell_of(tally, box->track, tally->frames[index].photograph, index);
    double best = LEAST_IOU;
    int person = FG_TALLY_NOBODY;
    for (unsigned i = 0; i < truth->n; i++) {
        double iou = overlap(truth->faces[i].box, box->box);
        if (iou >= best) {
            best = iou;
            person = truth->faces[i].person;
        }
    }
    if (spell && person != FG_TALLY_NOBODY)
        spell->votes[person]++;
}

static bool trace_frame(struct fg_tally *tally, const struct fg_json *json)
{
    const struct fg_json *tracks = fg_json_get(json, "tracks");
    const double number = fg_json_get_number(json, "frame", -1);
    if (number < 0 || number >= (double)tally->n_frames)
        return false;
    const size_t index = (size_t)number;
    struct fg_tally_frame *frame = &tally->frames[index];
    frame->traced = true;
    frame->t_capture_ns = get_u64(json, "t_capture_ns");
    for (size_t i = 0; i < fg_json_count(tracks) && frame->n_boxes < FG_TALLY_BOXES; i++) {
        const struct fg_json *t = fg_json_at(tracks, i);
        struct fg_tally_box *box = &frame->boxes[frame->n_boxes];
        box->track = (uint32_t)fg_json_get_number(t, "track", 0);
        if (!read_box(fg_json_get(t, "box"), box->box))
            return false;
        frame->n_boxes++;
        vote(tally, index, box);
    }
    return true;
}

int fg_tally_trace(struct fg_tally *tally, const char *path, struct fg_error *err)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    bool ended = false;
    if (!file)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    int r = 0;
    ssize_t length;
    while (r == 0 && (length = getline(&line, &size, file)) > 0) {
        struct fg_json *json = NULL;
        number++;
        r = fg_json_parse(line, (size_t)length, &json, err);
        if (r == 0 && fg_json_get_bool(json, "end", false)) {
            tally->seen = get_u64(json, "frames");
            tally->displaced = get_u64(json, "displaced");
            tally->copied =
                fg_json_get(json, "bytes_copied") ? get_u64(json, "bytes_copied") : UINT64_MAX;
            ended = true;
        } else if (r == 0 && !trace_frame(tally, json)) {
            r = fg_fail(err, -EINVAL, "no frame of this footage");
        }
        fg_json_destroy(json);
    }
    free(line);
    fclose(file);
    if (r < 0)
        return fg_fail_prefix(err, r, "%s:%u", path, number);
    if (!ended)
        return fg_fail(err, -EINVAL, "%s: the camera left no end line: it did not finish", path);
    return 0;
}

// The spell that a decision is about: the track's last one that had begun when its frame was
// captured.
static const struct spell *spell_at(const struct fg_tally *tally,
                                    const struct fg_tally_decision *decision)
{
    const struct spell *found = NULL;
    for (unsigned i = 0; i < tally->n_spells; i++) {
        const struct spell *spell = &tally->spells[i];
        if (spell->track == decision->track && spell->photograph >= 0 &&
            tally->frames[spell->first].t_capture_ns <= decision->t_capture_ns)
            found = spell;
    }
    return found;
}

static int person_of(const struct fg_tally *tally, const struct spell *spell)
{
    int person = FG_TALLY_NOBODY;
    unsigned most = 0;
    for (unsigned i = 0; spell && i < tally->n_people; i++) {
        if (spell->votes[i] > most) {
            most = spell->votes[i];
            person = (int)i;
        }
    }
    return person;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_decisions(const struct fg_tally *tally, struct fg_summary *ret)
{
    static double ms[FG_TALLY_DECISIONS];
    unsigned n = 0;
    for (unsigned i = 0; i < tally->n_decisions; i++) {
        if (tally->decisions[i].latency_ms >= 0)
            ms[n++] = tally->decisions[i].latency_ms;
    }
    qsort(ms, n, sizeof *ms, by_size);
    ret->timed = n;
    ret->p50_ms = n > 0 ? ms[(n - 1) / 2] : -1;
    ret->p99_ms = n > 0 ? ms[(unsigned)ceil(.99 * n) - 1] : -1;
}

static void judge(struct fg_tally *tally, const struct fg_tally_decision *decision,
                  struct fg_summary *ret)
{
    const int index = person_of(tally, spell_at(tally, decision));
    struct fg_tally_person *person = index >= 0 ? &tally->people[index] : NULL;
    if (decision->verdict == FG_VERDICT_DENY && person)
        person->denials++;
    if (decision->verdict != FG_VERDICT_ADMIT)
        return;
    if (person && person->enrolled && strcmp(person->name, decision->subject) == 0) {
        person->admits++;
        return;
    }
    ret->wrong_admits++;
    if (person)
        person->wrong++;
}

void fg_tally_sum(struct fg_tally *tally, struct fg_summary *ret)
{
    *ret = (struct fg_summary){.decisions = tally->n_decisions,
                               .frames = tally->seen,
                               .displaced = tally->displaced,
                               .frame_bytes_copied = tally->copied};
    for (unsigned i = 0; i < tally->n_people; i++) {
        struct fg_tally_person *p = &tally->people[i];
        p->tracks = p->admits = p->denials = p->wrong = 0;
    }
    for (unsigned i = 0; i < tally->n_spells; i++) {
        int person = person_of(tally, &tally->spells[i]);
        if (person >= 0)
            tally->people[person].tracks++;
    }
    for (unsigned i = 0; i < tally->n_decisions; i++)
        judge(tally, &tally->decisions[i], ret);
    for (unsigned i = 0; i < tally->n_people; i++) {
        const struct fg_tally_person *p = &tally->people[i];
        if (!p->counts)
            continue;
        ret->people++;
        if (p->enrolled) {
            ret->enrolled_total++;
            ret->enrolled_admitted += p->admits > 0;
        } else {
            ret->strangers_total++;
            ret->strangers_denied += p->denials > 0 && p->wrong == 0;
        }
    }
    time_decisions(tally, ret);
}

unsigned fg_tally_people(const struct fg_tally *tally)
{
    return tally->n_people;
}

const struct fg_tally_person *fg_tally_person(const struct fg_tally *tally, unsigned index)
{
    return &tally->people[index];
}

size_t fg_tally_frames(const struct fg_tally *tally)
{
    return tally->n_frames;
}

const struct fg_tally_frame *fg_tally_frame(const struct fg_tally *tally, size_t index)
{
    return &tally->frames[index];
}

unsigned fg_tally_photographs(const struct fg_tally *tally)
{
    return tally->n_photographs;
}

const char *fg_tally_photograph(const struct fg_tally *tally, unsigned index)
{
    return tally->photographs[index].name;
}

const struct fg_tally_decision *fg_tally_of_track(const struct fg_tally *tally, size_t frame,
                                                  uint32_t track)
{
    static const struct fg_tally_decision none = {.verdict = FG_VERDICT_NONE};
    const struct fg_tally_decision *last = &none;
    for (unsigned i = 0; i < tally->n_decisions; i++) {
        const struct fg_tally_decision *d = &tally->decisions[i];
        const struct spell *spell = d->track == track ? spell_at(tally, d) : NULL;
        if (spell && spell->photograph == tally->frames[frame].photograph)
            last = d;
    }
    return last;
}
