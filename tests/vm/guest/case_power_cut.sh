# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# People are enrolled one after another until the host turns the machine off without a warning.
# What was acknowledged until then is told to the host line by line.

systemctl start facegate.target
within 90 matcher_answers
facegate status --json | jq -r '.model | "\(.id) \(.dimension)"' | {
    read -r model dimension
    /host/crowd "$model" "$dimension" cut 1000000 >&3 &
    sleep 5
    tell cut
    wait
}
not_ok 'the machine was not turned off'
