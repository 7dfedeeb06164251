#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `make lint`: format, static analysis, who may include whom, headers that compile alone, manuals,
# scripts, how open the units are. Prints each finding and ends with 1 if there was any.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
note() {
    printf 'lint: %s\n' "$*"
    bad=1
}

sources=$(find common accel pipeline matcher gate tools demo tests bench examples -name '*.c' 2>/dev/null | sort)
headers=$(find common accel pipeline matcher gate tools demo tests bench examples -name '*.h' 2>/dev/null | sort)
cpp=$(find accel pipeline tests bench -name '*.cpp' | sort)

# ---- format
# shellcheck disable=SC2086
clang-format --dry-run --Werror $sources $headers $cpp || note "run clang-format -i on the files above"

# ---- layers: common <- accel <- pipeline, common <- matcher, common <- gate; these three never meet
layer() { # folder, then what it may not include
    folder=$1
    shift
    for other in "$@"; do
        found=$(grep -n "#include \"$other/" "$folder"/*.c "$folder"/*.cpp "$folder"/*.h 2>/dev/null)
        [ -z "$found" ] || note "$folder/ must not know $other/: $found"
    done
}
layer common accel pipeline matcher gate tools demo
layer accel pipeline matcher gate tools demo
layer pipeline matcher gate tools demo
layer matcher accel pipeline gate tools demo
layer gate accel pipeline matcher tools demo
layer tools gate

# ---- a third-party header stands in one file of each program
one_file() { # header, the only file that may have it
    found=$(grep -l "#include <$1>" common/*.[ch] accel/*.[ch] pipeline/*.[ch] matcher/*.[ch] gate/*.[ch] tools/*.[ch] demo/*.[ch] 2>/dev/null | grep -vx "$2")
    [ -z "$found" ] || note "<$1> belongs in $2 alone, not in $found"
}
one_file ini.h common/conf.c
one_file cjson/cJSON.h common/json.c
one_file zmq.h common/bus.c
one_file xnnpack.h accel/engine_xnnpack.c
found=$(grep -l '#include <armnn/' common/*.[ch] accel/*.[ch]* pipeline/*.[ch]* matcher/*.[ch] gate/*.[ch] tools/*.[ch] 2>/dev/null |
    grep -vx accel/engine_armnn.cpp)
[ -z "$found" ] || note "<armnn/...> belongs in accel/engine_armnn.cpp alone, not in $found"
found=$(grep -l '#include <libcamera/' common/*.[ch] accel/*.[ch]* pipeline/*.[ch]* matcher/*.[ch] gate/*.[ch] tools/*.[ch] 2>/dev/null |
    grep -vx pipeline/libcamera_device.cpp)
[ -z "$found" ] || note "<libcamera/...> belongs in pipeline/libcamera_device.cpp alone, not in $found"
one_file turbojpeg.h pipeline/image_jpeg.c
one_file jpeglib.h pipeline/jpeg_window.c
one_file png.h pipeline/image_png.c
one_file openjpeg-2.5/openjpeg.h pipeline/image_jp2.c
one_file qrencode.h tools/qr.c
one_file zbar.h pipeline/code.c
one_file libexif/exif-data.h pipeline/image_exif.c
one_file lmdb.h matcher/database.c
found=$(grep -l '#include <sodium.h>' common/*.[ch] accel/*.[ch] pipeline/*.[ch] matcher/*.[ch] gate/*.[ch] tools/*.[ch] 2>/dev/null |
    grep -vx -e accel/digest.c -e matcher/seal.c)
[ -z "$found" ] || note "<sodium.h> belongs in accel/digest.c and matcher/seal.c (two programs), not in $found"
found=$(grep -l '#include <gpiod.h>' common/*.[ch] accel/*.[ch] pipeline/*.[ch] matcher/*.[ch] gate/*.[ch] tools/*.[ch] 2>/dev/null |
    grep -vx -e gate/gpio_v1.c -e gate/gpio_v2.c)
[ -z "$found" ] || note "<gpiod.h> belongs in gate/gpio_v1.c and gate/gpio_v2.c (one for each version), not in $found"

# ---- functions that have no place here (git's banned.h)
product=$(printf '%s\n' "$sources" | grep -v '^tests/')
# shellcheck disable=SC2086
found=$(grep -nE '(^|[^_[:alnum:]])(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|gmtime|localtime)\(' $product | grep -v 'lint: allow')
[ -z "$found" ] || note "banned function: $found"

# ---- each header compiles alone, as C and as C++
for header in $headers; do
    printf '#include "%s"\n' "$header" |
        ${CC:-cc} -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror -fsyntax-only -x c - || note "$header does not compile alone as C"
    case $header in
    tools/* | tests/* | demo/* | bench/*) continue ;;
    esac
    printf '#include "%s"\n' "$header" |
        ${CXX:-c++} -D_GNU_SOURCE -I. -Wall -Wextra -Werror -fsyntax-only -x c++ - || note "$header does not compile alone as C++"
done

# ---- manuals and scripts
for manual in man/*.[1578]; do
    mandoc -T lint -W warning "$manual" || note "$manual: see mandoc's findings"
done
shellcheck tools/*.sh tests/*.sh tests/vm/*.sh tests/vm/guest/*.sh .ci/run udev/facegate-camera-name \
    systemd/facegate-master-key debian/facegate.p* || note "shellcheck found something"

# ---- sentences: the sources' are those that were translated, and all of them are
sentences=$(mktemp)
tools/sentences.sh "$sentences" matcher/reasons.c matcher/words.c
cmp -s "$sentences" po/facegate.pot || note "po/facegate.pot is not of these sources: run make po"
for catalogue in po/*.po; do
    msgmerge --quiet --no-wrap --add-location=file "$catalogue" po/facegate.pot | cmp -s - "$catalogue" ||
        note "$catalogue is not of po/facegate.pot: run make po"
    counts=$(LC_ALL=C msgfmt --check --statistics -o /dev/null "$catalogue" 2>&1)
    case $counts in
    *fuzzy* | *untranslated* | *error*) note "$catalogue: $counts" ;;
    esac
done
rm -f "$sentences"

# ---- units are closed
tools/exposure.sh || note "a unit is open further than 2.0"

# ---- static analysis, on all processors
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr -j "$(nproc)" \
    --suppress=missingIncludeSystem --suppress=unknownMacro --error-exitcode=1 -D_GNU_SOURCE \
    "-DFG_VERSION=\"0\"" "-DFG_DATADIR=\"/usr/share\"" -D__linux__ -I. $sources || note "cppcheck found something"

[ $bad = 0 ] && echo "lint: clean"
exit $bad
