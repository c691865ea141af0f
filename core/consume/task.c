/* core/consume/task.c - see task.h. */
#include "consume/task.h"

#include <stdlib.h>
#include <string.h>

#include "base/blank.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fingerprint.h"
#include "receiver/command_check.h"
#include "receiver/receiver.h"
#include "produce/routes.h"

/* ---- Where a new group starts ---- */

/* A time is told from a position by its shape: "15m", "-15m", or a date. */
static bool looks_like_time(const char *text) {
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;

    return *text == '-' || (digits == 4 && *rest == '-') || (digits == 8 && *rest == 'T') ||
           (digits > 0 && strspn(rest, "mshd") == strlen(rest) && *rest);
}

static bool is_one_of(const char *text, const char *a, const char *b, const char *c) {
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

enum eb_status ebi_point_read(const char *text, struct eb_point *point, struct eb_error *err) {
    int64_t us;

    *point = (struct eb_point){.size = sizeof *point, .kind = EB_EARLIEST};
    if (!text || is_one_of(text, "earliest", "start", "beginning"))
        return EB_OK;
    if (is_one_of(text, "latest", "end", "now")) {      /* now: by the broker's count of events, not by our clock */
        point->kind = EB_LATEST;
        return EB_OK;
    }
    if (!looks_like_time(text)) {
        if (!*text)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                             "an empty place; expected earliest, latest, a time or a position");
        point->kind = EB_POSITION;
        point->position = (struct eb_text){text, strlen(text)};
        return EB_OK;
    }
    enum eb_status status = ebi_time_read(text, ebi_now_us(), &us, err);
    if (status != EB_OK) {
        if (err)
            err->kind = EB_KIND_CONFIG;
        return status;
    }
    point->kind = EB_TIME;
    point->time_ms = us / 1000;
    return EB_OK;
}

void ebi_point_explain(const struct eb_point *point, struct eb_error *err) {
    if (err && err->kind == EB_KIND_CONFIG && point->kind == EB_POSITION)
        ebi_error_context(err, "\"%.*s\" is none of earliest, latest and a time (now, 15m, 2h, 7d, a date, ISO 8601), and as a position",
                          (int)point->position.len, point->position.data);
}

/* ---- Which section ---- */

static bool asks_for(const struct ebi_consume_settings *settings, const struct eb_consumer_options *options) {
    size_t n = 0, m = 0;

    if (!settings->group || !options->group || strcmp(settings->group, options->group) != 0 || !settings->topic)
        return false;
    while (settings->topic[n])
        n++;
    for (; options->topics[m]; m++) {
        bool found = false;

        for (size_t i = 0; i < n; i++)
            found |= strcmp(settings->topic[i], options->topics[m]) == 0;
        if (!found)
            return false;
    }
    return n == m;
}

static enum eb_status bind(struct ebi_config *config, const char *section, struct ebi_consume_settings *settings,
                           struct eb_error *err) {
    struct ebi_table table;

    memset(settings, 0, sizeof *settings);
    table = ebi_consume_table(settings);
    return ebi_config_bind(config, "consume", section, &table, 1, err);
}

/* The section whose topic and group match the options; "" when there is none. */
static enum eb_status match_section(struct ebi_config *config, const struct eb_consumer_options *options,
                                    const char **section, struct eb_error *err) {
    struct ebi_consume_settings settings;

    *section = "";
    for (const char *name = NULL; (name = ebi_config_next(config, "consume", name));) {
        enum eb_status status = bind(config, name, &settings, err);

        if (status != EB_OK)
            return status;
        if (!asks_for(&settings, options))
            continue;
        if (**section)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                             "[consume %s] and [consume %s] are both of this topic and group; say which one", *section, name);
        *section = name;
    }
    return EB_OK;
}

/* The only section there is. */
static enum eb_status sole_section(const struct ebi_config *config, const char **section, struct eb_error *err) {
    const char *first = ebi_config_next(config, "consume", NULL);

    if (!first)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "no topic is given; name one (-t TOPIC -g GROUP), or a [consume NAME] section");
    if (ebi_config_next(config, "consume", first))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "there are several [consume] sections; say which one: %s, ...", first);
    *section = first;
    return EB_OK;
}

enum eb_status ebi_task_section(struct ebi_config *config, const struct eb_consumer_options *options,
                                const char **section, struct eb_error *err) {
    if (options->section) {
        *section = options->section;
        if (ebi_config_has(config, "consume", options->section))
            return EB_OK;
        return ebi_config_no_section(config, "consume", options->section, err);
    }
    return options->topics ? match_section(config, options, section, err) : sole_section(config, section, err);
}

/* ---- Making it ---- */

/* Neither the section nor the caller gave what `key` says; by `option` the caller could. */
static enum eb_status lacks(const struct ebi_config *config, const struct ebi_task *task, const char *key,
                            const char *option, struct eb_error *err) {
    if (!*task->section)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "no %s is given; give %s", key, option);
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: [consume %s] has no %s; set %s =, or give %s",
                     ebi_config_where(config, "consume", task->section, NULL), task->section, key, key, option);
}

static enum eb_status name_topics(const struct ebi_config *config, struct ebi_task *task, const char *const *topics,
                                  struct eb_error *err) {
    size_t n = 0;

    while (topics && topics[n])
        n++;
    if (n == 0)
        return lacks(config, task, "topic", "-t TOPIC", err);
    for (size_t i = 0; i < n; i++)
        if (ebi_is_blank(topics[i]))
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "topic number %zu is empty; leave it out, or name one", i + 1);
    task->topics = calloc(n + 1, sizeof *task->topics);
    if (!task->topics)
        return ebi_error_memory(err);
    for (size_t i = 0; i < n; i++) {
        task->topics[i] = ebi_full_topic(task->prefix, topics[i]);
        if (!task->topics[i])
            return ebi_error_memory(err);
        task->n_topics++;
    }
    return EB_OK;
}

/* The first wait is longer than the longest. Where only one of the two is given, the other one's default yields to it. */
static enum eb_status take_long_backoff(const struct ebi_config *config, struct ebi_task *task, struct eb_error *err) {
    const char *first = ebi_config_text(config, "consume", task->section, "retry.backoff");

    if (first && ebi_config_text(config, "consume", task->section, "retry.max"))
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "%s: [consume %s] retry.backoff is longer than retry.max, the longest time between two attempts",
                         ebi_config_where(config, "consume", task->section, "retry.backoff"), task->section);
    if (first)
        task->backoff.max_ms = task->backoff.first_ms;
    return EB_OK;
}

static enum eb_status take_settings(struct ebi_config *config, struct ebi_task *task, struct eb_error *err) {
    static const enum eb_order orders[] = {
        [EBI_BY_KEY] = EB_ORDER_KEY, [EBI_STRICT] = EB_ORDER_STRICT, [EBI_UNORDERED] = EB_ORDER_NONE};
    const struct ebi_consume_settings *settings = &task->settings;

    task->order = orders[settings->order];
    task->attempts = (uint32_t)settings->retry_attempts;
    task->backoff.first_ms = settings->retry_backoff;
    task->backoff.max_ms = settings->retry_max;
    if (settings->retry_backoff > settings->retry_max) {
        enum eb_status status = take_long_backoff(config, task, err);

        if (status != EB_OK)
            return status;
    }
    if (settings->exec && settings->webhook)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: [consume %s] has both exec and webhook; choose one",
                         ebi_config_where(config, "consume", task->section, "webhook"), task->section);
    enum eb_status status = ebi_read_share(settings->retry_jitter, &task->backoff.jitter, err);
    if (status != EB_OK)
        ebi_error_context(err, "%s: [consume %s] retry.jitter",
                          ebi_config_where(config, "consume", task->section, "retry.jitter"), task->section);
    return status;
}

static enum eb_status take_start(struct ebi_task *task, const char *from, struct eb_error *err) {
    enum eb_status status;

    if (from && !(task->position = strdup(from)))
        return ebi_error_memory(err);
    status = ebi_point_read(task->position, &task->start, err);
    if (status != EB_OK)
        ebi_error_context(err, "--from");
    return status;
}

enum eb_status ebi_task_make(struct ebi_config *config, const struct ebi_bus_settings *bus,
                             const struct eb_consumer_options *options, struct ebi_task *task, struct eb_error *err) {
    enum eb_status status;

    *task = (struct ebi_task){.prefix = bus->topic_prefix,
                              .count = options->count,
                              .until_end = options->exit_at_end != 0,
                              .errors_limit = (uint32_t)bus->consecutive_errors_limit};
    status = ebi_task_section(config, options, &task->section, err);
    if (status == EB_OK)
        status = bind(config, task->section, &task->settings, err);
    task->needs_receivers = options->require_receivers != 0 || task->settings.on_no_receiver == 1;
    if (status == EB_OK)
        status = take_settings(config, task, err);
    if (status == EB_OK)
        status = name_topics(config, task, options->topics ? options->topics : task->settings.topic, err);
    if (status == EB_OK)
        status = take_start(task, options->from, err);
    task->group = options->group ? options->group : task->settings.group;
    if (status == EB_OK && (!task->group || ebi_is_blank(task->group)))
        status = lacks(config, task, "group", "-g GROUP", err);
    if (status != EB_OK)
        ebi_task_free(task);
    return status;
}

void ebi_task_free(struct ebi_task *task) {
    for (size_t i = 0; i < task->n_topics; i++)
        free(task->topics[i]);
    free(task->topics);
    free(task->position);
    *task = (struct ebi_task){0};
}

/* ---- External receivers ---- */

static enum eb_status blame(const struct ebi_config *config, const struct ebi_task *task, const char *key,
                            enum eb_status status, struct eb_error *err) {
    if (status == EB_PERMANENT)
        ebi_error_context(err, "%s: [consume %s] %s", ebi_config_where(config, "consume", task->section, key),
                          task->section, key);
    return status;
}

static enum eb_status says_nothing(const struct ebi_config *config, const struct ebi_task *task, const char *key,
                                   struct eb_error *err) {
    return blame(config, task, key,
                 ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "is empty: events would be acknowledged and nothing done; give it a value, or leave it out"),
                 err);
}

enum eb_status ebi_task_check_receiver(const struct ebi_config *config, const struct ebi_task *task, struct eb_error *err) {
    static const char *const keys[] = {"exec", "webhook"};
    const struct ebi_consume_settings *settings = &task->settings;

    if (settings->exec)
        return ebi_exec_is_empty(settings->exec) ? says_nothing(config, task, "exec", err) : EB_OK;
    if (settings->webhook)
        return blame(config, task, "webhook", ebi_webhook_check(settings->webhook, err), err);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (ebi_config_text(config, "consume", task->section, keys[i]))         /* given, and NULL all the same */
            return says_nothing(config, task, keys[i], err);
    return EB_OK;
}

/* ---- Topics ---- */

enum eb_status ebi_task_check_patterns(const struct ebi_task *task, const struct ebi_broker *broker, struct eb_error *err) {
    for (size_t i = 0; i < task->n_topics; i++)
        if (strchr(task->topics[i], '*') && !(broker->plugin->consumer->traits & EB_T_PATTERN))
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "topic %s: plugin %s knows no patterns; name each topic",
                             ebi_short_topic(task->prefix, task->topics[i]), broker->plugin->about.name);
    return EB_OK;
}

static const char mark[] = "{topic}";

enum {
    NAME_MOST = 249,                    /* bytes of a topic's name that every broker takes; Kafka's limit */
    CUT_MARK = 9,                       /* of a topic that was cut for it: "-" and 8 digits */
    UTF8_MOST = 4
};

static bool matches(const char *pattern, const char *text, size_t len) {
    const char *star = NULL;
    size_t at = 0, again = 0;

    while (at < len) {
        if (*pattern == '*') {
            star = ++pattern;
            again = at;
        } else if (*pattern == text[at]) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star;
            at = ++again;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

bool ebi_topic_matches(const char *pattern, const char *topic) {
    return matches(pattern, topic, strlen(topic));
}

/* Of names without the prefix. */
static bool some_topic_matches(const struct ebi_task *task, const char *topic, size_t len) {
    for (size_t i = 0; i < task->n_topics; i++)
        if (matches(ebi_short_topic(task->prefix, task->topics[i]), topic, len))
            return true;
    return false;
}

/* Whether it is how a topic's name ends that was too long. */
static bool was_cut(const char *topic, size_t len) {
    return len > CUT_MARK && topic[len - CUT_MARK] == '-' &&
           strspn(topic + len - CUT_MARK + 1, "0123456789abcdef") >= CUT_MARK - 1;
}

/* Whether dead letters of topics that match go here. */
static bool is_dead_letter_topic(const struct ebi_task *task, const char *full_topic) {
    const char *topic = ebi_short_topic(task->prefix, full_topic), *pattern = task->settings.dead_letter_topic, *at = strstr(pattern, mark);
    size_t len = strlen(topic);

    if (!at)
        return strcmp(topic, pattern) == 0;
    size_t head = (size_t)(at - pattern), tail = strlen(at) - (sizeof mark - 1);

    return len > head + tail && memcmp(topic, pattern, head) == 0 &&
           memcmp(topic + len - tail, at + sizeof mark - 1, tail) == 0 &&
           (some_topic_matches(task, topic + head, len - head - tail) ||
            (strlen(full_topic) + UTF8_MOST > NAME_MOST && was_cut(topic + head, len - head - tail)));
}

bool ebi_task_wants(const struct ebi_task *task, const char *full_topic) {
    bool matched = false;

    for (size_t i = 0; i < task->n_topics; i++) {
        if (strcmp(task->topics[i], full_topic) == 0)
            return true;
        matched |= matches(task->topics[i], full_topic, strlen(full_topic));
    }
    return matched && !is_dead_letter_topic(task, full_topic);
}

/* What a pattern of dead-letter topics means for a topic; full, to be freed. */
static char *fill_in(const struct ebi_task *task, struct eb_text topic, const char *more) {
    const char *pattern = task->settings.dead_letter_topic, *at = strstr(pattern, mark);
    struct ebi_bytes name = {0};
    char *full = NULL;

    if (at ? ebi_bytes_add(&name, pattern, (size_t)(at - pattern)) && ebi_bytes_add(&name, topic.data, topic.len) &&
                 ebi_bytes_add_text(&name, more) && ebi_bytes_add_text(&name, at + sizeof mark - 1)
           : ebi_bytes_add_text(&name, pattern))
        full = ebi_full_topic(task->prefix, name.data);
    ebi_bytes_free(&name);
    return full;
}

char *ebi_task_dead_letter_topic(const struct ebi_task *task, const char *full_topic) {
    const char *topic = ebi_short_topic(task->prefix, full_topic);
    struct eb_text whole = {topic, strlen(topic)};
    char *full = fill_in(task, whole, ""), digest[CUT_MARK + 1] = "-";
    size_t len = full ? strlen(full) : 0, over = len + CUT_MARK - NAME_MOST;

    if (len <= NAME_MOST || over >= whole.len || !strstr(task->settings.dead_letter_topic, mark))
        return full;
    free(full);
    ebi_fingerprint(topic, whole.len, digest + 1);
    for (whole.len -= over; whole.len > 1 && ((unsigned char)topic[whole.len] & 0xC0) == 0x80; whole.len--)
        ;
    return fill_in(task, whole, digest);
}
