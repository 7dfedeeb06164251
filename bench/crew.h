// SPDX-License-Identifier: Apache-2.0
// Threads on cores of their own, so that figures of one and of two threads mean what they say.
#ifndef FG_CREW_H
#define FG_CREW_H

// Cores that this process may use, as it was started. Call it once from the main thread first.
unsigned fg_crew_cores(void);

// The calling thread stays on its core `k` (modulo their number), or goes where it likes again.
void fg_crew_pin(unsigned k);
void fg_crew_unpin(void);

// Calls work(context, 0), work(context, 1), ... at once, each on another core, and returns when all
// have ended. 0 or negative errno: a thread could not be started (those that were have ended).
int fg_crew_run(unsigned threads, void (*work)(void *context, unsigned worker), void *context);

#endif
