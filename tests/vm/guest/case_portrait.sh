# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The installed unit lets the matcher start the process that looks at documents, confined as it is.
# An inference pass takes longer here than a portrait may, so what is brought is no picture.

looks_at_documents() { pgrep -f facegate-portrait; }
bring() { facegate check --timeout-ms 60000 --lane 1 --document authenticated /run/facegate-test.jpg; }
# A slow host may need longer for the first look than a check may take: then it is brought again.
is_refused() {
    for _ in 1 2 3; do
        within 20 decided_for document_refused && return
        bring
    done
    within 20 decided_for document_refused
}

cp "$CONF"/profile.ini /run/facegate-test.profile
cp /usr/share/facegate/profiles/portrait-check.ini "$CONF"/profile.ini
mkdir -p "$CONF"/profile.ini.d
cp /usr/share/facegate/profiles/attended.conf "$CONF"/profile.ini.d/80-attended.conf
mark_journal
need 'the matcher starts with the profile' systemctl restart facegate-matcher
must 'it answers' within 90 matcher_answers
check 'a process for documents is there' within 90 looks_at_documents
mark_decisions
echo 'not a picture' >/run/facegate-test.jpg
check 'a document is taken' bring
check 'and refused as no picture' is_refused
check 'by a process that was well' not said facegate-matcher.service 'a check of a document: (died|garbled|other_model)'
cp /run/facegate-test.profile "$CONF"/profile.ini
rm "$CONF"/profile.ini.d/80-attended.conf
need 'the matcher starts as before' systemctl restart facegate-matcher
must 'and answers' within 90 matcher_answers
check 'nothing has failed' no_unit_failed
