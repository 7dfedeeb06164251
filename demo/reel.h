// SPDX-License-Identifier: Apache-2.0
// A reel: made footage in a folder, with its truth.
//
//   footage.mjpeg   the frames, JPEG after JPEG
//   truth.json      {"v":1,"width":..,"height":..,"rate":30,
//                    "photographs":[{"name":"..","first":frame,"frames":n}],
//                    "people":[{"person":"p03","enrolled":true,"whole_frames":n,"counts":true}],
//                    "frames":[{"frame":0,"offset":bytes,"bytes":n,
//                               "faces":[{"person":"p03","box":[x,y,w,h],"whole":true}]}]}
//   enrol/PERSON_1.jpg, PERSON_2.jpg   pictures to enrol from
//   stamp           what it was made from; written last
//
// A person counts when at least FG_REEL_COUNTS frames show the whole face at FG_REEL_SIDE pixels
// or more. One thread.
#ifndef FG_REEL_H
#define FG_REEL_H

#include <stdbool.h>

#include "common/error.h"
#include "demo/picture.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_REEL_RATE   30
#define FG_REEL_SIDE   90.0
#define FG_REEL_COUNTS 5

struct fg_reel;

struct fg_reel_face {
    const char *person; // borrowed for the reel's life
    bool enrolled;
    bool whole;
    double box[4];
};

// Makes the folder (its parent must be there) and removes an old stamp. Success: *ret owned by the
// caller. Failure: negative errno, err names the file.
int fg_reel_create(const char *folder, uint32_t width, uint32_t height, struct fg_reel **ret,
                   struct fg_error *err);

// From the next frame on a new photograph is shown; NULL: none.
void fg_reel_scene(struct fg_reel *reel, const char *photograph);

// Adds a frame of the reel's size. -EIO, -ENOSPC: the file cannot be written.
int fg_reel_add(struct fg_reel *reel, const struct fg_picture *picture,
                const struct fg_reel_face *faces, unsigned n_faces, struct fg_error *err);

// Writes enrol/PERSON_NUMBER.jpg.
int fg_reel_enrol(struct fg_reel *reel, const char *person, unsigned number,
                  const struct fg_picture *picture, int quality, struct fg_error *err);

// Writes the truth and then the stamp: `recipe`, a text that changes whenever the reel would.
// The reel must still be closed.
int fg_reel_finish(struct fg_reel *reel, const char *recipe, struct fg_error *err);

// Accepts NULL; an unfinished reel has no stamp.
void fg_reel_close(struct fg_reel *reel);

// Whether the folder holds a finished reel of this recipe.
bool fg_reel_is_made(const char *folder, const char *recipe);

#ifdef __cplusplus
}
#endif
#endif
