/* cli/topic_state.h - what a broker has of one topic and its groups, for the verbs that change them. */
#ifndef CLI_TOPIC_STATE_H
#define CLI_TOPIC_STATE_H

#include "cli/bus.h"

/* A group of the topic. Numbers are sums over its partitions, and -1 if one of them is unknown. */
struct cli_group {
    char *name;
    char *position; /* as seek --to takes it: with several partitions all their positions, with "," between */
    int64_t lag, members;
};

/* One topic of a broker, and the admin role that reaches it. All of it belongs to the struct. */
struct cli_topic {
    struct eb_bus *bus;
    struct ebi_admin *admin;
    const char *name; /* without the prefix, from the command line */
    char *full;

    /* filled by cli_topic_look: */
    enum { CLI_TOPIC_UNKNOWN, CLI_TOPIC_ABSENT, CLI_TOPIC_PRESENT } is;
    int64_t partitions, events; /* -1: unknown */
    struct cli_group *groups;
    size_t n_groups;
    bool groups_known;          /* false: the plugin does not list groups, or not all of them */
    struct eb_error groups_why; /* then: the reason */
};

/* Opens the bus and the admin role for -t TOPIC. Returns 0, or the exit status after printing the error. Call
 * cli_topic_close in either case, with a struct that was all zero before. */
int cli_topic_open(const struct cli_call *, const char *topic, const char *broker, struct cli_topic *);
void cli_topic_close(struct cli_topic *);

/* Asks the broker about the topic and, with `groups`, about its groups. Waits up to connect_timeout for each of the two.
 * Returns an error only if the broker cannot be asked; what a plugin does not list is unknown. May be repeated. */
enum eb_status cli_topic_look(struct cli_topic *, bool groups, struct eb_error *);

/* Whether the topic has fewer events than *left, which it then changes: a change that failed for now has done a part, and is
 * worth another call. *left is topic->events at first. */
bool cli_topic_shrank(const struct cli_topic *, int64_t *left);

/* Prints the error of a change, and how many events were removed before it failed. Returns the exit status: 1 if some were. */
int cli_topic_failed(const struct cli_topic *, int64_t left, const struct eb_error *);

/* Returns the group of this name, or NULL. */
const struct cli_group *cli_topic_group(const struct cli_topic *, const char *name);

/* Return the name nearest to one that was not found: of the broker's topics, for the caller to free, or of the topic's groups as
 * cli_topic_look has read them. NULL: none is near, or the names cannot be read. */
char *cli_topic_near(const struct cli_topic *);
const char *cli_topic_near_group(const struct cli_topic *, const char *group);

/* Prints that the topic does not exist, with the nearest name that does, and `then`: "nothing was removed". Returns 2. */
int cli_topic_tell_absent(const struct cli_topic *, const char *then);

/* The same for a group of the topic. */
int cli_topic_tell_no_group(const struct cli_topic *, const char *group, const char *then);

/* Return "1 event", "7 events", "an unknown number of events"; "lag 7", "an unknown lag". */
const char *cli_count(int64_t number, const char *one, const char *many, char room[64]);
const char *cli_lag(int64_t lag, char room[64]);

#endif
