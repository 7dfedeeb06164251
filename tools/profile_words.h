// SPDX-License-Identifier: Apache-2.0
// What a profile means, in plain words: one sentence after the other.
#ifndef FG_PROFILE_WORDS_H
#define FG_PROFILE_WORDS_H

#include "matcher/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

// Calls `say` with each sentence and what it is about ("recognition", "lane north").
void fg_profile_words(const struct fg_policy *policy,
                      void (*say)(void *context, const char *about, const char *sentence),
                      void *context);

#ifdef __cplusplus
}
#endif
#endif
