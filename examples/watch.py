#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints decisions as the matcher makes them: facegate-wire(7), DECISIONS.

    apt install python3-zmq
    ./watch.py LANE [ENDPOINT [LANGUAGE]]

Run it as a member of the group facegate-gate. One line a decision:
    LANE OUTCOME REASON SUBJECT SENTENCE
with "-" for a subject that is not told. Stale decisions are named on stderr and not printed: a gate
must not act on them.
"""
import json
import sys
import time

import zmq

ENDPOINT = "ipc:///run/facegate/gate/decision.sock"


def is_stale(decision):
    # The matcher's clock is ours: it is on the same machine. Large integers come as strings.
    age_ns = time.monotonic_ns() - int(decision["t_decision_ns"])
    return age_ns < 0 or age_ns // 1_000_000 > decision["valid_ms"]


def show(decision, language):
    if is_stale(decision):
        print("stale:", decision["lane"], decision["reason"], file=sys.stderr)
        return
    print(decision["lane"], decision["outcome"], decision["reason"],
          decision.get("subject", "-"), decision.get("say", {}).get(language, ""), flush=True)


def watch(lane, endpoint=ENDPOINT, language="en"):
    topic = lane.encode() + b"\0"  # with the NUL, so that lane 1 does not hear lane 10
    socket = zmq.Context().socket(zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, topic)
    socket.connect(endpoint)
    while True:
        parts = socket.recv_multipart()
        if len(parts) != 2 or parts[0] != topic:
            continue
        try:
            decision = json.loads(parts[1])
            if decision["lane"] == lane:
                show(decision, language)
        except (KeyError, TypeError, ValueError) as error:
            print("no decision:", error, file=sys.stderr)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(f"usage: {sys.argv[0]} LANE [ENDPOINT [LANGUAGE]]")
    try:
        watch(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
