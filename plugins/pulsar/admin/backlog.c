/* admin/backlog.c - what a group has not settled; see admin.h.
 *
 * Pulsar counts a backlog in entries, and an entry may be a batch. When it is asked to analyze a backlog, it reads the entries
 * and counts their messages: up to subscriptionBacklogScanMaxEntries (10,000); the rest is estimated by their mean. It does not
 * tell which messages of a batch the group has settled already, and its own count of unsettled messages (unackedMessages) is
 * wrong once a client has acknowledged parts of a batch. So the lag is told where it is certain, and where that error is small. */
#include "admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_IS_SMALL = 1000 }; /* from so many messages on, some of a few batches do not matter */

/* ---- Groups and members ---- */

static const json_t *consumers_of(const json_t *subscription) {
    return json_object_get(subscription, "consumers");
}

size_t pl_members(const json_t *subscription) {
    return json_array_size(consumers_of(subscription));
}

int32_t pl_refuse_members(const char *topic, const char *group, const json_t *subscription, const char *verb,
                          struct eb_error *err) {
    const json_t *member;
    char names[300] = "";
    size_t i, used = 0;

    json_array_foreach((json_t *)consumers_of(subscription), i, member) {
        const char *name = json_string_value(json_object_get(member, "consumerName"));
        if (used + 80 > sizeof names) {
            snprintf(names + used, sizeof names - used, ", ...");
            break;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.64s", used ? ", " : "", name ? name : "?");
    }
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                             "group %s of topic %s cannot be %s while members live: %s (%zu in all); stop them first", group,
                             topic, verb, names, pl_members(subscription));
}

bool pl_is_group(const char *name, const json_t *subscription) {
    return json_is_true(json_object_get(subscription, "isDurable")) && strcmp(name, "__compaction") != 0 &&
           strncmp(name, "pulsar.", 7) != 0; /* pulsar.dedup, pulsar.repl.* */
}

/* Cursors have the names of subscriptions, with special characters as %XX. */
const json_t *pl_cursor(const json_t *internal, const char *group) {
    const json_t *cursors = json_object_get(internal, "cursors"), *cursor = json_object_get(cursors, group);
    char *escaped = cursor ? NULL : pl_escaped(group);

    if (escaped)
        cursor = json_object_get(cursors, escaped);
    free(escaped);
    return cursor;
}

bool pl_next_of(const json_t *cursor, int partition, struct pl_position *next) {
    if (!pl_read_position(json_object_get(cursor, "markDeletePosition"), partition, next))
        return false;
    next->entry++;
    return true;
}

/* ---- The lag ---- */

/* What the broker has counted. */
struct count {
    int64_t messages;
    bool singles;             /* each entry is one message */
    struct pl_position first; /* the first entry of the backlog */
};

static int32_t count_messages(struct pl_admin *a, const char *topic, int partition, const char *group, int64_t entries,
                              int64_t until, struct count *count) {
    struct pl_answer answer;
    int32_t status = pl_ask_group(a, "POST", topic, partition, group, NULL, until, &answer, NULL, "/analyzeBacklog");
    int64_t seen = pl_number(answer.json, "entries"), messages = pl_number(answer.json, "messages");
    bool cut = json_is_true(json_object_get(answer.json, "aborted")) && seen > 0 && entries > seen;

    *count = (struct count){ .messages = messages, .singles = seen == messages && !cut };
    bool known = status == EB_OK && seen > 0 && messages >= 0 &&
                 pl_read_position(json_object_get(answer.json, "firstMessageId"), -1, &count->first);
    pl_answer_free(&answer);
    if (!known)
        return EB_RETRIABLE;
    double all = cut ? (double)messages / (double)seen * (double)entries : (double)messages;
    if (all < 1e18)
        count->messages = (int64_t)all;
    return EB_OK;
}

/* Whether no member was given any of the backlog since the broker has loaded the topic, nor a seek went into a batch: then the
 * group has settled no part of a batch. */
static bool is_untouched(const json_t *cursor, const struct count *count) {
    const json_t *text = json_object_get(cursor, "readPosition"); /* LEDGER:ENTRY, or LEDGER:ENTRY (ackSet with ...) */
    struct pl_position read;

    return pl_read_position(text, -1, &read) && pl_position_compare(&read, &count->first) <= 0 &&
           !strchr(json_string_value(text), '(');
}

int64_t pl_lag(struct pl_admin *a, const char *topic, int partition, const char *group, const json_t *subscription,
               const json_t *cursor, int64_t until) {
    int64_t entries = pl_number(subscription, "msgBacklog");
    struct count count;

    if (entries <= 0)
        return entries;
    if (count_messages(a, topic, partition, group, entries, until, &count) != EB_OK)
        return -1;
    return count.singles || is_untouched(cursor, &count) || count.messages >= ERROR_IS_SMALL ? count.messages : -1;
}

int64_t pl_unsettled(const json_t *subscription) {
    const json_t *member;
    size_t i;

    json_array_foreach((json_t *)consumers_of(subscription), i, member) {
        if (pl_number(member, "avgMessagesPerEntry") > 1)
            return -1;
    }
    return pl_members(subscription) == 0 ? 0 : pl_number(subscription, "unackedMessages");
}
