// SPDX-License-Identifier: Apache-2.0
// footage: makes the demo's clips from the sample photographs. See demo/takes.h.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo/takes.h"

#define SEED       20260101
#define MOST       16
#define SWAP_LEFT  "p07"
#define SWAP_RIGHT "p21"
#define WORDS      64
#define LOOP_FACES 4
#define LOOP_MOST  20 // seconds; 41 MB each

static int usage(FILE *out, int code)
{
    fprintf(out, "usage: footage OUT_DIR PHOTO...\n"
                 "       footage --swap OUT_DIR PHOTO...\n"
                 "       footage --lane 'PERSON[+PERSON][@CODE.png]:SECONDS -:SECONDS ...' OUT_DIR "
                 "PHOTO...\n"
                 "       footage --y4m SECONDS OUT.y4m PHOTO...\n"
                 "PHOTO: sample1.jpg to sample6.jpg of @vladmandic/face-api\n");
    return code;
}

struct album {
    struct fg_demo_photo photos[MOST];
    const char *paths[MOST];
    struct fg_take take;
};

static const struct fg_demo_photo *known(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (size_t i = 0; i < fg_demo_photo_count; i++) {
        if (strcmp(fg_demo_photos[i].name, name) == 0)
            return &fg_demo_photos[i];
    }
    return NULL;
}

static int album_fill(struct album *album, char **paths, int count, struct fg_error *err)
{
    if (count < 1 || count > MOST)
        return fg_fail(err, -EINVAL, "give 1 to %d photographs", MOST);
    for (int i = 0; i < count; i++) {
        const struct fg_demo_photo *photo = known(paths[i]);
        if (!photo)
            return fg_fail(err, -EINVAL,
                           "%s: no truth is known for it; give sample1.jpg to sample6.jpg",
                           paths[i]);
        album->photos[i] = *photo;
        album->paths[i] = paths[i];
    }
    album->take = (struct fg_take){.photos = album->photos,
                                   .paths = album->paths,
                                   .count = (size_t)count,
                                   .enrolled = fg_demo_is_enrolled,
                                   .seed = SEED};
    return 0;
}

static int loop(const struct album *album, const char *seconds, const char *path,
                struct fg_error *err)
{
    char *end;
    long s = strtol(seconds, &end, 10);
    if (*end || end == seconds || s < 1 || s > LOOP_MOST)
        return fg_fail(err, -EINVAL, "%s: give 1 to %d seconds", seconds, LOOP_MOST);
    // The last one: sample6's four all look into the camera.
    for (size_t i = album->take.count; i-- > 0;) {
        if (album->photos[i].n_faces == LOOP_FACES)
            return fg_take_loop(&album->take, i, (unsigned)s * FG_REEL_RATE, path, err);
    }
    return fg_fail(err, -ENOENT, "none of the photographs shows exactly %d people", LOOP_FACES);
}

static int lane(const struct album *album, char *script, const char *folder, struct fg_error *err)
{
    const char *words[WORDS + 1] = {NULL};
    unsigned n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(script, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (n == WORDS)
            return fg_fail(err, -EINVAL, "at most %d parts", WORDS);
        words[n++] = word;
    }
    return fg_take_lane(&album->take, words, folder, err);
}

int main(int argc, char **argv)
{
    struct fg_error err = {""};
    struct album album;
    bool made = true;
    int r;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    const bool swap = argc > 1 && strcmp(argv[1], "--swap") == 0;
    const bool y4m = argc > 1 && strcmp(argv[1], "--y4m") == 0;
    const bool script = argc > 1 && strcmp(argv[1], "--lane") == 0;
    const int first = y4m || script ? 4 : swap ? 3 : 2;
    if (argc <= first || (argv[1][0] == '-' && !swap && !y4m && !script))
        return usage(stderr, 2);
    const char *out = argv[first - 1];
    r = album_fill(&album, argv + first, argc - first, &err);
    if (r == 0 && y4m)
        r = loop(&album, argv[2], out, &err);
    else if (r == 0 && script)
        r = lane(&album, argv[2], out, &err);
    else if (r == 0 && swap)
        r = fg_take_swap(&album.take, SWAP_LEFT, SWAP_RIGHT, out, &made, &err);
    else if (r == 0)
        r = fg_take_walk(&album.take, out, &made, &err);
    if (r < 0) {
        fprintf(stderr, "footage: %s\n", err.text);
        return 1;
    }
    printf("%s: %s\n", out, made ? "made" : "is there already");
    return 0;
}
