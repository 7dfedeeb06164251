# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A matcher without a camera, for the enrolment desk.

enrol() { # who
    facegate enrol --timeout-ms 60000 --id "$1" "/host/film/enrol/$1_1.jpg" "/host/film/enrol/$1_2.jpg"
}

need 'the matcher starts by hand' systemctl start facegate.target
must 'it answers' within 90 matcher_answers
need 'one person is enrolled' enrol p18
need 'another is' enrol p20
check 'both are in the gallery' test "$(facegate status --json | jq .gallery.subjects)" = 2
check 'they stop' systemctl stop facegate.target facegate-matcher.service
check 'nothing has failed' no_unit_failed
sync
