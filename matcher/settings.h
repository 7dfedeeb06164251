// SPDX-License-Identifier: Apache-2.0
// The matcher's settings: its configuration file, what command-line options say over it.
#ifndef FG_SETTINGS_H
#define FG_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_settings {
    char gallery[512], profile[512], model[512], key[512];
    bool make_key;
    uint32_t gallery_mib, ledger_mib;
    bool exact;
    double dismissal;
    char tokens[512];   // key files of operators, separated by spaces
    char portrait[512]; // the program that compares with documents
    char locale[512];   // the folder of the sentences' catalogues
    char probe[256], lane[256], decision[256], control[256];
};

// A first look at the options: -1 and the configuration file in *ret_config (or NULL), or the code
// to exit with, after --help, --version and mistakes.
int fg_settings_look(int argc, char **argv, const char **ret_config);

// Reads the file (NULL: none), then the options. -EINVAL and what the file's reading can give.
int fg_settings_read(int argc, char **argv, const char *config, struct fg_settings *ret,
                     struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
