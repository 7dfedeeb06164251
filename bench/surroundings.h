// SPDX-License-Identifier: Apache-2.0
// What libraries read from the environment before main begins.
#ifndef FG_SURROUNDINGS_H
#define FG_SURROUNDINGS_H

// Starts this program anew with: one thread for OpenBLAS and OpenMP, OpenBLAS's kernels for the
// vectors that this processor has (0.3.21 takes new ones for an old one), and huge pages for what
// malloc hands out, so that rivals get what our own arrays have. Returns in the new program.
void fg_surroundings_choose(char **argv);

const char *fg_surroundings_blas(void); // "SkylakeX", "Haswell", or "" where OpenBLAS chooses

#endif
