/* cli/topic_state.c - see topic_state.h. */
#include "cli/topic_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/nearest.h"
#include "plugin/message.h"

int cli_topic_open(const struct cli_call *call, const char *name, const char *broker, struct cli_topic *topic) {
    struct eb_error err;

    topic->name = name;
    if (!name)
        return cli_usage(call->name, "-t TOPIC is needed");
    if (ebi_topic_is_pattern(name))
        return cli_usage(call->name, "-t: %s is a pattern; this changes one topic at a time", name);
    if (cli_bus_open(call, NULL, false, &topic->bus, &err) != EB_OK ||
        cli_bus_topic(topic->bus, name, &topic->full, &err) != EB_OK ||
        cli_bus_admin(topic->bus, broker, &topic->admin, &err) != EB_OK)
        return cli_failed(&err);
    return CLI_EXIT_DONE;
}

static void forget_groups(struct cli_topic *topic) {
    for (size_t i = 0; i < topic->n_groups; i++) {
        free(topic->groups[i].name);
        free(topic->groups[i].position);
    }
    free(topic->groups);
    topic->groups = NULL;
    topic->n_groups = 0;
}

void cli_topic_close(struct cli_topic *topic) {
    forget_groups(topic);
    free(topic->full);
    ebi_admin_close(topic->admin);
    eb_bus_close(topic->bus, 0, NULL);
}

/* ---- What the broker has ---- */

/* A walk over what a plugin lists. */
struct walk {
    struct cli_topic *topic;
    bool no_memory;
};

static int32_t take_topic(void *arg, const struct eb_topic_info *theirs) {
    struct walk *walk = arg;
    struct eb_topic_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    if (strcmp(info.name, walk->topic->full) != 0)
        return 0;
    walk->topic->is = CLI_TOPIC_PRESENT;
    walk->topic->partitions = info.partitions;
    walk->topic->events = info.messages;
    return 1;
}

static int64_t sum(int64_t a, int64_t b) {
    return a < 0 || b < 0 ? -1 : a + b;
}

/* Returns the group of this name, made if it is new. Rows of a group usually stand together, so the last one is looked at first. */
static struct cli_group *group_of(struct cli_topic *topic, const char *name) {
    struct cli_group *groups = topic->groups;

    for (size_t i = topic->n_groups; i-- > 0;)
        if (strcmp(groups[i].name, name) == 0)
            return &groups[i];
    groups = realloc(groups, (topic->n_groups + 1) * sizeof *groups);
    if (!groups)
        return NULL;
    topic->groups = groups;
    groups += topic->n_groups;
    *groups = (struct cli_group){ .name = strdup(name), .position = strdup("") };
    if (!groups->name || !groups->position) {
        free(groups->name);
        free(groups->position);
        return NULL;
    }
    topic->n_groups++;
    return groups;
}

static bool add_position(struct cli_group *group, const char *position) {
    char *all;

    if (!position || !*position)
        return true;
    if (asprintf(&all, "%s%s%s", group->position, *group->position ? "," : "", position) < 0)
        return false;
    free(group->position);
    group->position = all;
    return true;
}

/* The members are those of the whole group, in each of its rows. */
static int32_t take_group(void *arg, const struct eb_group_info *theirs) {
    struct walk *walk = arg;
    struct eb_group_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    if (strcmp(info.topic, walk->topic->full) != 0)
        return 0;
    struct cli_group *group = group_of(walk->topic, info.group);
    walk->no_memory = !group || !add_position(group, info.position);
    if (walk->no_memory)
        return 1;
    group->lag = sum(group->lag, info.lag);
    group->members = group->members < 0 || info.members < 0 ? -1
                     : info.members > group->members        ? info.members
                                                            : group->members;
    return 0;
}

/* Whether the rest can be done without what could not be listed: the plugin does not list it, or the user may not see it. */
static bool is_partial(enum eb_status status) {
    return status == EB_PERMANENT;
}

enum eb_status cli_topic_look(struct cli_topic *topic, bool groups, struct eb_error *err) {
    struct walk walk = { .topic = topic };
    struct eb_error why = { 0 };

    forget_groups(topic);
    topic->is = CLI_TOPIC_UNKNOWN;
    topic->partitions = topic->events = -1;
    enum eb_status status = ebi_admin_topics(topic->admin, take_topic, &walk, &why);
    if (status >= EB_OK && topic->is == CLI_TOPIC_UNKNOWN)
        topic->is = CLI_TOPIC_ABSENT;
    if (groups && (status >= EB_OK || is_partial(status)) && topic->is != CLI_TOPIC_ABSENT) {
        why = (struct eb_error){ 0 };
        status = ebi_admin_groups(topic->admin, topic->full, NULL, take_group, &walk, &why);
        topic->groups_known = status >= EB_OK;
        topic->groups_why = why;
    }
    if (walk.no_memory)
        return ebi_error_memory(err);
    if (status >= EB_OK || is_partial(status))
        return EB_OK;
    *err = why;
    return status;
}

bool cli_topic_shrank(const struct cli_topic *topic, int64_t *left) {
    struct cli_topic now = { .admin = topic->admin, .full = topic->full };
    struct eb_error ignored;

    if (cli_topic_look(&now, false, &ignored) != EB_OK || now.events < 0 || now.events >= *left)
        return false;
    *left = now.events;
    return true;
}

int cli_topic_failed(const struct cli_topic *topic, int64_t left, const struct eb_error *err) {
    int status = cli_failed(err);

    if (left >= topic->events)
        return status;
    cli_tell("topic %s: %" PRId64 " of %" PRId64 " events were removed before that", topic->name, topic->events - left,
             topic->events);
    return CLI_EXIT_PARTLY;
}

const struct cli_group *cli_topic_group(const struct cli_topic *topic, const char *name) {
    for (size_t i = 0; i < topic->n_groups; i++)
        if (strcmp(topic->groups[i].name, name) == 0)
            return &topic->groups[i];
    return NULL;
}

/* ---- Names that are nearly right ---- */

enum { MOST_NAMES = 10000 };

/* The names of a broker's topics, without the prefix. */
struct names {
    const char *prefix;
    char **list;
    size_t n;
};

static int32_t take_name(void *arg, const struct eb_topic_info *theirs) {
    struct names *names = arg;
    struct eb_topic_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    if (!ebi_topic_has_prefix(names->prefix, info.name))
        return 0;
    names->list[names->n] = strdup(ebi_short_topic(names->prefix, info.name));
    return !names->list[names->n] || ++names->n == MOST_NAMES;
}

char *cli_topic_near(const struct cli_topic *topic) {
    struct names names = { .prefix = topic->bus->settings.topic_prefix, .list = calloc(MOST_NAMES, sizeof *names.list) };
    char *found = NULL;

    if (!names.list)
        return NULL;
    ebi_admin_topics(topic->admin, take_name, &names, NULL);
    ptrdiff_t near = ebi_nearest(topic->name, (const char *const *)names.list, names.n);
    for (size_t i = 0; i < names.n; i++)
        if ((ptrdiff_t)i == near)
            found = names.list[i];
        else
            free(names.list[i]);
    free(names.list);
    return found;
}

const char *cli_topic_near_group(const struct cli_topic *topic, const char *group) {
    const char **names = calloc(topic->n_groups + 1, sizeof *names);
    ptrdiff_t near = -1;

    for (size_t i = 0; names && i < topic->n_groups; i++)
        names[i] = topic->groups[i].name;
    if (names)
        near = ebi_nearest(group, names, topic->n_groups);
    free(names);
    return near >= 0 ? topic->groups[near].name : NULL;
}

int cli_topic_tell_absent(const struct cli_topic *topic, const char *then) {
    char *near = cli_topic_near(topic);

    if (near)
        cli_tell("topic %s does not exist (did you mean %s?); %s", topic->name, near, then);
    else
        cli_tell("topic %s does not exist; %s", topic->name, then);
    free(near);
    return CLI_EXIT_USAGE;
}

int cli_topic_tell_no_group(const struct cli_topic *topic, const char *group, const char *then) {
    const char *near = cli_topic_near_group(topic, group);

    if (near)
        cli_tell("topic %s has no group %s (did you mean %s?); %s", topic->name, group, near, then);
    else
        cli_tell("topic %s has no group %s; %s", topic->name, group, then);
    return CLI_EXIT_USAGE;
}

const char *cli_count(int64_t number, const char *one, const char *many, char room[64]) {
    if (number < 0)
        snprintf(room, 64, "an unknown number of %s", many);
    else
        snprintf(room, 64, "%" PRId64 " %s", number, number == 1 ? one : many);
    return room;
}

const char *cli_lag(int64_t lag, char room[64]) {
    if (lag < 0)
        return "an unknown lag";
    snprintf(room, 64, "lag %" PRId64, lag);
    return room;
}
