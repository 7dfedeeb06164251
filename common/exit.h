// SPDX-License-Identifier: Apache-2.0
// Exit codes of every facegate program, where sysexits.h has one by its number.
#ifndef FG_EXIT_H
#define FG_EXIT_H

enum fg_exit {
    FG_EXIT_OK = 0,
    FG_EXIT_FAILURE = 1,    // it ran, and failed or found a "no"
    FG_EXIT_USAGE = 2,      // the command line is off
    FG_EXIT_TEMPORARY = 75, // try again later (EX_TEMPFAIL): busy, or the camera is away
    FG_EXIT_CONFIG = 78,    // a configuration file, model or card is off (EX_CONFIG)
};

#endif
