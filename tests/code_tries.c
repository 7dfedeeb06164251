// SPDX-License-Identifier: Apache-2.0
#include "tests/code_tries.h"

#include <stdlib.h>
#include <string.h>

#include "common/base45.h"
#include "demo/optics.h"
#include "pipeline/code.h"

struct wanted {
    const char *text;
    bool found;
};

static void on_code(void *context, const uint8_t *bytes, size_t length)
{
    struct wanted *wanted = context;
    if (length != strlen(wanted->text) || memcmp(bytes, wanted->text, length) != 0)
        abort();
    wanted->found = true;
}

static bool look(struct fg_code_reader *reader, const struct code_scene *like,
                 const struct qr_matrix *code, const char *text, const struct code_pose *pose,
                 unsigned seed)
{
    struct code_scene scene = *like;
    struct wanted wanted = {text, false};
    scene.seed = seed;
    code_scene_begin(&scene);
    code_scene_add(&scene, code, pose);
    code_scene_expose(&scene);
    if (fg_code_look(reader, &scene.frame, 1, on_code, &wanted) < 0)
        abort();
    code_scene_end(&scene);
    return wanted.found;
}

// How many looks it takes; more than `most`: it is not read.
static unsigned one_attempt(const struct code_scene *scene, const struct qr_matrix *code,
                            const char *text, double side, double distance, unsigned attempt,
                            unsigned most)
{
    struct fg_code_reader *reader = NULL;
    unsigned looks = 0;
    bool found = false;
    if (fg_code_reader_create(&reader) < 0)
        abort();
    while (!found && looks <= most) {
        const struct code_pose pose = code_pose_of_hand(distance, side, attempt, looks);
        found = looks < most && look(reader, scene, code, text, &pose, attempt * 1000 + looks);
        looks++;
    }
    fg_code_reader_destroy(reader);
    return looks;
}

void code_tries_run(const struct code_scene *scene, const struct qr_matrix *code, const char *text,
                    double side, double distance, unsigned attempts, unsigned most,
                    struct code_tries *ret)
{
    if (attempts > CODE_TRIES_MOST)
        abort();
    *ret = (struct code_tries){.attempts = attempts};
    for (unsigned i = 0; i < attempts; i++) {
        const unsigned looks = one_attempt(scene, code, text, side, distance, i, most);
        ret->looks[i] = looks;
        ret->read += looks <= most;
        ret->at_once += looks == 1;
    }
}

static int by_size(const void *a, const void *b)
{
    const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

double code_tries_median(const struct code_tries *tries)
{
    unsigned sorted[CODE_TRIES_MOST];
    const unsigned n = tries->attempts;
    memcpy(sorted, tries->looks, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
}

const char *code_pass_text(void)
{
    static char text[CODE_PASS_BYTES * 3 / 2 + 3];
    uint8_t bytes[CODE_PASS_BYTES];
    struct fg_random random = {45};
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)fg_random_next(&random);
    fg_base45_encode(bytes, sizeof bytes, text);
    return text;
}
