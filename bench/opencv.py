# SPDX-License-Identifier: Apache-2.0
"""OpenCV DNN, one thread, as a peer of bench_accel (bench/peer.h says how the two talk)."""
import os
import sys
import time


def main():
    try:
        import cv2
        import numpy
    except ImportError as why:
        return f"{why}; tools/setup.sh bench installs python3-opencv"
    model, source, target = sys.argv[1:4]
    cv2.setNumThreads(1)
    try:
        net = cv2.dnn.readNetFromONNX(model)
        net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
        # OpenCV calls a node after what it makes: "onnx_node_output_0!out00"
        names = sorted(net.getUnconnectedOutLayersNames(), key=lambda name: name.split("!")[-1])
        shape = [int(side) for side in os.environ["FG_PEER_SHAPE"].split("x")]
        values = numpy.fromfile(source, numpy.float32).reshape(shape)
        net.setInput(values)
        outputs = net.forward(names)
    except cv2.error as why:
        return " ".join(str(why).split())
    numpy.concatenate([output.ravel() for output in outputs]).tofile(target)
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            net.setInput(values)
            net.forward(names)
            times.append((time.perf_counter_ns() - start) / 1e6)
        print("[" + ", ".join(f"{ms:.4f}" for ms in times) + "]", flush=True)
    return None


if __name__ == "__main__":
    reason = main()
    if reason:
        print(reason, flush=True)
        sys.exit(1)
