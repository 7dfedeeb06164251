#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs test programs and adds them up: run.sh RESULTS PROGRAM ...
#                                               run.sh --sum RESULTS ...
# cmocka programs report by XML, scripts (*.sh) by lines "ok ...", "not ok ..." and "skip ...".
# A program that crashes, hangs (TEST_SECONDS, 600) or leaves no result counts as one failed.
# JOBS is how many run at once (2). FACEGATE_RUNNER starts programs that are not for this machine:
# an emulator with its options, or another Debian's loader. --sum adds up what runs left behind.
set -u
limit=${TEST_SECONDS:-600}

one() {
    results=$1
    program=$2
    name=$(basename "$program" .sh)
    out=$results/$name
    rm -f "$out".*
    case $program in
    *.sh)
        timeout "$limit" sh "$program" >"$out.log" 2>&1
        code=$?
        passed=$(grep -c '^ok ' "$out.log")
        failed=$(grep -c '^not ok ' "$out.log")
        skipped=$(grep -c '^skip ' "$out.log")
        ;;
    *)
        # shellcheck disable=SC2086 # the runner and its options
        CMOCKA_MESSAGE_OUTPUT=XML CMOCKA_XML_FILE="$out.xml" \
            timeout "$limit" ${FACEGATE_RUNNER:-} "$program" >"$out.log" 2>&1
        code=$?
        # shellcheck disable=SC2046 # four numbers
        set -- $(sed -n 's/.*<testsuite .*tests="\([0-9]*\)".*failures="\([0-9]*\)".*errors="\([0-9]*\)".*skipped="\([0-9]*\)".*/\1 \2 \3 \4/p' "$out.xml" 2>/dev/null |
            awk '{t+=$1; f+=$2+$3; s+=$4} END {print t+0, f+0, s+0}')
        failed=$2
        skipped=$3
        passed=$(($1 - $2 - $3))
        ;;
    esac
    if [ "$failed" = 0 ] && { [ "$code" != 0 ] || [ $((passed + skipped)) = 0 ]; }; then
        failed=1
        echo "$name: exit $code without a result" >>"$out.log"
    fi
    echo "$passed $failed $skipped" >"$out.count"
    if [ "$failed" = 0 ]; then
        echo "  ok      $name ($passed passed$([ "$skipped" = 0 ] || echo ", $skipped skipped"))"
    else
        echo "  FAILED  $name ($passed passed, $failed failed)"
        grep -h -A 4 '<failure' "$out".xml 2>/dev/null | head -n 40
        tail -n 20 "$out.log"
    fi
}

if [ "$1" = --one ]; then
    one "$2" "$3"
    exit 0
fi
# programs that there should be, folders
add_up() {
    programs=$1
    shift
    find "$@" -name '*.count' -exec cat {} + 2>/dev/null | awk -v programs="$programs" '
        {p+=$1; f+=$2; s+=$3; n++}
        END { if (n < programs) f += programs - n
              printf "%d passed, %d failed", p, f; if (s) printf ", %d skipped", s; print ""
              exit f > 0 }'
}

if [ "$1" = --sum ]; then
    shift
    programs=0
    for results; do # a run that did not begin is one failure
        programs=$((programs + $(cat "$results/programs" 2>/dev/null || echo 1)))
    done
    add_up "$programs" "$@"
    exit
fi
results=$1
shift
mkdir -p "$results"
rm -f "$results"/*.count
echo $# >"$results/programs"
printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-2}" sh "$0" --one "$results"
add_up $# "$results"
