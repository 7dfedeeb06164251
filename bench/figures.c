// SPDX-License-Identifier: Apache-2.0
#include "bench/figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/json.h"

#define MOST 128

struct fg_figures {
    unsigned count;
    struct {
        char key[48], meaning[100];
        double value;
    } rows[MOST];
};

struct fg_figures *fg_figures_create(void)
{
    struct fg_figures *figures = calloc(1, sizeof *figures);
    if (!figures)
        abort();
    return figures;
}

void fg_figures_destroy(struct fg_figures *figures)
{
    free(figures);
}

void fg_figures_add(struct fg_figures *figures, const char *key, double value, const char *meaning)
{
    if (figures->count == MOST)
        abort();
    unsigned i = figures->count++;
    snprintf(figures->rows[i].key, sizeof figures->rows[i].key, "%s", key);
    snprintf(figures->rows[i].meaning, sizeof figures->rows[i].meaning, "%s", meaning);
    figures->rows[i].value = value;
}

void fg_figures_print(const struct fg_figures *figures)
{
    for (unsigned i = 0; i < figures->count; i++)
        printf("  %-26s %10.4g   %s\n", figures->rows[i].key, figures->rows[i].value,
               figures->rows[i].meaning);
}

int fg_figures_write(const struct fg_figures *figures, const char *name, struct fg_error *err)
{
    char path[128];
    struct fg_json *json = fg_json_object();
    for (unsigned i = 0; i < figures->count; i++)
        fg_json_add_number(json, figures->rows[i].key, figures->rows[i].value);
    char *text = fg_json_print(json, true);
    fg_json_destroy(json);
    mkdir("build", 0777);
    mkdir("build/bench", 0777);
    snprintf(path, sizeof path, "build/bench/%s.json", name);
    FILE *f = fopen(path, "we");
    int bad = !f || fprintf(f, "%s\n", text) < 0;
    bad = (f && fclose(f) != 0) || bad;
    free(text);
    return bad ? fg_fail(err, -EIO, "%s: can't be written: %s", path, strerror(errno)) : 0;
}
