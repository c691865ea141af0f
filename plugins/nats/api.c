/* api.c - JetStream's requests and answers. See api.h. */
#include "api.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void ebn_answer_read(struct ebn_answer *answer, natsMsg *message) {
    json_error_t wrong;
    const json_t *error;

    memset(answer, 0, sizeof *answer);
    if (natsMsg_IsNoResponders(message)) {
        answer->http = 503;
        snprintf(answer->text, sizeof answer->text, "nobody answers: it does not exist, or is not ready");
        return;
    }
    answer->root = json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), JSON_ALLOW_NUL, &wrong);
    if (!json_is_object(answer->root)) {
        answer->http = 502;
        snprintf(answer->text, sizeof answer->text, "the answer is not JSON");
        return;
    }
    error = json_object_get(answer->root, "error");
    if (!error)
        return;
    const char *text = json_string_value(json_object_get(error, "description"));
    answer->http = (int)json_integer_value(json_object_get(error, "code"));
    answer->code = (int)json_integer_value(json_object_get(error, "err_code"));
    if (answer->http == 0)
        answer->http = 500;
    ebp_one_line(answer->text, sizeof answer->text, text ? text : "no reason given", strlen(text ? text : "no reason given"));
}

void ebn_answer_free(struct ebn_answer *answer) {
    json_decref(answer->root);
    answer->root = NULL;
}

/* Also without peers for the replicas, and with a full account: both are answered as mistakes of the request. */
bool ebn_answer_may_change(const struct ebn_answer *answer) {
    enum { ACCOUNT_IS_FULL = 10002, NO_PEERS = 10005 };

    return answer->http >= 500 || answer->http == 408 || answer->http == 429 || answer->code == ACCOUNT_IS_FULL ||
           answer->code == NO_PEERS;
}

void ebn_api(const struct settings *set, const char *request, const char *stream, const char *consumer, char *out) {
    snprintf(out, EBN_API_ROOM, "$JS.%s%sAPI.%s%s%s%s%s", set->domain ? set->domain : "", set->domain ? "." : "", request,
             stream ? "." : "", stream ? stream : "", consumer ? "." : "", consumer ? consumer : "");
}

/* ---- Requests ---- */

static const int64_t ms = 1000000; /* JetStream counts in ns */

static char *dump(json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    return text;
}

/* discard new: what does not fit is refused, and the service knows; nothing that a group has not read goes away. */
char *ebn_stream_config(const struct settings *set, const char *stream, const char *subject) {
    return dump(json_pack(
        "{s:s, s:[s], s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:b}", "name", stream, "subjects", subject, "retention", "limits",
        "discard", "new", "storage", set->storage ? "memory" : "file", "num_replicas", (int)set->replicas, "max_age",
        (json_int_t)(set->max_age * ms), "max_bytes", (json_int_t)(set->max_bytes > 0 ? set->max_bytes : -1),
        "duplicate_window",
        (json_int_t)(set->max_age > 0 && set->duplicate_window > set->max_age ? set->max_age * ms : set->duplicate_window * ms),
        "allow_direct", 1));
}

char *ebn_members_config(const struct settings *set, char *stream) {
    char subject[EBN_SUBJECT_ROOM];

    ebn_name(set->subject_prefix, stream);
    strcat(stream, "%members");
    snprintf(subject, sizeof subject, "%s.%%members.>", set->subject_prefix);
    return dump(json_pack("{s:s, s:[s], s:s, s:s, s:s, s:i, s:I, s:I}", "name", stream, "subjects", subject, "retention",
                          "limits", "discard", "old", "storage", "memory", "max_msgs_per_subject", 1, "max_age",
                          (json_int_t)(set->lease * ms), "duplicate_window", (json_int_t)(100 * ms)));
}

char *ebn_limit_request(const json_t *info, const char *stream, int64_t max_ack_pending) {
    json_t *config = json_deep_copy(json_object_get(info, "config"));

    if (!config ||
        json_object_set_new(config, "max_ack_pending", json_integer(max_ack_pending > 0 ? max_ack_pending : -1)) != 0) {
        json_decref(config);
        return NULL;
    }
    return dump(json_pack("{s:s, s:o}", "stream_name", stream, "config", config));
}

static void print_time(int64_t time_ms, char out[40]) {
    int64_t rest = (time_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((time_ms - rest) / 1000);
    struct tm parts;
    char date[24];

    if (!gmtime_r(&seconds, &parts) || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        snprintf(date, sizeof date, "9999-12-31T23:59:59");
    snprintf(out, 40, "%s.%03dZ", date, (int)rest);
}

/* A time before 1970 stands for the beginning; one after what the server counts, ns since then in 63 bits, for the end. */
static bool set_start(json_t *config, const struct eb_point *start) {
    const int64_t last_ms = INT64_C(9223372036) * 1000;
    uint64_t sequence = 1;
    char time[40];

    if (start && start->kind == EB_LATEST)
        return json_object_set_new(config, "deliver_policy", json_string("new")) == 0;
    if (start && start->kind == EB_POSITION && ebn_position(start->position, &sequence, NULL) == EB_OK)
        return json_object_set_new(config, "deliver_policy", json_string("by_start_sequence")) == 0 &&
               json_object_set_new(config, "opt_start_seq", json_integer((json_int_t)sequence)) == 0;
    if (!start || start->kind != EB_TIME || start->time_ms <= 0)
        return json_object_set_new(config, "deliver_policy", json_string("all")) == 0;
    print_time(start->time_ms < last_ms ? start->time_ms : last_ms, time);
    return json_object_set_new(config, "deliver_policy", json_string("by_start_time")) == 0 &&
           json_object_set_new(config, "opt_start_time", json_string(time)) == 0;
}

char *ebn_consumer_request(const struct ebn_consumer_config *c) {
    json_t *config = c->durable ? json_pack("{s:s, s:s, s:I, s:I, s:i}", "durable_name", c->durable, "ack_policy", "explicit",
                                            "ack_wait", (json_int_t)(c->ack_wait_ms * ms), "max_ack_pending",
                                            (json_int_t)(c->max_ack_pending > 0 ? c->max_ack_pending : -1), "max_deliver", -1)
                                : json_pack("{s:s, s:I, s:b}", "ack_policy", "none", "inactive_threshold",
                                            (json_int_t)(10000 * ms), "mem_storage", 1);

    if (!config || !set_start(config, c->start)) {
        json_decref(config);
        return NULL;
    }
    return dump(json_pack("{s:s, s:o}", "stream_name", c->stream, "config", config));
}

/* ---- Answers ---- */

/* Skips a text that an answer must go on with. */
static bool skip(const char **at, const char *end, const char *text) {
    size_t len = strlen(text);

    if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

uint64_t ebn_stored_read(natsMsg *message, const char *stream) {
    const char *at = natsMsg_GetData(message), *end = at + natsMsg_GetDataLength(message);
    uint64_t sequence = 0;

    if (!at || !skip(&at, end, "{\"stream\":\"") || !skip(&at, end, stream) || !skip(&at, end, "\","))
        return 0;
    skip(&at, end, " ");
    if (skip(&at, end, "\"domain\":\"")) { /* of a server that has one */
        at = memchr(at, '"', (size_t)(end - at));
        if (!at || !skip(&at, end, "\","))
            return 0;
        skip(&at, end, " ");
    }
    if (!skip(&at, end, "\"seq\":"))
        return 0;
    skip(&at, end, " ");
    for (; at < end && *at >= '0' && *at <= '9' && sequence < UINT64_MAX / 16; at++)
        sequence = sequence * 10 + (uint64_t)(*at - '0');
    return at < end && (*at == '}' || *at == ',') ? sequence : 0;
}

/* Reads 2026-11-30T12:00:00.123456789Z as ms since 1970; -1: it is no time, or the year 1, which stands for none. */
static int64_t read_time(const char *text) {
    struct tm parts = { 0 };
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
    int64_t fraction = 0;

    if (!rest || parts.tm_year < 70)
        return -1;
    if (*rest == '.')
        for (int i = 1; i <= 3; i++)
            fraction = 10 * fraction + (rest[0] && rest[i] >= '0' && rest[i] <= '9' ? rest[i] - '0' : (rest = "", 0));
    return (int64_t)timegm(&parts) * 1000 + fraction;
}

static uint64_t number(const json_t *object, const char *key) {
    json_int_t value = json_integer_value(json_object_get(object, key));

    return value > 0 ? (uint64_t)value : 0;
}

static bool copy(const json_t *object, const char *key, char *out, size_t room) {
    const json_t *text = json_object_get(object, key);

    return json_is_string(text) && ebp_text_copy(ebp_text(json_string_value(text), json_string_length(text)), out, room);
}

bool ebn_stream_info_read(const json_t *json, struct ebn_stream_info *info) {
    const json_t *config = json_object_get(json, "config"), *state = json_object_get(json, "state");
    const json_t *subjects = json_object_get(config, "subjects");
    const json_t *subject = json_array_size(subjects) == 1 ? json_array_get(subjects, 0) : NULL;

    memset(info, 0, sizeof *info);
    if (subject && json_string_length(subject) < sizeof info->subject)
        snprintf(info->subject, sizeof info->subject, "%s", json_string_value(subject));
    info->first = number(state, "first_seq");
    info->last = number(state, "last_seq");
    info->messages = number(state, "messages");
    info->bytes = number(state, "bytes");
    info->first_ms = info->messages > 0 ? read_time(json_string_value(json_object_get(state, "first_ts"))) : -1;
    info->last_ms = info->messages > 0 ? read_time(json_string_value(json_object_get(state, "last_ts"))) : -1;
    return json_is_object(state) && copy(config, "name", info->name, sizeof info->name);
}

bool ebn_consumer_info_read(const json_t *json, struct ebn_consumer_info *info) {
    const json_t *config = json_object_get(json, "config");

    memset(info, 0, sizeof *info);
    info->durable = json_is_string(json_object_get(config, "durable_name"));
    info->delivered = number(json_object_get(json, "delivered"), "stream_seq");
    info->ack_floor = number(json_object_get(json, "ack_floor"), "stream_seq");
    info->ack_pending = number(json, "num_ack_pending");
    info->pending = number(json, "num_pending");
    info->waiting = number(json, "num_waiting");
    info->ack_wait_ms = json_integer_value(json_object_get(config, "ack_wait")) / ms;
    info->max_ack_pending = json_integer_value(json_object_get(config, "max_ack_pending"));
    info->created_ms = read_time(json_string_value(json_object_get(json, "created")));
    return info->created_ms > 0 && copy(json, "name", info->name, sizeof info->name);
}

bool ebn_settled_to(const struct ebn_consumer_info *info, uint64_t sequence) {
    return info->ack_floor >= sequence || (info->ack_pending == 0 && (info->pending == 0 || info->delivered >= sequence));
}
