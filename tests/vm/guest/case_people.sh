# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Who comes before the camera: nobody, a stranger, an enrolled person.

mark_decisions
show 1 nobody
sleep 20
check 'nobody is nobody' nothing_decided
show 1 stranger
check 'a stranger is denied' awaited 1 deny null
check 'and not let in' nobody_else 1 nobody
empty_lane 1 GATE0001
mark_decisions
show 1 second
check 'an enrolled person is admitted' awaited 1 admit p20
check 'and nobody else' nobody_else 1 p20
