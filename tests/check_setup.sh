#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/setup.sh when things are missing, forbidden, unreachable or forged. Prints ok / not ok.
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # what, then a command
    what=$1
    shift
    if "$@" >/dev/null 2>&1; then echo "ok $what"; else
        echo "not ok $what"
        sed 's/^/    /' "$work/out"
    fi
}

fake() { # name, body: a command that stands before the real one
    mkdir -p "$work/bin"
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

run() { # VAR=value ...: runs the set-up, its output in $work/out, its exit code in $code
    env "$@" tools/setup.sh >"$work/out" 2>&1
    code=$?
}

says() { grep -q "$1" "$work/out"; }
failed() { [ "$code" = 1 ]; }

# shellcheck disable=SC2016 # the words are for the fake command
# every package is there in this part, whatever machine this is
fake dpkg-query 'shift 3; for p in "$@"; do echo "$p installed"; done'
path=$work/bin:$PATH

fake npm 'echo "npm error network request failed" >&2; exit 1'
run PATH="$path" FACEGATE_MODELS_DIR="$work/none"
check "without a network it fails" failed
check "without a network it names what to do" says "or put it there by hand: .*face_detection_short_range.tflite"
check "without a network nothing is left" test ! -e "$work/none"

# a forged package: the right names, the wrong bytes
mkdir -p "$work/forge/package/android/src/main/assets" "$work/forge/package/demo"
for f in face_detection_short_range face_detection_full_range; do
    echo forged >"$work/forge/package/$f.tflite"
done
tar -C "$work/forge" -czf "$work/forged.tgz" package
fake npm "cp '$work/forged.tgz' ./package.tgz"
run PATH="$path" FACEGATE_MODELS_DIR="$work/forged"
check "a forged model is refused" failed
check "a forged model is named with both checksums" says "wanted 3bc182eb9f33925d"
check "a forged model is not installed" test ! -e "$work/forged/face_detection_short_range.tflite"

fake dpkg-query 'exit 1'
fake id 'echo 1000'
fake sudo 'exit 1'
run PATH="$path" FACEGATE_MODELS_DIR="$work/none"
check "an ordinary user is told the command" says "apt-get install --no-install-recommends gcc"
check "an ordinary user's set-up fails" failed

fake id 'echo 0'
# leave the log where it is cleared away
export TMPDIR="$work"
fake apt-get 'echo "E: Temporary failure resolving" ; exit 100'
run PATH="$path" FACEGATE_MODELS_DIR="$work/none"
check "apt-get's failure is passed on" says "apt-get failed"
check "apt-get's own words are shown" says "Temporary failure resolving"

# the real thing, when it is set up: nothing to do, nothing said
if [ -e models/MobileFaceNet.tflite ]; then
    run PATH="$PATH"
    check "a second run does nothing" test "$code" = 0 -a ! -s "$work/out"
else
    echo "skip a second run does nothing (not set up)"
fi
