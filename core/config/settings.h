/* core/config/settings.h - the sections whose keys the core knows, as structs and the tables that fill them. */
#ifndef EBI_SETTINGS_H
#define EBI_SETTINGS_H

#include <stdint.h>
#include "base/log.h"
#include "config/config.h"

/* [eventbus] */
struct ebi_bus_settings {
    const char *service;             /* "" when not given: the program's name */
    const char *producer, *consumer; /* names of [broker] sections; NULL: none */
    const char *topic_prefix;        /* "": none */
    const char *plugin_path;         /* folders with ":" between; the installed one when not given */
    const char *schema_path;         /* likewise, searched before the installed one; "" when not given */
    int64_t plugin_trust;            /* enum ebi_trust */
    int64_t schema_limit;            /* bytes a schema file may have */
    int64_t consumers_enabled;
    int64_t consecutive_errors_limit;                         /* 0: none */
    int64_t log_level;                                        /* see ebi_settings_level */
    int64_t log_format;                                       /* 0 text, 1 json */
    int64_t log_time;                                         /* enum ebi_log_time */
    int64_t audit;                                            /* enum ebi_audit_choice */
    int64_t audit_delivered, audit_received, audit_processed; /* whether, after ebi_settings_audit */
    int64_t queue_messages, queue_bytes;                      /* the producer's queue */
    int64_t queue_wait;                                       /* how many ms to wait for room in a full queue; 0: do not wait */
    int64_t batch_messages, batch_bytes, linger;              /* linger in ms */
    int64_t delivery_timeout; /* ms until an event that cannot be delivered is reported as failed */
};
enum ebi_trust { EBI_TRUST_OWNER, EBI_TRUST_ANY };
enum ebi_audit_choice { EBI_AUDIT_BRIEF, EBI_AUDIT_FULL, EBI_AUDIT_OFF };

/* Sets which audit lines are written, for settings that were bound: as audit says, except for keys audit_... that are given. */
void ebi_settings_audit(const struct ebi_config *, struct ebi_bus_settings *);

/* The level of the log, by the number of the choice of log_level. */
enum ebi_level ebi_settings_level(int64_t log_level);

/* [broker NAME]: the core's keys; the plugin has a table of its own */
struct ebi_broker_settings {
    const char *plugin;
    int64_t connect_timeout; /* ms */
};

/* [route NAME] */
struct ebi_route_settings {
    const char *event, *topic;
    const char *key_field; /* must be given, since order depends on it; "": events without a key */
    int64_t enabled;
};

/* [consume NAME] */
struct ebi_consume_settings {
    const char *const *topic; /* one or more; NULL when not given */
    const char *group;        /* and these: NULL when not given */
    const char *exec, *webhook;
    int64_t webhook_proxy; /* 0 environment, 1 none */
    const char *key_field;
    int64_t concurrency;
    int64_t order;                                    /* enum ebi_order_choice */
    int64_t retry_attempts, retry_backoff, retry_max; /* ms */
    const char *retry_jitter;                         /* for ebi_read_share */
    int64_t on_unknown;                               /* 0 dead_letter, 1 skip */
    int64_t on_failure;                               /* 0 dead_letter, 1 stop */
    int64_t on_no_receiver;                           /* 0 acknowledge, 1 stop */
    int64_t failure_detail;                           /* enum ebi_detail_kept */
    const char *dead_letter_topic;                    /* a template: {topic} is replaced by the topic */
    const char *dead_letter_broker;                   /* NULL: the consumer's own */
    int64_t receiver_timeout, drain_timeout;          /* ms */
    int64_t max_in_flight, max_in_flight_bytes;
};
enum ebi_order_choice { EBI_BY_KEY, EBI_STRICT, EBI_UNORDERED };

/* Each fills in settings and its size; the option tables are static. */
struct ebi_table ebi_bus_table(struct ebi_bus_settings *);
struct ebi_table ebi_broker_table(struct ebi_broker_settings *);
struct ebi_table ebi_route_table(struct ebi_route_settings *);
struct ebi_table ebi_consume_table(struct ebi_consume_settings *);

#endif
