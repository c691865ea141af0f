/* core/consume/task.c - see task.h. */
#include "consume/task.h"

#include <stdlib.h>
#include <string.h>

#include "base/blank.h"
#include "base/error.h"
#include "base/topic.h"
#include "receiver/command_check.h"
#include "receiver/receiver.h"

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

/* Returns the section whose topic and group match the options; "" if no section matches. */
static enum eb_status match_section(struct ebi_config *config, const struct eb_consumer_options *options, const char **section,
                                    struct eb_error *err) {
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
                             "[consume %s] and [consume %s] both have this topic and group; name one", *section, name);
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
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "there are several [consume] sections; say which one: %s, ...",
                         first);
    *section = first;
    return EB_OK;
}

enum eb_status ebi_task_section(struct ebi_config *config, const struct eb_consumer_options *options, const char **section,
                                struct eb_error *err) {
    if (options->section) {
        *section = options->section;
        if (ebi_config_has(config, "consume", options->section))
            return EB_OK;
        return ebi_config_no_section(config, "consume", options->section, err);
    }
    return options->topics ? match_section(config, options, section, err) : sole_section(config, section, err);
}

/* ---- Making it ---- */

/* The error where neither the section gives `key` nor the caller `option`. */
static enum eb_status missing(const struct ebi_config *config, const struct ebi_task *task, const char *key, const char *option,
                              struct eb_error *err) {
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
        return missing(config, task, "topic", "-t TOPIC", err);
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

/* retry.backoff is longer than retry.max. Where only retry.backoff is given, the default of retry.max yields to it. */
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
        [EBI_BY_KEY] = EB_ORDER_KEY, [EBI_STRICT] = EB_ORDER_STRICT, [EBI_UNORDERED] = EB_ORDER_NONE
    };
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

/* The worker reads both long after its caller's options are gone. */
static enum eb_status keep_names(struct ebi_task *task, const char *section, const char *group, struct eb_error *err) {
    task->section = strdup(section);
    task->group = group ? strdup(group) : NULL;
    return task->section && (task->group || !group) ? EB_OK : ebi_error_memory(err);
}

enum eb_status ebi_task_make(struct ebi_config *config, const struct ebi_bus_settings *bus,
                             const struct eb_consumer_options *options, struct ebi_task *task, struct eb_error *err) {
    const char *section = "";
    enum eb_status status;

    *task = (struct ebi_task){ .prefix = bus->topic_prefix,
                               .count = options->count,
                               .until_end = options->exit_at_end != 0,
                               .errors_limit = (uint32_t)bus->consecutive_errors_limit };
    status = ebi_task_section(config, options, &section, err);
    if (status == EB_OK)
        status = bind(config, section, &task->settings, err);
    if (status == EB_OK)
        status = keep_names(task, section, options->group ? options->group : task->settings.group, err);
    task->needs_receivers = options->require_receivers != 0 || task->settings.on_no_receiver == 1;
    if (status == EB_OK)
        status = take_settings(config, task, err);
    if (status == EB_OK)
        status = name_topics(config, task, options->topics ? options->topics : task->settings.topic, err);
    if (status == EB_OK)
        status = take_start(task, options->from, err);
    if (status == EB_OK && (!task->group || ebi_is_blank(task->group)))
        status = missing(config, task, "group", "-g GROUP", err);
    if (status != EB_OK)
        ebi_task_free(task);
    return status;
}

void ebi_task_free(struct ebi_task *task) {
    for (size_t i = 0; i < task->n_topics; i++)
        free(task->topics[i]);
    free(task->topics);
    free(task->section);
    free(task->group);
    free(task->position);
    *task = (struct ebi_task){ 0 };
}

/* ---- External receivers ---- */

static enum eb_status add_key(const struct ebi_config *config, const struct ebi_task *task, const char *key,
                              enum eb_status status, struct eb_error *err) {
    if (status == EB_PERMANENT)
        ebi_error_context(err, "%s: [consume %s] %s", ebi_config_where(config, "consume", task->section, key), task->section,
                          key);
    return status;
}

static enum eb_status is_empty(const struct ebi_config *config, const struct ebi_task *task, const char *key,
                               struct eb_error *err) {
    return add_key(config, task, key,
                   ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                             "is empty: events would be acknowledged and nothing done; give it a value, or leave it out"),
                   err);
}

enum eb_status ebi_task_check_receiver(const struct ebi_config *config, const struct ebi_task *task, struct eb_error *err) {
    static const char *const keys[] = { "exec", "webhook" };
    const struct ebi_consume_settings *settings = &task->settings;

    if (settings->exec)
        return ebi_exec_is_empty(settings->exec) ? is_empty(config, task, "exec", err) : EB_OK;
    if (settings->webhook)
        return add_key(config, task, "webhook", ebi_webhook_check(settings->webhook, err), err);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (ebi_config_text(config, "consume", task->section, keys[i])) /* given and empty */
            return is_empty(config, task, keys[i], err);
    return EB_OK;
}

/* ---- Topics ---- */

enum eb_status ebi_task_check_patterns(const struct ebi_task *task, const struct ebi_broker *broker, struct eb_error *err) {
    for (size_t i = 0; i < task->n_topics; i++)
        if (ebi_topic_is_pattern(task->topics[i]) && !(broker->traits.consumer & EB_T_PATTERN))
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "topic %s: plugin %s supports no patterns; name each topic",
                             ebi_short_topic(task->prefix, task->topics[i]), broker->plugin->about.name);
    return EB_OK;
}

/* Whether the topic, without the prefix, is one of the task's. */
static bool some_topic_matches(const struct ebi_task *task, struct eb_text topic) {
    for (size_t i = 0; i < task->n_topics; i++)
        if (ebi_topic_matches(ebi_short_topic(task->prefix, task->topics[i]), topic))
            return true;
    return false;
}

/* Whether dead letters of the task's topics go to this topic. */
static bool is_dead_letter_topic(const struct ebi_task *task, const char *full_topic) {
    struct eb_text source;
    bool cut;

    return ebi_dead_letter_source(task->settings.dead_letter_topic, task->prefix, full_topic, &source, &cut) &&
           (!source.data || cut || some_topic_matches(task, source));
}

bool ebi_task_wants(const struct ebi_task *task, const char *full_topic) {
    const struct eb_text name = { full_topic, strlen(full_topic) };
    bool matched = false;

    for (size_t i = 0; i < task->n_topics; i++) {
        if (strcmp(task->topics[i], full_topic) == 0)
            return true;
        matched |= ebi_topic_matches(task->topics[i], name);
    }
    return matched && !is_dead_letter_topic(task, full_topic);
}

char *ebi_task_dead_letter_topic(const struct ebi_task *task, const char *full_topic) {
    return ebi_dead_letter_topic(task->settings.dead_letter_topic, task->prefix, full_topic);
}
