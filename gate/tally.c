// SPDX-License-Identifier: Apache-2.0
#include "gate/tally.h"

#include <inttypes.h>
#include <stddef.h>

#include "common/log.h"

void fg_tally_news(struct fg_tally *tally, const struct fg_lane *lane, enum fg_lane_news news)
{
    static const struct {
        enum fg_log_level level;
        const char *text;
    } lines[FG_NEWS_KINDS] = {
        [FG_NEWS_EMERGENCY] = {FG_LOG_WARNING, "emergency: the lane is open"},
        [FG_NEWS_EMERGENCY_OVER] = {FG_LOG_WARNING, "the emergency is over"},
        [FG_NEWS_FORCED] = {FG_LOG_WARNING, "somebody went through without a decision"},
        [FG_NEWS_BLOCKED] = {FG_LOG_WARNING,
                             "the beam stays broken: the lane does not wait for it"},
        [FG_NEWS_LOST] = {FG_LOG_ERROR, "the matcher is lost: the lane is"},
        [FG_NEWS_BACK] = {FG_LOG_INFO, "the matcher is there again"},
    };
    tally->news[news]++;
    if (news == FG_NEWS_LOST)
        fg_log(lines[news].level, "%s %s", lines[news].text,
               fg_lane_is_open(lane) ? "open" : "closed");
    else if (lines[news].text)
        fg_log(lines[news].level, "%s", lines[news].text);
}

void fg_tally_log(const struct fg_tally *tally, const struct fg_lane *lane,
                  const struct fg_verdicts *verdicts, const struct fg_reports *reports)
{
    const uint64_t *n = tally->news, *fates = verdicts->counts;
    fg_log(FG_LOG_INFO,
           "opened %" PRIu64 ", passed %" PRIu64 ", timed out %" PRIu64 ", forced %" PRIu64
           ", emergencies %" PRIu64 "; decisions %" PRIu64 ", late %" PRIu64 ", repeated %" PRIu64
           ", bad %" PRIu64 ", admits that did not open %" PRIu64 "; matcher lost %" PRIu64
           ", bad heartbeats %" PRIu64 "; reports %" PRIu64 ", acknowledged %" PRIu64
           ", waiting %u, given up %" PRIu64,
           n[FG_NEWS_OPENED], n[FG_NEWS_PASSED], n[FG_NEWS_TIMEOUT], n[FG_NEWS_FORCED],
           n[FG_NEWS_EMERGENCY], fates[FG_VERDICT_GOOD], fates[FG_VERDICT_STALE],
           fates[FG_VERDICT_REPLAYED], fates[FG_VERDICT_BAD], lane->ignored_admits, n[FG_NEWS_LOST],
           tally->bad_heartbeats, reports->sent, reports->acknowledged, reports->count,
           reports->given_up);
}
