/* admin/admin.h - the admin role's operations (see eventbus/plugin.h), and what its files share:
 *
 *   admin.c         the instance; paths of requests
 *   http.c          requests to Pulsar's HTTP admin interface
 *   query.c         what the broker knows of topics, their partitions and where these begin and end; points
 *   backlog.c       what a group has not settled
 *   admin_read.c    lists topics and groups
 *   admin_write.c   creates and removes topics, removes groups
 *   seek.c          moves a group
 *   browse.c        reads a topic without a group, by libpulsar's reader
 *
 * A topic of Pulsar's is not partitioned, or has partitions from 0 on, which are topics of their own. Here `partition` is -1
 * for the former. Each function that asks the broker waits for its answer, until a time by ebp_monotonic_ms. */
#ifndef PL_ADMIN_H
#define PL_ADMIN_H

#include <stdbool.h>
#include <jansson.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help.h>

#include "admin/http.h"
#include "client/position.h"
#include "client/topic_name.h"
#include "options.h"

struct pl_browse; /* what browse keeps from one walk to the next */

/* Belongs to the thread of the ops. */
struct pl_admin {
    const struct eb_host *host;
    const struct pl_settings *set;
    struct pl_http *http;
    struct pl_browse *browse; /* NULL until the first browse */
};

int32_t pl_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *);
int32_t pl_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
int32_t pl_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
int32_t pl_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *);
int32_t pl_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *);
int32_t pl_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *);

/* Ends what browse keeps; NULL is fine. */
void pl_browse_free(struct pl_browse *);

/* ---- admin.c: requests about a topic, or a partition of one ---- */

/* Sends a request whose path ends in persistent/TENANT/NAMESPACE/TOPIC[-partition-N]REST. The rest comes from a format; see
 * pl_http_ask for the others. */
int32_t pl_ask_topic(struct pl_admin *, const char *method, const char *topic, int partition, const char *body, int64_t until,
                     struct pl_answer *, struct eb_error *, const char *rest, ...) __attribute__((format(printf, 9, 10)));

/* The same for a subscription of the topic: /subscription/GROUP goes before the rest. */
int32_t pl_ask_group(struct pl_admin *, const char *method, const char *topic, int partition, const char *group,
                     const char *body, int64_t until, struct pl_answer *, struct eb_error *, const char *rest);

/* Sends a request whose path ends in persistent/TENANT/NAMESPACE REST: what is there. */
int32_t pl_ask_namespace(struct pl_admin *, const char *rest, int64_t until, struct pl_answer *, struct eb_error *);

/* EB_PERMANENT, of kind EB_KIND_BROKER: the answer is not one of Pulsar's. */
int32_t pl_odd_answer(const char *topic, const char *what, struct eb_error *);

/* A number of an object of JSON; -1: it has none of that name, or it is no number. */
int64_t pl_number(const json_t *object, const char *name);

/* ---- query.c ---- */

/* Sets *n to the number of partitions; 0: the topic is not partitioned. EB_GONE: there is no such topic. */
int32_t pl_query_partitions(struct pl_admin *, const char *topic, int64_t until, int *n, struct eb_error *);

/* The two statistics of a topic that is not partitioned, or of a partition, to be freed by json_decref. EB_GONE: there is none.
 * stats: members, unsettled messages, bytes. internal: ledgers and positions. */
int32_t pl_query_stats(struct pl_admin *, const char *topic, int partition, int64_t until, json_t **, struct eb_error *);
int32_t pl_query_internal(struct pl_admin *, const char *topic, int partition, int64_t until, json_t **, struct eb_error *);

/* Where a partition begins and ends. Each is the start of an entry: index -1. */
struct pl_bounds {
    struct pl_position first, last, end; /* the first entry there is, the last one, the place behind it */
};

/* Reads them from the internal statistics. False: it cannot be read. */
bool pl_bounds_of(const json_t *internal, int partition, struct pl_bounds *);

/* Reads a position as Pulsar's statistics have it, LEDGER:ENTRY; the entry may be -1. */
bool pl_read_position(const json_t *text, int partition, struct pl_position *);

/* Finds where a point that pl_check_point accepts lies in one partition: at the first message that it stands for, within the
 * bounds. EB_END, with the reason: it is a position after the end; *at is the end then. EB_EMPTY: the position names another
 * partition. */
int32_t pl_query_point(struct pl_admin *, const char *topic, int partition, const struct eb_point *, const struct pl_bounds *,
                       int64_t until, struct pl_position *at, struct eb_error *);

/* EB_PERMANENT: a malformed position, or one that names a partition that a topic with n of them does not have. */
int32_t pl_check_point(const char *topic, int n, const struct eb_point *, struct eb_error *);

/* EB_GONE, with the text. */
int32_t pl_no_topic(const char *topic, struct eb_error *);

/* ---- backlog.c ---- */

/* The members of a subscription, by its statistics. */
size_t pl_members(const json_t *subscription);

/* EB_PERMANENT, with the members' names: a group with live members cannot be VERB ("moved"). */
int32_t pl_refuse_members(const char *topic, const char *group, const json_t *subscription, const char *verb,
                          struct eb_error *);

/* Whether a subscription of the statistics is a group of the event bus, and not one of a reader or of the broker. */
bool pl_is_group(const char *name, const json_t *subscription);

/* The cursor of a group in the internal statistics; NULL: it has none. */
const json_t *pl_cursor(const json_t *internal, const char *group);

/* From where a group goes on. False: it cannot be read. */
bool pl_next_of(const json_t *cursor, int partition, struct pl_position *);

/* How many messages a group has not settled in one partition, and how many of these are at members; -1: unknown. */
int64_t pl_lag(struct pl_admin *, const char *topic, int partition, const char *group, const json_t *subscription,
               const json_t *cursor, int64_t until);
int64_t pl_unsettled(const json_t *subscription);

#endif
