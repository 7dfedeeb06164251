#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gate: opens on admissions and reports who went through, as facegate-wire(7) says.
    apt install python3-zmq
    ./gate.py LANE SECONDS /run/facegate    # SECONDS to go through, the folder of the sockets
Run it in the groups facegate-gate and facegate-probe. A line on stdin is the beam: somebody went.
"""
import collections, itertools, json, os, random, struct, sys, time, zmq

ALIVE, PASSED, TIMEOUT, FORCED = 32, 34, 35, 36
lane, seconds, folder = sys.argv[1:]
topic, session, sent = lane.encode() + b"\0", random.getrandbits(64), itertools.count(1)
decisions, lanes, matcher = map(zmq.Context().socket, (zmq.SUB, zmq.SUB, zmq.PUB))
for socket, name in (decisions, "gate/decision"), (lanes, "probe/lane"), (matcher, "probe/probe"):
    socket.connect(f"ipc://{folder}/{name}.sock")
for socket in decisions, lanes:
    socket.subscribe(topic)

def tell(kind, run=0, decision=0):
    now = time.monotonic_ns()
    body = struct.pack("<4sHHII32s32s7Q", b"FGW1", 3, kind, 136, 0, lane.encode(), b"gate", session,
                       next(sent), now, now, 0, run, decision)
    matcher.send_multipart([topic, body])

admitted, reports = collections.deque(), collections.deque()  # to go through; to be acknowledged
run, last, next_s = "", 0, 0  # of the newest decision; when ALIVE and the report are due
while True:
    ready = sum(zmq.select([decisions, lanes, 0], [], [0], 0.05), [])
    beam = 0 in ready and (os.read(0, 1) or sys.exit("the beam is gone")) == b"\n"
    if lanes in ready and len(body := lanes.recv_multipart()[1]) == 152 and reports:
        if reports[0][1:] == struct.unpack_from("<QQ", body, 136):
            reports.popleft()
    if decisions in ready:
        d = json.loads(decisions.recv_multipart()[1])
        seq, age_ms = int(d["seq"]), (time.monotonic_ns() - int(d["t_decision_ns"])) / 1e6
        if (d["run"] != run or seq > last) and d["lane"] == lane:  # else it is repeated
            run, last = d["run"], seq
            if d["outcome"] == "admit" and 0 <= age_ms <= d["valid_ms"]:
                admitted.append((int(run, 16), seq, time.monotonic() + float(seconds)))
                print("open", d["subject"], flush=True)  # the relay
    if beam and not admitted:
        tell(FORCED)
    if admitted and (beam or time.monotonic() > admitted[0][2]):
        reports.append((PASSED if beam else TIMEOUT, *admitted.popleft()[:2]))
        print("passed" if beam else "timeout", "" if admitted else "closed", flush=True)
        next_s = 0 if len(reports) == 1 else next_s
    if time.monotonic() >= next_s:
        next_s = time.monotonic() + 1
        for report in [(ALIVE,), *reports][:2]:
            tell(*report)
