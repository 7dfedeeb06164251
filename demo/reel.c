// SPDX-License-Identifier: Apache-2.0
#include "demo/reel.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "pipeline/image.h"

#define FRAME_QUALITY 85
#define MOST_PEOPLE   64
#define STAMP_BYTES   4096

struct person {
    const char *name;
    bool enrolled;
    unsigned whole_frames;
};

struct fg_reel {
    char *folder;
    FILE *footage;
    uint32_t width, height;
    unsigned long n_frames;
    long long offset;
    struct fg_json *frames, *photographs;
    char photograph[64]; // shown now; empty: none
    unsigned long photograph_first;
    struct person people[MOST_PEOPLE];
    unsigned n_people;
};

static int path_of(const char *folder, const char *name, char ret[512], struct fg_error *err)
{
    if (snprintf(ret, 512, "%s/%s", folder, name) >= 512)
        return fg_fail(err, -ENAMETOOLONG, "%s: the path is too long", folder);
    return 0;
}

static int make_folder(const char *path, struct fg_error *err)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return fg_fail(err, -errno, "%s: cannot make the folder: %s", path, strerror(errno));
    return 0;
}

static int write_file(const char *path, const void *bytes, size_t length, struct fg_error *err)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return fg_fail(err, -errno, "%s: cannot write: %s", path, strerror(errno));
    bool ok = fwrite(bytes, 1, length, file) == length;
    ok = fclose(file) == 0 && ok;
    return ok ? 0 : fg_fail(err, -EIO, "%s: cannot write all of it: is the disk full?", path);
}

int fg_reel_create(const char *folder, uint32_t width, uint32_t height, struct fg_reel **ret,
                   struct fg_error *err)
{
    char path[512];
    struct fg_reel *reel = calloc(1, sizeof *reel);
    if (!reel)
        return fg_fail(err, -ENOMEM, "not enough memory");
    int r = -ENOMEM;
    reel->width = width;
    reel->height = height;
    reel->folder = strdup(folder);
    if (!reel->folder)
        goto fail;
    reel->frames = fg_json_array();
    reel->photographs = fg_json_array();
    if ((r = make_folder(folder, err)) < 0 || (r = path_of(folder, "enrol", path, err)) < 0 ||
        (r = make_folder(path, err)) < 0 || (r = path_of(folder, "stamp", path, err)) < 0)
        goto fail;
    unlink(path);
    if ((r = path_of(folder, "footage.mjpeg", path, err)) < 0)
        goto fail;
    reel->footage = fopen(path, "wb");
    if (!reel->footage) {
        r = fg_fail(err, -errno, "%s: cannot write: %s", path, strerror(errno));
        goto fail;
    }
    *ret = reel;
    return 0;
fail:
    fg_reel_close(reel);
    return r;
}

void fg_reel_close(struct fg_reel *reel)
{
    if (!reel)
        return;
    if (reel->footage)
        fclose(reel->footage);
    fg_json_destroy(reel->frames);
    fg_json_destroy(reel->photographs);
    free(reel->folder);
    free(reel);
}

void fg_reel_scene(struct fg_reel *reel, const char *photograph)
{
    if (reel->photograph[0]) {
        struct fg_json *shown = fg_json_object();
        fg_json_add_string(shown, "name", reel->photograph);
        fg_json_add_number(shown, "first", (double)reel->photograph_first);
        fg_json_add_number(shown, "frames", (double)(reel->n_frames - reel->photograph_first));
        fg_json_add(reel->photographs, NULL, shown);
    }
    snprintf(reel->photograph, sizeof reel->photograph, "%s", photograph ? photograph : "");
    reel->photograph_first = reel->n_frames;
}

static struct person *person_of(struct fg_reel *reel, const struct fg_reel_face *face)
{
    for (unsigned i = 0; i < reel->n_people; i++) {
        if (strcmp(reel->people[i].name, face->person) == 0)
            return &reel->people[i];
    }
    if (reel->n_people == MOST_PEOPLE)
        return NULL;
    struct person *person = &reel->people[reel->n_people++];
    *person = (struct person){.name = face->person, .enrolled = face->enrolled};
    return person;
}

static struct fg_json *face_json(const struct fg_reel_face *face)
{
    struct fg_json *json = fg_json_object(), *box = fg_json_array();
    fg_json_add_string(json, "person", face->person);
    for (int i = 0; i < 4; i++)
        fg_json_add_number(box, NULL, rint(face->box[i] * 10) / 10);
    fg_json_add(json, "box", box);
    fg_json_add_bool(json, "whole", face->whole);
    return json;
}

int fg_reel_add(struct fg_reel *reel, const struct fg_picture *picture,
                const struct fg_reel_face *faces, unsigned n_faces, struct fg_error *err)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    int r = fg_image_encode_jpeg(picture->rgb, picture->width, picture->height, picture->width * 3,
                                 FRAME_QUALITY, &bytes, &length, err);
    if (r < 0)
        return r;
    size_t written = fwrite(bytes, 1, length, reel->footage);
    free(bytes);
    if (written != length)
        return fg_fail(err, -EIO, "%s/footage.mjpeg: cannot write all of it: is the disk full?",
                       reel->folder);
    struct fg_json *frame = fg_json_object(), *list = fg_json_array();
    fg_json_add_number(frame, "frame", (double)reel->n_frames++);
    fg_json_add_number(frame, "offset", (double)reel->offset);
    fg_json_add_number(frame, "bytes", (double)length);
    reel->offset += (long long)length;
    for (unsigned i = 0; i < n_faces; i++) {
        fg_json_add(list, NULL, face_json(&faces[i]));
        struct person *person = person_of(reel, &faces[i]);
        if (!person)
            r = -E2BIG;
        else if (faces[i].whole && faces[i].box[2] >= FG_REEL_SIDE)
            person->whole_frames++;
    }
    fg_json_add(frame, "faces", list);
    fg_json_add(reel->frames, NULL, frame);
    return r < 0 ? fg_fail(err, r, "more than %d people in one reel", MOST_PEOPLE) : 0;
}

int fg_reel_enrol(struct fg_reel *reel, const char *person, unsigned number,
                  const struct fg_picture *picture, int quality, struct fg_error *err)
{
    char name[64], path[512];
    snprintf(name, sizeof name, "enrol/%s_%u.jpg", person, number);
    int r = path_of(reel->folder, name, path, err);
    if (r < 0)
        return r;
    uint8_t *bytes = NULL;
    size_t length = 0;
    r = fg_image_encode_jpeg(picture->rgb, picture->width, picture->height, picture->width * 3,
                             quality, &bytes, &length, err);
    if (r < 0)
        return r;
    r = write_file(path, bytes, length, err);
    free(bytes);
    return r;
}

static struct fg_json *people_json(const struct fg_reel *reel)
{
    struct fg_json *people = fg_json_array();
    for (unsigned i = 0; i < reel->n_people; i++) {
        const struct person *p = &reel->people[i];
        struct fg_json *json = fg_json_object();
        fg_json_add_string(json, "person", p->name);
        fg_json_add_bool(json, "enrolled", p->enrolled);
        fg_json_add_number(json, "whole_frames", p->whole_frames);
        fg_json_add_bool(json, "counts", p->whole_frames >= FG_REEL_COUNTS);
        fg_json_add(people, NULL, json);
    }
    return people;
}

static int write_truth(struct fg_reel *reel, struct fg_error *err)
{
    char path[512];
    int r = path_of(reel->folder, "truth.json", path, err);
    if (r < 0)
        return r;
    fg_reel_scene(reel, NULL);
    struct fg_json *truth = fg_json_object();
    fg_json_add_number(truth, "v", 1);
    fg_json_add_number(truth, "width", reel->width);
    fg_json_add_number(truth, "height", reel->height);
    fg_json_add_number(truth, "rate", FG_REEL_RATE);
    fg_json_add(truth, "photographs", reel->photographs);
    fg_json_add(truth, "people", people_json(reel));
    fg_json_add(truth, "frames", reel->frames);
    reel->photographs = reel->frames = NULL;
    char *text = fg_json_print(truth, false);
    fg_json_destroy(truth);
    if (!text)
        return fg_fail(err, -ENOMEM, "%s: not enough memory", path);
    r = write_file(path, text, strlen(text), err);
    free(text);
    return r;
}

// The stamp also holds the footage's size, so that a cut file is made again.
static void stamp_text(const char *recipe, long long bytes, char ret[STAMP_BYTES])
{
    snprintf(ret, STAMP_BYTES, "footage.mjpeg %lld\n%.*s", bytes, STAMP_BYTES - 64, recipe);
}

int fg_reel_finish(struct fg_reel *reel, const char *recipe, struct fg_error *err)
{
    char path[512], stamp[STAMP_BYTES];
    FILE *footage = reel->footage;
    reel->footage = NULL;
    if (fclose(footage) != 0)
        return fg_fail(err, -errno, "%s/footage.mjpeg: cannot write all of it: %s", reel->folder,
                       strerror(errno));
    int r = write_truth(reel, err);
    if (r < 0 || (r = path_of(reel->folder, "stamp", path, err)) < 0)
        return r;
    stamp_text(recipe, reel->offset, stamp);
    return write_file(path, stamp, strlen(stamp), err);
}

bool fg_reel_is_made(const char *folder, const char *recipe)
{
    char path[512], want[STAMP_BYTES], have[STAMP_BYTES];
    struct stat footage, truth;
    if (path_of(folder, "truth.json", path, NULL) < 0 || stat(path, &truth) < 0 ||
        path_of(folder, "footage.mjpeg", path, NULL) < 0 || stat(path, &footage) < 0 ||
        path_of(folder, "stamp", path, NULL) < 0)
        return false;
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t length = fread(have, 1, sizeof have - 1, file);
    fclose(file);
    have[length] = 0;
    stamp_text(recipe, footage.st_size, want);
    return strcmp(want, have) == 0;
}
