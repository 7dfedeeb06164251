# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Two cameras at once.

show 1 nobody
show 2 second
mark_decisions
camera 2 plug
need 'the second camera runs' within 120 camera_is GATE0002 state running
check 'who stands before it is admitted in its lane' awaited 2 admit p20
check 'the first one runs too' camera_is GATE0001 state running
check 'nobody is let in there' nobody_else 1 nobody
camera 2 unplug
check 'the second one is gone' within 90 is_off "$(unit GATE0002)"
check 'the first one goes on' frames_go_on GATE0001
check 'nothing has failed' no_unit_failed
