// SPDX-License-Identifier: Apache-2.0
// The last thousand latencies. One thread owns it.
#ifndef FG_LATENCY_H
#define FG_LATENCY_H

#ifdef __cplusplus
extern "C" {
#endif

#define FG_LATENCY_KEPT 1000

struct fg_latency { // starts zeroed
    float ms[FG_LATENCY_KEPT];
    unsigned count, next;
};

void fg_latency_add(struct fg_latency *latency, double ms);

// The value that a share 0..1 of those kept does not exceed; negative when there are none.
double fg_latency_quantile(const struct fg_latency *latency, double share);

#ifdef __cplusplus
}
#endif
#endif
