#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The sentences of the sources for translators, as `make po` writes them and `make lint` compares
# them: sentences.sh POT SOURCE ...
set -eu
pot=$1
shift
xgettext --output=- --language=C --keyword=N_ --from-code=UTF-8 --add-comments=TRANSLATORS: \
    --no-wrap --add-location=file --package-name=facegate "$@" |
    sed -e '/^"POT-Creation-Date:/d' -e '/^"Report-Msgid-Bugs-To:/d' -e 's/CHARSET/UTF-8/' \
        -e '1,4c # What facegate tells people at a gate.\
# SPDX-License-Identifier: Apache-2.0' >"$pot"
