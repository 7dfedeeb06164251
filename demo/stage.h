// SPDX-License-Identifier: Apache-2.0
// The real programs, set up for one run in a folder of their own: a matcher with an empty gallery
// and a new key, people enrolled through `facegate`, a camera on a reel.
//
// In FOLDER: footage.mjpeg and enrol/ (of a reel, see reel.h) must be there; probe/, gate/, admin/
// (sockets), gallery/, master.key, trace.jsonl and *.log are made. One thread.
#ifndef FG_STAGE_H
#define FG_STAGE_H

#include <signal.h>

#include "common/error.h"
#include "tools/child.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_STAGE_PATH 512
#define FG_STAGE_LANE "1"

enum fg_stage_program { FG_STAGE_MATCHER, FG_STAGE_CAMERA, FG_STAGE_FACEGATE, FG_STAGE_PROGRAMS };
enum fg_stage_socket { FG_STAGE_PROBE, FG_STAGE_DECISION, FG_STAGE_CONTROL, FG_STAGE_SOCKETS };

struct fg_stage {
    char folder[256];
    char programs[FG_STAGE_PROGRAMS][256];
    char endpoints[FG_STAGE_SOCKETS][256];
    const char *profile, *models;
    const volatile sig_atomic_t *stop; // when not 0: give up, with -EINTR
    struct fg_child matcher, camera, helper;
};

// `build` holds the programs, BUILD/NAME is the folder; profile, models and `stop` are borrowed.
// Removes what an earlier run left in the folder. Failure: negative errno; fg_stage_close is fine.
int fg_stage_open(const char *build, const char *name, const char *profile, const char *models,
                  const volatile sig_atomic_t *stop, struct fg_stage *stage, struct fg_error *err);

// Starts the matcher and waits until it answers.
int fg_stage_start_matcher(struct fg_stage *stage, struct fg_error *err);
// Enrols PERSON from enrol/PERSON_1.jpg and _2.jpg.
int fg_stage_enrol(struct fg_stage *stage, const char *person, struct fg_error *err);
// Starts the camera on footage.mjpeg with its options --rate and --shot-ms; it ends with the reel.
int fg_stage_start_camera(struct fg_stage *stage, const char *rate, const char *shot_ms,
                          struct fg_error *err);

// FOLDER/NAME.
const char *fg_stage_path(const struct fg_stage *stage, const char *name, char ret[FG_STAGE_PATH]);

// -EIO, with the program's exit code and last words in err.
int fg_stage_failed(const struct fg_child *child, struct fg_error *err);

// Ends all that runs. Accepts {0}.
void fg_stage_close(struct fg_stage *stage);

#ifdef __cplusplus
}
#endif
#endif
