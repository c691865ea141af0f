/* eventbus/plugin.h - all that a broker plugin and the event bus promise each other. Compiles alone: C11, C++17.
 *
 * A plugin is a shared object that exports data, not functions: `eventbus_plugin` says what it is, and one table of
 * operations for each role it can play (`eventbus_producer`, `eventbus_consumer`, `eventbus_admin`). It links against
 * no symbol of the event bus; what it needs from there comes in a struct eb_host, one for each instance.
 *
 *   producer:  check -> open -> { submit | poll }*            -> close
 *   consumer:  check -> open -> { receive | settle | pause }* -> close        wake: from any thread, at any time between
 *   admin:     check -> open -> { any op }*                   -> close
 *
 * THREADS    All ops of one instance come from one thread at a time, never nested; only wake comes from others.
 *            Instances share nothing but what a plugin guards itself (say, an in-process broker keyed by its settings).
 *            Signals are blocked, SIGPIPE too, whenever the host calls; threads that a plugin starts inherit that.
 *            Host calls marked [any] may come from every thread, inside ops as well: the host queues, never calls back.
 * TIME       An op waits no longer than its timeout_ms; one without a timeout never waits for the network. The host
 *            calls poll or receive at least every 1000 ms while an instance is open: heartbeats, reconnects, rebalances
 *            and confirmations live there. A missing broker is no error of an op: link() says so once, ops go on.
 * MEMORY     Borrowed: until the call returns, unless a comment names a later end. Neither side frees the other's.
 * SIZES      A struct with a `size` field grows only at its end and never ends in padding; set size to sizeof, read a
 *            field only if it lies within the other side's size. FROZEN structs never change, so they alone stand in
 *            plain arrays; others are passed as pointers or with a stride.
 * CODES      enum eb_status, as int32_t. No C++ exception crosses.
 * FORK       The child of a fork calls nothing of its parent's instances, not even close. Descriptors: close-on-exec.
 * FORBIDDEN  A plugin never calls exit, abort, signal, setlocale or chdir, and writes nothing to stdout or stderr.
 * CHANGES    1.0  the first version. */
#ifndef EVENTBUS_PLUGIN_H
#define EVENTBUS_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include <eventbus/error.h>

#define EB_ABI_MAJOR 1u
#define EB_ABI_MINOR 0u

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What crosses: texts, schemas, messages ------------------------------------------------------------------- */

/* FROZEN. Any bytes. data NULL: absent; data not NULL and len 0: present and empty. */
struct eb_text {
    const char *data;
    size_t len;
};

/* FROZEN */
struct eb_header {
    struct eb_text name, value;
};

/* An Avro schema. From the host: borrowed until the message that refers to it is reported; the id is unique for the
 * process and never means another text, so that a schema registry's answer can be cached by id. From a plugin: the
 * writer's schema; within one instance the same id always means the same text, borrowed as the message is. */
struct eb_schema {
    size_t size;
    uint64_t id;
    struct eb_text name, json;      /* name: of the outermost record, with its namespace; json: canonical as the Open
                                     * edX producers register it: sorted keys, ", " and ": " */
};

/* One event under way, in both directions; what one side does not know stays zero. "In" is from the broker. */
struct eb_message {
    size_t size;
    uint64_t token;                 /* chosen by the giver, never interpreted (may be a pointer), unique while alive */
    int64_t time_ms;                /* in: when the broker stored it; ms since 1970; 0: unknown */
    int64_t lease_ms;               /* in: taken away after that unless extended; 0: never. The host extends at a third */
    uint32_t deliveries;            /* in: times handed out so far, this one included; 0: unknown. No count of failures */
    uint32_t failures;              /* in: EB_RETRY verdicts it got so far; 0 where EB_T_DELAY is not claimed */
    uint32_t partition;             /* in: ordered sub-stream of the topic, what pause names; 0 where there are none */
    uint32_t pad;                   /* 0 */
    struct eb_text topic;           /* full name, with the prefix; NUL-ended */
    struct eb_text position;        /* in: the broker's own, printable, NUL-ended */
    struct eb_text id;              /* event id, the same at each resend: use it where the broker can deduplicate */
    struct eb_text key;             /* plain text: order, partition and group by this; absent: no order asked */
    struct eb_text key_avro;        /* the key as Avro, without any frame: framing is the plugin's, both ways */
    struct eb_text payload;         /* the event's data as Avro, likewise without a frame */
    const struct eb_schema *key_schema;
    const struct eb_schema *schema; /* in: the writer's, or NULL where the broker tells none */
    const struct eb_header *attrs;  /* CloudEvents attributes under their plain names, in wire order: type, id, source, */
    size_t n_attrs;                 /*   time, minorversion, sourcehost, sourcelib */
    const struct eb_header *headers;/* all others, verbatim, repeats kept; a broker that cannot carry them: EB_PERMANENT */
    size_t n_headers;
    struct eb_text decode_error;            /* in: why it cannot be read; payload is then what the broker holds, as it is. Out: the
                                     * dead letter of such a one; it goes to the broker as it is */
};

/* ---- What the host offers ------------------------------------------------------------------------------------- */

/* A producer's final word on one message. */
struct eb_delivery {
    size_t size;
    uint64_t token;
    int32_t status;                 /* EB_OK: stored; EB_RETRIABLE: submit it again; EB_PERMANENT: never will be */
    int32_t maybe_stored;           /* 1: failed, yet the broker may have it */
    struct eb_text position;        /* where it is stored, as the broker names it; absent: unknown */
    const struct eb_error *error;   /* why it failed; NULL when it did not */
};

/* One for each instance; lives until close has returned. */
struct eb_host {
    size_t size;
    void *core;                     /* the host's own */
    const char *instance;           /* the name of the broker's section in the configuration, for messages */
    const char *service;            /* this service's name */

    /* [any] A line for the log; level as in syslog(3), 3 error .. 7 debug. */
    void (*log)(const struct eb_host *, int32_t level, const char *text);

    /* [any] A number worth watching, under a name of the plugin's. */
    void (*metric)(const struct eb_host *, const char *name, double value);

    /* [any] The way to the broker is up (1) or down (0); on each change, and only then. An instance starts as down
     * without saying so. Down needs a reason. */
    void (*link)(const struct eb_host *, int32_t up, const struct eb_error *why);

    /* [any] Once for each message that submit took. */
    void (*delivered)(const struct eb_host *, const struct eb_delivery *);

    /* Only inside receive. EB_OK: the host has its own copy and owes the token one final verdict. EB_FULL: stop, keep
     * the message and offer it again in a later receive. */
    int32_t (*received)(const struct eb_host *, const struct eb_message *);

    /* [any] Once for each final verdict: EB_OK the broker has it; EB_GONE too late, the message comes again. Then the
     * token is dead. A lost connection is no reason to report: settle again after reconnecting, or EB_GONE where the
     * broker forgot who held it. */
    void (*settled)(const struct eb_host *, const uint64_t *tokens, size_t n, int32_t status);

    /* [any] The broker takes these away in grace_ms (0: has taken them). The host starts none of them any more,
     * finishes those at work and still gives each its verdict. Does not wait: give the partition up when all verdicts
     * are in or the grace is over. */
    void (*revoke)(const struct eb_host *, const uint64_t *tokens, size_t n, uint32_t grace_ms);

    /* [any] 1 when the subscription wants this topic. Whoever reads patterns asks here which topics they take in, which is
     * fewer than their text says: not the dead-letter topics of their own. Waits for nothing and takes no lock: it may be
     * called under one of the plugin's. */
    int32_t (*matches)(const struct eb_host *, const char *topic);

    /* [any] Between on = 1 and on = 0, in one thread and not nested, other processes wait for this instance, as for a lock or
     * a transaction: the host does not stop the process there when it is asked to (^Z). Short: some ms, and no wait for the
     * network. 1 waits while the process is being stopped. */
    void (*busy)(const struct eb_host *, int32_t on);
};

/* ---- Traits: what brokers differ in; each one claimed is tested by the conformance kit -------------------------- */

enum eb_trait {
    EB_T_ORDER = 1,         /* producer: after a failure no later message of its topic and key is stored before it (those
                             * fail too); consumer: a key is out at one consumer of the group until settled. A producer
                             * without it gets one message of a key at a time */
    EB_T_POWER = 2,         /* delivered means: survives a power cut */
    EB_T_DELAY = 4,         /* can EB_RETRY, and counts it in failures */
    EB_T_DELAY_ORDER = 8,   /* and holds back the key's later messages until that one is settled */
    EB_T_FREE_RETURN = 16,  /* EB_RETURN does not raise deliveries */
    EB_T_HISTORY = 32,      /* a new group can start in the past */
    EB_T_PATTERN = 64,      /* a topic with '*' subscribes to all that match, those made later too */
    EB_T_BATCH_REDELIVERY = 128,  /* giving one back may bring acknowledged ones of its batch again */
    EB_T_PROCESSES = 256    /* several processes may use the same broker address */
};

/* ---- Sending -------------------------------------------------------------------------------------------------- */

struct eb_producer_ops {
    size_t size;
    uint32_t traits, pad;

    /* Makes an instance; never waits for the network. host and settings are borrowed until close has returned. */
    int32_t (*open)(const struct eb_host *, const void *settings, void **self, struct eb_error *);

    /* Takes the first k of n and returns k, or EB_FATAL. k < n only when the whole instance is full: trouble of one
     * topic (unknown, denied, being connected) is that message's delivery report. A message taken, and all that it
     * points to, stays valid and unchanged until it is reported: no copy needed. Order within a topic and key is kept. */
    int64_t (*submit)(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *);

    /* Makes progress. Returns as soon as something was reported, there is room again, or wake came. The plugin resends
     * by itself while the link is down. A report is final: EB_RETRIABLE means the host must submit again. */
    int32_t (*poll)(void *self, int32_t timeout_ms, struct eb_error *);

    /* From any thread. Remembered: ends the poll at work, or else the next one at once. */
    void (*wake)(void *self);

    /* Sends what it can in the time (0: nothing more), reports the others EB_RETRIABLE (maybe_stored where that may be),
     * ends its threads, frees the instance. No host call after it. */
    void (*close)(void *self, int32_t timeout_ms);
};

/* ---- Receiving ------------------------------------------------------------------------------------------------ */

enum eb_point_kind { EB_EARLIEST = 1, EB_LATEST = 2, EB_TIME = 3, EB_POSITION = 4 };

/* A place in a topic. */
struct eb_point {
    size_t size;
    int32_t kind, pad;
    int64_t time_ms;                /* EB_TIME: the first message stored at or after it; ms since 1970 */
    struct eb_text position;        /* EB_POSITION: that message included; NUL-ended */
};

enum eb_order { EB_ORDER_NONE = 0, EB_ORDER_KEY = 1, EB_ORDER_STRICT = 2 };

/* Borrowed until close has returned. */
struct eb_subscription {
    size_t size;
    const char *const *topics;      /* full names; with EB_T_PATTERN '*' may stand in them */
    size_t n_topics;
    const char *group;
    const char *consumer;           /* this member's name: stable over restarts. Where the broker shows that another live
                                     * member has it, receive fails with EB_PERMANENT and EB_KIND_NAME: the host opens
                                     * another instance under another name, or ends */
    const struct eb_point *start;   /* for a group that is new; an existing one is never moved */
    int32_t order;                  /* enum eb_order: what the host will keep among what it is handed */
    uint32_t max_messages;          /* unsettled at a time; bounds what a plugin fetches ahead as well. What it holds and */
    uint64_t max_bytes;             /*   has not handed over, it keeps alive and returns by itself. The message that
                                     *   reaches max_bytes still comes: none is too large to be handed over */
    int32_t until_end;              /* 1: the host stops at the end. The plugin reads each topic's end once, when it is
                                     * ready (after its first assignment), and receive answers EB_END, without waiting,
                                     * once everything up to there is settled by this group, but for what live other
                                     * members hold. Delayed retries, and what a dead member held, are waited for.
                                     * Topics that do not exist then have nothing to wait for */
    int32_t pad;
};

/* FROZEN */
struct eb_verdict {
    uint64_t token;
    uint32_t delay_ms;              /* EB_RETRY: not before that */
    uint32_t kind;                  /* enum eb_verdict_kind */
};

enum eb_verdict_kind {
    EB_ACK = 1,     /* done: never again to this group */
    EB_RETRY = 2,   /* counts as failed; again after delay_ms. Given only to plugins with EB_T_DELAY */
    EB_RETURN = 3,  /* not tried: may go to any consumer, at once; a log just keeps it uncommitted. Counted as a delivery
                     * unless EB_T_FREE_RETURN */
    EB_EXTEND = 4   /* still at work: renews the lease; no final verdict and no report */
};

struct eb_consumer_ops {
    size_t size;
    uint32_t traits, pad;

    /* Makes an instance; never waits for the network. Topics that do not exist yet are waited for. */
    int32_t (*open)(const struct eb_host *, const void *settings, const struct eb_subscription *, void **self,
                    struct eb_error *);

    /* First sends what settle left, then hands over up to max messages through host->received: waits for the first,
     * never for a second. EB_OK, EB_EMPTY (nothing in time, or wake came), EB_END (see until_end). max 0: only progress,
     * hands over nothing; what comes in meanwhile is kept. Answering verdicts ends it as well: the host has room again.
     * A read that wake cut short may stay open at the broker: the next receive, or close, takes its result. */
    int32_t (*receive)(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *);

    /* Takes all verdicts (copied), never waits; may send them at once or in the next receive. In any order: an EB_ACK
     * never covers an unsettled message. A key's EB_RETRY and the EB_RETURNs of its followers come in one call. */
    int32_t (*settle)(void *self, const struct eb_verdict *, size_t n, struct eb_error *);

    /* As the producer's, for receive. */
    void (*wake)(void *self);

    /* May be NULL. Hands over no more of this partition until called with on = 0; loses nothing of it. */
    void (*pause)(void *self, uint32_t partition, int32_t on);

    /* Every token has its verdict by now: sends them, reports all, leaves the group, ends its threads, frees the
     * instance. No host call after it. */
    void (*close)(void *self, int32_t timeout_ms);
};

/* ---- Looking after ---------------------------------------------------------------------------------------------- */

/* Numbers that are unknown are -1. partition: "" where the broker has none. */
struct eb_topic_info {
    size_t size;
    const char *name;
    int64_t partitions, messages, bytes, oldest_ms, newest_ms;
};

struct eb_group_info {
    size_t size;
    const char *topic, *group, *partition;
    const char *position;           /* where the group goes on */
    const char *end;                /* where the topic ends */
    int64_t lag;                    /* messages this group has not settled yet */
    int64_t unsettled;              /* of those: out at members */
    int64_t members;                /* live ones */
    const char *state;              /* the group's, in the broker's own word ("Stable"); NULL: it has none */
};

enum eb_admin_flag {
    EB_CREATE = 1,                    /* seek: what is not there is made; without it nothing is */
    EB_DRY_RUN = 2                  /* answers as without it, and changes nothing */
};

/* How a group is moved in one partition of a topic. */
struct eb_seek_info {
    size_t size;
    const char *partition;               /* as in eb_group_info */
    const char *before;             /* the first position that it had not settled; NULL: the group was not there */
    const char *after;              /* where it goes on, that message included */
};

/* Works while producers and consumers are open. Each op but open and close may be NULL: the verb then says so, and may
 * wait timeout_ms. A walk calls `each` once for each thing, which is borrowed until `each` returns; a value other than 0
 * from it ends the walk, with EB_OK. One that cannot tell of some things tells of the others, and fails at its end. */
struct eb_admin_ops {
    size_t size;
    uint32_t traits, pad;
    int32_t (*open)(const struct eb_host *, const void *settings, void **self, struct eb_error *);
    int32_t (*topics)(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                      struct eb_error *);
    /* topic and group: either may be NULL, for all. */
    int32_t (*groups)(void *self, const char *topic, const char *group, int32_t timeout_ms,
                      int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
    /* Reads without leaving a trace, from a point to the end as it was at the call; tokens are 0. A topic that does not
     * exist: EB_END, nothing read. */
    int32_t (*browse)(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                      int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
    /* Moves a group and tells how, once for each partition that is moved. flags: enum eb_admin_flag. A time behind the last
     * message is the end, a position before the oldest one is that one's. Three answers fill the error as well: EB_GONE,
     * the topic or the group is not there (and EB_CREATE was not given); EB_END, the position is behind the end;
     * EB_PERMANENT with who, live members where the broker cannot do that under them. */
    int32_t (*seek)(void *self, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                    int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                    struct eb_error *);
    /* Removes what is older than a point; what some group has not settled yet only with unread_too. */
    int32_t (*trim)(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                    struct eb_error *);
    /* EB_OK as well when it is there already. partitions 0: the broker's default. flags: EB_DRY_RUN asks whether it could be
     * made, as far as the broker can tell without making it, and sent to. */
    int32_t (*create)(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms, struct eb_error *);
    /* group NULL: the topic with all its groups. EB_GONE: there was none. */
    int32_t (*remove)(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *);
    void (*close)(void *self);
};

/* ---- Options: one table for parser, checks, help, man page, example file and redaction ----------------------------- */

enum eb_option_type {               /* and what stands at `offset` in the settings struct */
    EB_OPT_TEXT = 1,                /* const char *; an empty value is NULL without a default, refused with one, unless
                                     * the default is empty, too */
    EB_OPT_LIST = 2,                /* const char *const *, NULL-ended; blanks or commas between items */
    EB_OPT_PAIRS = 3,               /* const char *const *, name, value, ..., NULL-ended; key is a prefix ("rdkafka.") */
    EB_OPT_BOOL = 4,                /* int64_t from here on: 0 or 1 */
    EB_OPT_INT = 5,
    EB_OPT_MS = 6,                  /* milliseconds, from 250ms, 5s, 2m, 1h, 7d */
    EB_OPT_BYTES = 7,               /* from 512, 64k, 10M, 1G (powers of 1024) */
    EB_OPT_CHOICE = 8               /* the number of the choice, from 0 */
};

enum eb_option_flag {
    EB_OPT_REQUIRED = 1,
    EB_OPT_SECRET = 2,              /* never shown */
    EB_OPT_PRODUCER = 4, EB_OPT_CONSUMER = 8, EB_OPT_ADMIN = 16,    /* of use to these roles only; none: to all */
    EB_OPT_URL = 32                 /* text or list of URLs: shown without password and query, even if EB_OPT_SECRET, by which
                                     * an error shows nothing of it, and a host that does not know EB_OPT_URL hides it all */
};

struct eb_option {
    const char *key;
    const char *fallback;           /* the default, as it would stand in the file; NULL: none (NULL, or 0) */
    const char *help;               /* one sentence, with the unit */
    const char *choices;            /* EB_OPT_CHOICE: "process|power" */
    int32_t type;
    uint32_t flags;
    int64_t min, max;               /* of numbers; both 0: not limited */
    size_t offset;                  /* into the settings struct */
};

/* ---- The plugin ------------------------------------------------------------------------------------------------ */

struct eb_plugin {
    size_t size;                    /* these three keep their place in every major version, for ever */
    uint32_t abi_major, abi_minor;  /* EB_ABI_MAJOR, EB_ABI_MINOR of the header it was built with */
    const char *name;               /* as the file's, without .so */
    const char *version;            /* the plugin's own */
    const char *summary;            /* one line */
    const struct eb_option *options;
    size_t n_options, option_size;  /* option_size: sizeof(struct eb_option) of the author's header */
    size_t settings_size;           /* the host allocates it zeroed, fills it by the table, hands it to check and open */
    /* May be NULL. Judges settings together; connects to nothing. An error that begins with a key ("KEY: ...", "KEY is
     * ...") is told with the file and line where that key stands. */
    int32_t (*check)(const void *settings, struct eb_error *);
};

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
extern const struct eb_plugin eventbus_plugin;              /* required */
extern const struct eb_producer_ops eventbus_producer;      /* each of these is a role, when it is there */
extern const struct eb_consumer_ops eventbus_consumer;
extern const struct eb_admin_ops eventbus_admin;
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
