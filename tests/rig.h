// SPDX-License-Identifier: Apache-2.0
// The real programs (from $FACEGATE_BUILD, or build/) in a temporary folder: a matcher, and
// commands of facegate run against it. Everything fails the running test when it goes wrong.
#ifndef FG_RIG_H
#define FG_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/json.h"

// Makes the folder, and in it models/ with the cards (calibrated) and links to the model files.
// Sets FACEGATE_MODELS, FACEGATE_CONTROL, FACEGATE_DECISION and TZ.
void rig_open(void);
void rig_close(void); // ends the matcher, removes the folder

bool rig_has_models(void); // the model files and sample photographs are there

void rig_start_matcher(void); // with profiles/demo.ini, and waits until it answers
// `more`: further words of its command line, NULL at the end; may be NULL.
void rig_start_matcher_with(const char *profile, const char *const *more);
void rig_stop_matcher(void);
pid_t rig_matcher(void);     // 0: it does not run
void rig_kill_matcher(void); // as a power cut would

// The path of a built program; valid until rig_close.
const char *rig_program(const char *name);

// A path in the folder; valid until rig_close.
const char *rig_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
void rig_make_folder(const char *path);
void rig_write(const char *path, const char *bytes, size_t length);
char *rig_read(const char *path); // the caller's; empty when there is no such file

// facegate's standard output and error of the last rig_run; valid until the next.
extern char *rig_out, *rig_err;

// Runs `facegate ARG ...` to its end; its exit code, 128 + signal when killed.
#define rig_run(...) rig_run_words((const char *const[]){__VA_ARGS__, NULL})
int rig_run_words(const char *const *words);
// In the background; its output goes to the files background.out and background.err.
#define rig_begin(...) rig_begin_words((const char *const[]){__VA_ARGS__, NULL})
pid_t rig_begin_words(const char *const *words);
int rig_end(pid_t pid); // its exit code

struct fg_json *rig_json(void); // the last output; the caller's

// Writes the nth face (0: the largest) of models/sampleN.jpg with `margin` box widths around it,
// every pixel times `gain`, as a JPEG. False: there is no such face.
bool rig_crop(unsigned sample, unsigned face, double margin, double gain, const char *path);
// Grey noise.
void rig_noise(uint32_t width, uint32_t height, const char *path);

#endif
