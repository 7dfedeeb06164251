#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Enrols, deletes and lists people over the matcher's control socket: facegate-control(7).

    apt install python3-zmq
    ./enrol.py [--control ENDPOINT] enrol --model ID SUBJECT FILE [FILE ...]
    ./enrol.py [--control ENDPOINT] delete SUBJECT
    ./enrol.py [--control ENDPOINT] list

Run it as a member of the group facegate-admin. FILE holds the vector of one photograph, or of up
to five: .npy (float32) as numpy.save writes it, anything else is raw little-endian float32. ID is
the id of the model card that made them, in 16 hex digits, as `facegate model CARD` tells it.
Vectors are scaled to length 1. Exit code 0: done, and on disk; 1: refused, with the reason.
"""
import argparse
import ast
import json
import math
import struct
import sys
import uuid

import zmq

CONTROL = "ipc:///run/facegate/admin/control.sock"
TIMEOUT_MS = 5000


class Matcher:
    def __init__(self, endpoint):
        self.socket = zmq.Context().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, TIMEOUT_MS)
        self.socket.connect(endpoint)
        self.endpoint = endpoint

    def ask(self, op, vectors=(), **members):
        """The answer to one request; vectors are bytes, a part each."""
        request = {"v": 1, "op": op, "id": uuid.uuid4().hex, **members}
        self.socket.send_multipart([json.dumps(request).encode(), *vectors])
        while True:
            try:
                answer = json.loads(self.socket.recv_multipart()[0])
            except zmq.Again:
                sys.exit(f"no matcher answers on {self.endpoint}")
            if answer.get("id") == request["id"]:
                break
        if not answer["ok"]:
            sys.exit(f"{answer['error']}: {answer['message']}")
        return answer


def read_npy(data, name):
    """The dimension and the bytes of a .npy file of one vector, or of one in each row."""
    head = 10 if data[6] == 1 else 12
    length = int.from_bytes(data[8:head], "little")
    about = ast.literal_eval(data[head:head + length].decode("latin-1"))
    if about["descr"] != "<f4" or about["fortran_order"] or len(about["shape"]) not in (1, 2):
        sys.exit(f"{name}: save one vector, or a row for each, as little-endian float32")
    return about["shape"][-1], data[head + length:]


def read_vectors(name, dimension):
    with open(name, "rb") as file:
        data = file.read()
    found = dimension
    if data.startswith(b"\x93NUMPY"):
        found, data = read_npy(data, name)
    if found != dimension or not data or len(data) % (4 * dimension):
        sys.exit(f"{name}: the matcher's vectors have {dimension} numbers of 4 bytes")
    values = struct.unpack(f"<{len(data) // 4}f", data)
    return [unit(values[i:i + dimension], name) for i in range(0, len(values), dimension)]


def unit(vector, name):
    length = math.sqrt(sum(x * x for x in vector))
    if not math.isfinite(length) or length == 0:
        sys.exit(f"{name}: a vector without a direction")
    return struct.pack(f"<{len(vector)}f", *(x / length for x in vector))


def enrol(matcher, args):
    dimension = int(matcher.ask("status")["model"]["dimension"])
    vectors = [v for name in args.files for v in read_vectors(name, dimension)]
    answer = matcher.ask("enrol", vectors, subject=args.subject, model=args.model,
                         dimension=dimension)
    print(f"{args.subject} enrolled, {len(vectors)} vectors")
    if "warning" in answer:
        print("warning:", answer["warning"], file=sys.stderr)


def delete(matcher, args):
    matcher.ask("delete", subject=args.subject)
    print(f"{args.subject} deleted")


def list_all(matcher, _):
    after = {}
    while True:
        answer = matcher.ask("list", **after)
        for subject in answer["subjects"]:
            print(subject["subject"], subject["vectors"], "vectors")
        if "after" not in answer:
            return
        after = {"after": answer["after"]}


def main():
    parser = argparse.ArgumentParser(description="an enrolment client of facegate")
    parser.add_argument("--control", default=CONTROL, metavar="ENDPOINT")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("enrol")
    command.add_argument("--model", required=True, metavar="ID")
    command.add_argument("subject")
    command.add_argument("files", nargs="+", metavar="FILE")
    command.set_defaults(run=enrol)
    command = commands.add_parser("delete")
    command.add_argument("subject")
    command.set_defaults(run=delete)
    commands.add_parser("list").set_defaults(run=list_all)
    args = parser.parse_args()
    args.run(Matcher(args.control), args)


if __name__ == "__main__":
    main()
