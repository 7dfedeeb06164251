# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The USB chip with GPIO lines that cases use: what its lines do is seen on the host, which writes it
# down as tests/vm/cp2112_lines.h says.

CHIP_LINES=/host/out/lines
CHIP_LABEL=cp2112_gpio

# a command of cp2112_chip
chip() {
    echo "$*" >/dev/virtio-ports/chip
    echo "[$(uptime_ms) ms] chip: $*"
}

chip_is_there() { gpiodetect | grep "$CHIP_LABEL"; }
chip_is_gone() { ! chip_is_there; }

# line: how the chip drives it now, 0, 1 or z
level() {
    awk -v line="$1" '$2 == "out" && $3 == line { level = $4 } END { print level == "" ? "z" : level }' $CHIP_LINES
}

is_driven() { [ "$(level "$1")" = "$2" ]; }

# ---- from a moment on
mark_lines() { lines_before=$(wc -l <$CHIP_LINES); }

since_mark() { tail -n "+$((lines_before + 1))" $CHIP_LINES; }

went() { # line, levels: one after the other among all that it had
    since_mark | awk -v line="$1" '$2 == "out" && $3 == line { printf "%s ", $4 }' | grep -F "$2 "
}

stayed() { # line: as it was
    ! since_mark | awk -v line="$1" '$2 == "out" && $3 == line' | grep .
}

# From the first `in LINE LEVEL` to the first `out LINE LEVEL` after it, as the host's clock has it.
took_ms() { # line, level, line, level
    since_mark | awk -v from="in $1 $2" -v to="out $3 $4" '
        { what = $2 " " $3 " " $4 }
        what == from && !began { began = $1 }
        what == to && began { printf "%d\n", ($1 - began) / 1000000; exit }'
}
