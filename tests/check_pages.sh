#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the commands of the pages about the profiles (docs/*.md with a "Rehearse it") and holds what
# they print against the pages. A line "..." in a page stands for any lines.
set -u
cd "$(dirname "$0")/.." || exit 1

# Debian's own Python, where another stands before it.
python3 -c 'import zmq' 2>/dev/null || PATH=/usr/bin:$PATH
if ! python3 -c 'import zmq' 2>/dev/null; then
    echo 'skip pages: python3-zmq is not installed'
    exit 0
fi

# PAGE -> a script that marks where each block's output ends, and the outputs that are expected.
split_page() { # page, script, expected
    awk -v script="$2" -v expected="$3" '
        /^```sh$/   { block++; in_sh = 1; next }
        /^```text$/ { in_text = 1; next }
        /^```$/     { if (in_sh) printf "printf \"\\n== %d\\n\"\n", block >script
                      in_sh = in_text = 0; next }
        in_sh   { print >script }
        in_text { print block "\t" $0 >expected }' "$1"
}

# Lines of both files from their beginning; "..." matches any.
matches() { # expected, printed
    awk -v printed="$2" '
        BEGIN { while ((getline line <printed) > 0) have[++n] = line }
        $0 == "..." { any = 1; next }
        { while (++at <= n && any && have[at] != $0);
          if (at > n || have[at] != $0) { print "not found: " $0; bad = 1; exit }
          any = 0 }
        END { if (!bad && at < n && !any) { print "not expected: " have[at + 1]; bad = 1 }
              exit bad }' "$1"
}

check_page() {
    page=$1
    name=$(basename "$page" .md)
    work=$(mktemp -d)
    : >"$work/expected"
    split_page "$page" "$work/script" "$work/expected"
    if ! timeout 300 bash -eu "$work/script" >"$work/out" 2>"$work/err"; then
        echo "not ok $name: a command failed: $(tail -n 3 "$work/err" "$work/out" | tr '\n' ' ')"
        return
    fi
    blocks=$(cut -f 1 "$work/expected" | sort -nu)
    for block in $blocks; do
        sed -n "s/^$block\t//p" "$work/expected" >"$work/want"
        awk -v block="$block" '/^== [0-9]+$/ { at = $2; if (at == block) { printf "%s", text; exit } text = ""; next }
            { text = text $0 "\n" }' "$work/out" | sed '/^$/d' >"$work/have"
        if fault=$(matches "$work/want" "$work/have"); then
            echo "ok $name: block $block"
        else
            echo "not ok $name: block $block: $fault"
        fi
    done
    rm -rf "$work"
}

for page in docs/*.md; do
    ! grep -q '^## Rehearse it' "$page" || check_page "$page"
done
