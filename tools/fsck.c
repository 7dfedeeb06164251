// SPDX-License-Identifier: Apache-2.0
// facegate fsck: is the gallery sound? With the matcher stopped.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "matcher/gallery_check.h"
#include "matcher/roster.h"
#include "tools/command.h"
#include "tools/plain.h"

#define WHOLE 2000 // searches among all, spread over the subjects of a model

static const char help[] =
    "facegate fsck: check a gallery, with the matcher stopped\n"
    "\n"
    "  facegate fsck [option ...] --gallery DIR\n"
    "\n"
    "Reads every record, looks for keys without records and records without keys, builds the\n"
    "index and finds everybody in it. Nothing is changed without --repair.\n"
    "\n"
    "  --gallery DIR   the gallery's folder\n"
    "  --key FILE      its master key (the credential facegate-master of the unit)\n"
    "  --repair        remove damaged records, with the keys that are surely theirs; restoring a\n"
    "                  backup may bring them back, this can't be undone\n"
    "  --threads N     that open records (the number of processors)\n"
    "  --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 sound, also by --repair, 1 damage was found or it failed, 2 the command line\n"
    "is off, 75 the gallery is in use: stop the matcher.\n";

enum { OPT_GALLERY = 1, OPT_KEY, OPT_REPAIR, OPT_THREADS };

static const struct option rows[] = {
    {"gallery", required_argument, NULL, OPT_GALLERY},
    {"key", required_argument, NULL, OPT_KEY},
    {"repair", no_argument, NULL, OPT_REPAIR},
    {"threads", required_argument, NULL, OPT_THREADS},
    {0},
};

// How the index of one model compares with the gallery.
struct comparison {
    uint64_t checked, searched; // searched: those also looked for among all
    uint64_t absent, differing, missed;
};

struct fsck {
    struct fg_common common;
    struct fg_gallery_options options;
    bool repair;
    struct fg_json *corrupt; // an array of their ids
    struct fg_gallery_findings findings;
    struct comparison comparison;
    uint64_t every, removed;
    struct fg_roster *roster;
};

#define THREADS_MOST 8

static int read_threads(const char *value, unsigned *ret)
{
    char *end;
    unsigned long threads = strtoul(value, &end, 10);
    *ret = (unsigned)threads;
    return end != value && !*end && value[0] != '-' && threads >= 1 && threads <= THREADS_MOST
               ? 0
               : -EINVAL;
}

static int own_option(void *context, int option, const char *value)
{
    struct fsck *f = context;
    switch (option) {
    case OPT_GALLERY:
        f->options.directory = value;
        return 0;
    case OPT_KEY:
        f->options.master_key_file = value;
        return 0;
    case OPT_REPAIR:
        f->repair = true;
        return 0;
    case OPT_THREADS:
        return read_threads(value, &f->options.threads);
    }
    return -EINVAL;
}

// ---- records ------------------------------------------------------------------------------------

// A damaged id may be any bytes: what is no plain character is written as \xNN.
static void on_corrupt(void *context, struct fg_bytes id, bool key_missing)
{
    struct fsck *f = context;
    char text[2100] = ""; // LMDB's longest key, escaped
    size_t at = 0;
    for (size_t i = 0; i < id.length && at + 5 < sizeof text; i++) {
        unsigned char c = ((const unsigned char *)id.at)[i];
        bool plain = c > ' ' && c < 0x7f && c != '\\';
        at += (size_t)snprintf(text + at, sizeof text - at, plain ? "%c" : "\\x%02x", c);
    }
    struct fg_json *record = fg_json_object();
    fg_json_add_string(record, "id", text);
    fg_json_add_bool(record, "key_missing", key_missing);
    fg_json_add(f->corrupt, NULL, record);
}

// ---- index --------------------------------------------------------------------------------------

static int enter(void *context, const struct fg_member *member)
{
    struct fsck *f = context;
    return fg_roster_put(f->roster, member);
}

static int compare(void *context, const struct fg_member *member)
{
    struct fsck *f = context;
    struct comparison *c = &f->comparison;
    bool whole = c->checked % f->every == 0;
    int code = fg_roster_check(f->roster, member, whole);
    c->checked++;
    c->searched += whole;
    c->absent += code == -ENOENT;
    c->differing += code == -EBADMSG;
    c->missed += code == -ESRCH;
    return code == -ENOENT || code == -EBADMSG || code == -ESRCH ? 0 : code;
}

// The index as the matcher would build it for this model, compared with the gallery read again.
static int compare_model(struct fsck *f, struct fg_gallery *gallery, unsigned i,
                         struct fg_error *err)
{
    const uint32_t dimension = f->findings.models[i].dimension;
    f->every = 1 + f->findings.models[i].records / WHOLE;
    fg_gallery_look_at(gallery, f->findings.models[i].model, dimension);
    int code = fg_roster_create(&(struct fg_index_options){.dimension = dimension}, &f->roster);
    if (code == 0)
        code = fg_gallery_each(gallery, enter, f);
    if (code == 0)
        code = fg_gallery_each(gallery, compare, f);
    fg_roster_destroy(f->roster);
    f->roster = NULL;
    return code < 0 ? fg_fail(err, code, "building the index: %s", strerror(-code)) : 0;
}

static bool index_right(const struct fsck *f)
{
    const struct comparison *c = &f->comparison;
    return c->absent + c->differing + c->missed == 0;
}

static bool sound(const struct fsck *f)
{
    return f->findings.corrupt == f->removed && index_right(f);
}

// ---- running ------------------------------------------------------------------------------------

static int look(struct fsck *f, struct fg_error *err)
{
    struct fg_gallery *gallery = NULL;
    struct fg_gallery_options options = f->options;
    options.look = true;
    int code = fg_gallery_open(&options, &gallery, err);
    if (code == 0)
        code = fg_gallery_check(gallery, on_corrupt, f, &f->findings, err);
    for (unsigned i = 0; code == 0 && i < f->findings.n_models; i++)
        code = compare_model(f, gallery, i, err);
    fg_gallery_close(gallery);
    return code;
}

static int repair(struct fsck *f, struct fg_error *err)
{
    struct fg_gallery *gallery = NULL;
    struct fg_gallery_options options = f->options;
    options.dimension = 1; // whatever the model: nothing is searched here
    int code = fg_gallery_open(&options, &gallery, err);
    if (code == 0)
        code = fg_gallery_repair(gallery, &f->removed, err);
    fg_gallery_close(gallery);
    return code;
}

struct figure {
    const char *name;
    uint64_t value;
};

static void add_figures(struct fg_json *json, const struct figure *figures, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fg_json_add_number(json, figures[i].name, (double)figures[i].value);
}

static struct fg_json *object_of(const struct figure *figures, size_t count)
{
    struct fg_json *json = fg_json_object();
    add_figures(json, figures, count);
    return json;
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static struct fg_json *models_of(const struct fg_gallery_findings *g)
{
    struct fg_json *models = fg_json_array();
    for (unsigned i = 0; i < g->n_models; i++) {
        char id[24];
        struct fg_json *model = fg_json_object();
        snprintf(id, sizeof id, "%016" PRIx64, g->models[i].model);
        fg_json_add_string(model, "id", id);
        fg_json_add_number(model, "dimension", g->models[i].dimension);
        fg_json_add_number(model, "records", (double)g->models[i].records);
        fg_json_add(models, NULL, model);
    }
    return models;
}

static void print_json(const struct fsck *f)
{
    const struct fg_gallery_findings *g = &f->findings;
    const struct fg_database_state *d = &g->database;
    const struct comparison *c = &f->comparison;
    const struct figure records[] = {
        {"records", g->records},           {"corrupt", g->corrupt},
        {"keys_missing", g->keys_missing}, {"keys_unused", g->keys_unused},
        {"key_slots", g->key_slots},       {"key_slots_free", g->key_slots_free},
        {"removed", f->removed},
    };
    const struct figure index[] = {
        {"checked", c->checked},     {"searched", c->searched}, {"absent", c->absent},
        {"differing", c->differing}, {"missed", c->missed},
    };
    const struct figure database[] = {
        {"page_bytes", d->page_bytes},         {"pages_used", d->pages_used},
        {"leaf_pages", d->leaf_pages},         {"branch_pages", d->branch_pages},
        {"overflow_pages", d->overflow_pages}, {"depth", d->depth},
        {"file_bytes", d->file_bytes},
    };
    struct fg_json *json = fg_json_object();
    fg_json_add_bool(json, "sound", sound(f));
    add_figures(json, records, COUNT_OF(records));
    fg_json_add(json, "models", models_of(g));
    fg_json_add(json, "index", object_of(index, COUNT_OF(index)));
    fg_json_add(json, "database", object_of(database, COUNT_OF(database)));
    fg_json_add(json, "corrupt_records", f->corrupt);
    fg_plain_json(json, true);
}

static void print_corrupt(const struct fsck *f)
{
    const struct fg_json *record = fg_json_at(f->corrupt, 0);
    for (; record; record = fg_json_next(record))
        printf("damaged: %s%s\n", fg_json_get_string(record, "id", ""),
               fg_json_get_bool(record, "key_missing", false) ? " (its key is missing)" : "");
    fg_json_destroy(f->corrupt);
}

static void print_text(const struct fsck *f)
{
    const struct fg_gallery_findings *g = &f->findings;
    const struct comparison *c = &f->comparison;
    print_corrupt(f);
    if (f->common.quiet)
        return;
    for (unsigned i = 0; i < g->n_models; i++)
        printf("model %016" PRIx64 " of %u dimensions: %" PRIu64 " records\n", g->models[i].model,
               g->models[i].dimension, g->models[i].records);
    if (g->other_models > 0)
        printf("of further models, not compared: %" PRIu64 " records\n", g->other_models);
    printf("index: %" PRIu64 " compared, %" PRIu64 " of them searched among all: %" PRIu64
           " absent, %" PRIu64 " differ, %" PRIu64 " not found\n",
           c->checked, c->searched, c->absent, c->differing, c->missed);
    printf("keys: %" PRIu64 " slots, %" PRIu64 " free, %" PRIu64 " without a record%s\n",
           g->key_slots, g->key_slots_free, g->keys_unused,
           g->keys_unused ? " (erased when the matcher starts)" : "");
    printf("database: %" PRIu64 " pages of %" PRIu64 " bytes in use (%" PRIu64
           " leaves, depth %" PRIu64 "), a file of %" PRIu64 " MiB\n",
           g->database.pages_used, g->database.page_bytes, g->database.leaf_pages,
           g->database.depth, g->database.file_bytes >> 20);
    printf("%" PRIu64 " records, %" PRIu64 " damaged, %" PRIu64 " removed: %s\n", g->records,
           g->corrupt, f->removed, sound(f) ? "sound" : "not sound");
}

static int run(struct fsck *f, const char *name)
{
    struct fg_error err = {""};
    f->corrupt = fg_json_array();
    int code = look(f, &err);
    if (code == 0 && f->repair && f->findings.corrupt > 0)
        code = repair(f, &err);
    if (code < 0) {
        fg_json_destroy(f->corrupt);
        return fg_command_failed(name, code, &err);
    }
    if (f->common.json)
        print_json(f);
    else
        print_text(f);
    return sound(f) ? FG_EXIT_OK : FG_EXIT_FAILURE;
}

int fg_command_fsck(int argc, char **argv)
{
    struct fsck f = {0};
    int code = fg_arguments(argc, argv, rows, own_option, &f, &f.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0)
        return FG_EXIT_USAGE;
    if (!f.options.directory || optind < argc) {
        fputs("facegate fsck: name one gallery by --gallery; see facegate fsck --help\n", stderr);
        return FG_EXIT_USAGE;
    }
    return run(&f, argv[0]);
}
