#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One photograph end to end on each engine of another machine; its embedding must be the one that
# xnnpack gives here. Makes FACEGATE_BUILD/photo/*.json and, for arm64, the summary.
# Started by run.sh for `make check-arm64` and `make check-debian13`, which set FACEGATE_BUILD,
# FACEGATE_RUNNER, FACEGATE_SYSTEM and FACEGATE_BACKENDS (the folder of Arm NN's backends).
set -u
cd "$(dirname "$0")/.." || exit 1
reference=build/photo/xnnpack.json
photos=$FACEGATE_BUILD/photo
rm -rf "$photos"
mkdir -p "$photos"

photo() { # name, engine, further options
    name=$1 engine=$2
    shift 2
    case $FACEGATE_RUNNER in
    *qemu*) ;; # the emulator shows Arm NN its own folder
    *) set -- "$@" --backend-path "$FACEGATE_BACKENDS" ;;
    esac
    # shellcheck disable=SC2086 # the runner and its options
    if $FACEGATE_RUNNER "$FACEGATE_BUILD/tests/photo_embed" --engine "$engine" "$@" \
        --system "$FACEGATE_SYSTEM" --models models models/sample1.jpg >"$photos/new"; then
        mv "$photos/new" "$photos/$name.json"
    fi
    files="$files $photos/$name.json"
}

files=
photo xnnpack xnnpack
case $FACEGATE_SYSTEM in
*arm64)
    photo cpuacc armnn:CpuAcc
    photo cpuacc-fp16 armnn:CpuAcc --fp16
    ;;
*) photo cpuref armnn:CpuRef ;;
esac
# shellcheck disable=SC2086 # names without spaces
build/tests/photo_compare --summary "$FACEGATE_BUILD/summary.json" $reference $files
