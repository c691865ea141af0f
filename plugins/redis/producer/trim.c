/* plugins/redis/producer/trim.c - see trim.h. */
#include "producer/trim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "connection/server_error.h"

enum { EVERY_MS = 1000, TOPICS_MAX = 4096, GAPS_EVERY_MS = 10000 };

/* The longest stream that is searched for gaps. The server does nothing else meanwhile: up to 30 ms. */
static const char gaps_up_to[] = "50000";

/* A group still needs its oldest pending entry and everything behind it, and everything behind the entry last delivered to it,
 * which is the lower of the two where the group was moved back: XGROUP SETID leaves what is pending. Numbers in Lua are
 * doubles, exact for ms; ids are compared as numbers and passed on as the texts they are. LIMIT keeps XTRIM from going below
 * the wanted length. Without any group nothing is acknowledged: entries stay up to the hard length. */
const char rd_trim_script[] =
    "local len, max, hard = redis.call('XLEN', KEYS[1]), tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "local read, unread, gaps = 0, 0, false\n"
    "if max > 0 and len > max then\n"
    "  local need, need_ms, need_seq, pending\n"
    "  local function keep(id, is_pending)\n"
    "    local ms, seq = string.match(id, '^(%d+)%-(%d+)$')\n"
    "    ms, seq = tonumber(ms), tonumber(seq)\n"
    "    if not need or ms < need_ms or (ms == need_ms and seq < need_seq) then\n"
    "      need, need_ms, need_seq, pending = id, ms, seq, is_pending\n"
    "    end\n"
    "  end\n"
    "  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
    "    local info = {}\n"
    "    for i = 1, #group, 2 do info[group[i]] = group[i + 1] end\n"
    "    keep(info['last-delivered-id'], false)\n"
    "    if info['pending'] > 0 then keep(redis.call('XPENDING', KEYS[1], info['name'])[2], true) end\n"
    "  end\n"
    "  if need then read = redis.call('XTRIM', KEYS[1], 'MINID', '~', need, 'LIMIT', math.min(len - max, 100000)) end\n"
    "  gaps = pending and len - read > max and len - read <= tonumber(ARGV[3])\n"
    "end\n"
    "if gaps then read = read + redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', max, 'ACKED') end\n"
    "if hard > 0 and len - read > hard then\n"
    "  unread = redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', hard, 'LIMIT', 0)\n"
    "end\n"
    "return {read, unread}";

static bool is_dead_letters(struct eb_text topic) {
    return topic.len >= 4 && memcmp(topic.data + topic.len - 4, ".dlq", 4) == 0;
}

static bool same(const struct rd_trim_topic *topic, struct eb_text name) {
    return topic->len == name.len && memcmp(topic->name, name.data, name.len) == 0;
}

static struct rd_trim_topic *add(struct rd_trims *trims, struct eb_text name) {
    char *copy;

    if (trims->n == TOPICS_MAX || !EBP_RESERVE(trims->topics, trims->room, trims->n + 1))
        return NULL;
    copy = strndup(name.data, name.len);
    if (!copy)
        return NULL;
    trims->last = trims->n++;
    trims->topics[trims->last] = (struct rd_trim_topic){ .name = copy, .len = name.len, .dead_letters = is_dead_letters(name) };
    return &trims->topics[trims->last];
}

struct rd_trim_topic *rd_trims_find(struct rd_trims *trims, struct eb_text topic) {
    for (size_t i = 0; i < trims->n; i++) { /* most often it is the topic found last */
        size_t at = (trims->last + i) % trims->n;
        if (same(&trims->topics[at], topic)) {
            trims->last = at;
            return &trims->topics[at];
        }
    }
    return add(trims, topic);
}

void rd_trims_free(struct rd_trims *trims) {
    for (size_t i = 0; i < trims->n; i++)
        free(trims->topics[i].name);
    free(trims->topics);
    *trims = (struct rd_trims){ 0 };
}

bool rd_trim(struct rd_trims *trims, struct rd_trim_topic *topic, struct rd_conn *conn, rd_reply_handler handler) {
    const struct rd_settings *set = conn->target->set;
    char max[24], hard[24];
    int64_t now_ms = ebp_boottime_ms();
    bool gaps = trims->knows_acked && now_ms >= topic->gaps_due_ms;
    const char *argv[] = { "EVAL", rd_trim_script, "1", topic->name, max, hard, gaps ? gaps_up_to : "0" };
    size_t lens[7];

    snprintf(max, sizeof max, "%" PRId64, set->stream_max_len);
    snprintf(hard, sizeof hard, "%" PRId64, set->stream_hard_len);
    for (size_t i = 0; i < 7; i++)
        lens[i] = i == 3 ? topic->len : strlen(argv[i]);
    topic->due_ms = now_ms + EVERY_MS;
    if (gaps)
        topic->gaps_due_ms = now_ms + GAPS_EVERY_MS;
    return rd_conn_command(conn, handler, (uint64_t)(topic - trims->topics), 0, 7, argv, lens);
}

static void log_lost(const struct eb_host *host, const char *topic, int64_t n, int64_t limit) {
    ebp_log(host, EBP_LOG_ERROR,
            "topic %s is longer than stream_hard_len (%" PRId64 "): about %" PRId64 " entries that not "
            "every group had acknowledged were removed; start the workers, or raise the limit",
            topic, limit, n);
    host->metric(host, "redis_trimmed_unread", (double)n);
}

/* A server older than 6.2 has no XTRIM MINID. Only the hard limit could be kept there, so nothing is trimmed at all. */
static int32_t refused(struct rd_trims *trims, const char *topic, const struct rd_target *target, const struct rd_node *node,
                       struct eb_error *err) {
    struct eb_error why;
    char what[300];

    snprintf(what, sizeof what, "trimming topic %s", topic);
    if (rd_check_available(node, what, &why) != EB_OK) {
        if (err)
            *err = why;
        return EB_RETRIABLE;
    }
    if (!trims->warned_too_old)
        ebp_log(target->host, EBP_LOG_WARNING,
                "%.500s; stream_trim = safe needs Redis 6.2 and scripts: streams are not trimmed", why.text);
    trims->warned_too_old = true;
    return EB_OK;
}

int32_t rd_trim_reply(struct rd_trims *trims, uint64_t number, const struct rd_target *target, const struct rd_node *node,
                      struct eb_error *err) {
    const char *topic = number < trims->n ? trims->topics[number].name : "";

    if (rd_is_error(node))
        return refused(trims, topic, target, node, err);
    if (!rd_is_array(node, 2) || !rd_is_integer(&node->items[0]) || !rd_is_integer(&node->items[1]))
        return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to the script that trims", topic);
    if (node->items[0].number > 0)
        target->host->metric(target->host, "redis_trimmed", (double)node->items[0].number);
    if (node->items[1].number > 0)
        log_lost(target->host, topic, node->items[1].number, target->set->stream_hard_len);
    return EB_OK;
}
