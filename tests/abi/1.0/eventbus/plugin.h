/* eventbus/plugin.h - what a broker plugin and the event bus promise each other. Compiles alone: C11, C++17.
 *
 * A plugin is a shared object that exports data, not functions: `eventbus_plugin` describes it, and it has one table of
 * operations for each role that it plays (`eventbus_producer`, `eventbus_consumer`, `eventbus_admin`). A plugin links
 * against no symbol of the event bus: the host gives each instance a struct eb_host with the functions that it may call.
 *
 *   producer:  check -> open -> { submit | poll }*            -> close
 *   consumer:  check -> open -> { receive | settle | pause }* -> close        wake: from any thread, at any time between
 *   admin:     check -> open -> { any op }*                   -> close
 *
 * THREADS    The host calls the ops of one instance from one thread at a time and never nests them; it calls wake from
 *            any thread. Instances share only what a plugin guards itself, such as an in-process broker. All signals are
 *            blocked while the host calls, SIGPIPE too; threads that a plugin starts inherit that. A plugin may call the
 *            host functions marked [any] from every thread, also inside ops: the host queues and never calls back.
 * TIME       An op waits no longer than its timeout_ms; an op without a timeout never waits for the network. The host
 *            calls poll or receive at least every 1000 ms while an instance is open, so that a plugin can do heartbeats,
 *            reconnects, rebalances and confirmations there. An op does not fail because the broker is away: the plugin
 *            reports that once through link, and the ops go on. Only admin ops fail then, as struct eb_admin_ops says.
 * MEMORY     Borrowed memory is valid until the call returns, unless a comment names a later end. Neither side frees
 *            memory of the other.
 * SIZES      A struct with a `size` field grows only at its end and never ends in padding. Set size to sizeof; read a
 *            field only if it lies within the size that the other side set. FROZEN structs never change, so only they
 *            stand in plain arrays; all others are passed by pointer or with a stride.
 * CODES      Ops return enum eb_status as int32_t; the comment of each op lists its results. A negative status fills the
 *            error. After EB_FATAL from any op the host calls only close, which ends all tokens, and opens another instance
 *            after a wait. No C++ exception may leave a plugin.
 * CLOSING    close returns within its timeout_ms, or at once where it has none. A client library may have calls that cannot
 *            be interrupted, or call back after its own close has returned: what it may still touch then stays allocated,
 *            and a late callback finds that the instance is closed and calls no host function. The plugin's file stays
 *            loaded until the process ends.
 * FORK       The child of a fork calls nothing of its parent's instances, not even close. All descriptors are
 *            close-on-exec.
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

/* FROZEN. Any bytes. data NULL means absent; data not NULL and len 0 means present and empty. */
struct eb_text {
    const char *data;
    size_t len;
};

/* FROZEN */
struct eb_header {
    struct eb_text name, value;
};

/* An Avro schema. The host lends it until the message that refers to it is reported; its id is unique in the process
 * and never stands for another text, so a plugin can cache a schema registry's answer by id. A plugin gives the
 * writer's schema with a received message, borrowed as the message is; within one instance an id always stands for one
 * text. */
struct eb_schema {
    size_t size;
    uint64_t id;
    struct eb_text name; /* full name of the outermost record, with its namespace */
    struct eb_text json; /* the text as the Open edX producers register it: sorted keys, ", " and ": " */
};

/* One event under way, in both directions. Leave unknown fields zero. "in:" marks what a consumer plugin fills.
 *
 * A message that cannot be decoded is delivered too, with decode_error: the host makes it a dead letter. token, topic,
 * position, time_ms and deliveries are as in any message, payload is what the broker has, schema and key_schema are
 * NULL, and of key, id, attrs and headers comes what could be read. */
struct eb_message {
    size_t size;
    uint64_t token;          /* chosen by whoever gives the message, never interpreted by the other side, unique
                                     * while alive; it may be a pointer */
    int64_t time_ms;         /* in: when the broker stored the message, in ms since 1970; 0: unknown */
    int64_t lease_ms;        /* in: the broker takes the message away after this time unless the host extends it,
                                     * which it does after a third of the time; 0: never */
    uint32_t deliveries;     /* in: deliveries so far, this one included, whatever became of them; 0: unknown */
    uint32_t failures;       /* in: EB_RETRY verdicts so far; 0 without EB_T_DELAY */
    uint32_t partition;      /* in: ordered sub-stream of the topic, for pause; 0 where the broker has none */
    uint32_t pad;            /* 0 */
    struct eb_text topic;    /* full name with the prefix; ends with NUL */
    struct eb_text position; /* in: as the broker names it; printable, ends with NUL */
    struct eb_text id;       /* event id, the same in a replay and in a dead letter: never deduplicate by it, but by
                                     * send_id */
    struct eb_text key;      /* plain text; keep order, partition and group by it; absent: the message needs no
                                     * order */
    struct eb_text key_avro; /* the key as Avro without a frame; the plugin adds and removes its broker's frame */
    struct eb_text payload;  /* the event's data as Avro, also without a frame */
    const struct eb_schema *key_schema;
    const struct eb_schema *schema; /* in: the writer's schema, or NULL where the broker does not carry it */
    const struct eb_header *attrs;  /* CloudEvents attributes under their plain names, in wire order: type, id, source,
                                     * time, minorversion, sourcehost, sourcelib */
    size_t n_attrs;
    const struct eb_header *headers; /* all other headers, unchanged, with repeats; EB_PERMANENT where a broker cannot
                                     * carry them */
    size_t n_headers;
    struct eb_text decode_error; /* in: why the message cannot be decoded; payload is then the broker's bytes,
                                     * unchanged. out: set on the dead letter of such a message; send payload
                                     * unchanged */
    struct eb_text send_id;      /* out: names one send, up to 64 characters of printable ASCII without blanks. It is the
                                     * same when the host submits this message again after EB_RETRIABLE, and another for
                                     * every other send in the world, also of the same event: a replay, a dead letter, a
                                     * redrive. Where the broker can deduplicate, give it this */
};

/* ---- What the host offers ------------------------------------------------------------------------------------- */

/* A delivery report: what became of one submitted message. It is final. */
struct eb_delivery {
    size_t size;
    uint64_t token;
    int32_t status;               /* EB_OK: stored; EB_RETRIABLE: the host may submit it again; EB_PERMANENT: it can
                                     * never be stored */
    int32_t maybe_stored;         /* 1: the report says failed, but the broker may have stored the message */
    struct eb_text position;      /* where the message is stored, as the broker names it; absent: unknown */
    const struct eb_error *error; /* why it failed; NULL with EB_OK */
};

/* The host callbacks: what a plugin may call. Each instance gets its own, valid until close has returned. */
struct eb_host {
    size_t size;
    void *core;           /* belongs to the host */
    const char *instance; /* the broker's section in the configuration, for messages */
    const char *service;  /* this service's name */

    /* [any] Logs one line; level as in syslog(3), from 3 (error) to 7 (debug). */
    void (*log)(const struct eb_host *, int32_t level, const char *text);

    /* [any] Sets a metric to a value; the plugin chooses the name. */
    void (*metric)(const struct eb_host *, const char *name, double value);

    /* [any] Reports that the connection to the broker went up (1) or down (0), once at each change. An instance starts
     * as down and does not report that. Give the reason with 0. */
    void (*link)(const struct eb_host *, int32_t up, const struct eb_error *why);

    /* [any] Reports one message that submit took; call it exactly once for each. */
    void (*delivered)(const struct eb_host *, const struct eb_delivery *);

    /* Delivers one message to the host. Call it only inside receive. EB_OK: the host has its own copy and will give the
     * token one final verdict. EB_FULL: stop, keep the message and offer it again in a later receive. */
    int32_t (*received)(const struct eb_host *, const struct eb_message *);

    /* [any] Confirms final verdicts, each exactly once, which ends the token. EB_OK: the broker has the verdict.
     * EB_GONE: it came too late, and the message comes again. A plugin that cannot tell that a verdict came too late
     * claims EB_T_LATE_UNTOLD. Do not report because a connection was lost: reconnect and settle again, or report
     * EB_GONE where the broker forgot who held the message. */
    void (*settled)(const struct eb_host *, const uint64_t *tokens, size_t n, int32_t status);

    /* [any] Warns that the broker takes these messages away in grace_ms (0: it has taken them). The host starts none of
     * them any more, finishes those that its receivers work on, and still gives each a verdict. With each that was not
     * started it returns those of its key that were delivered after it, so the order of a key holds however many calls
     * name its messages, and in whatever order. revoke does not wait: give the partition up when all verdicts are in or
     * grace_ms is over. */
    void (*revoke)(const struct eb_host *, const uint64_t *tokens, size_t n, uint32_t grace_ms);

    /* [any] Returns 1 if the subscription includes this topic. A plugin that reads patterns asks for each topic,
     * because a pattern does not include the subscription's own dead-letter topics. matches never waits and takes no
     * lock, so a plugin may call it while it holds one. */
    int32_t (*matches)(const struct eb_host *, const char *topic);

    /* [any] Marks a section, from on = 1 to on = 0 in one thread and not nested, in which other processes wait for this
     * instance, as for a lock or a transaction: the host does not let ^Z stop the process there. Keep it to some ms and
     * do not wait for the network in it. The call with 1 waits while the process is being stopped. */
    void (*busy)(const struct eb_host *, int32_t on);

    int64_t connect_timeout_ms; /* connect_timeout of this broker's section: how long a service waits for the broker at its
                                 * start. A plugin may use it for its client's connect time-out, and reports within it by
                                 * link why the broker is away */
};

/* ---- Traits: what brokers differ in; the conformance kit tests each trait that a plugin claims ------------------ */

/* The traits of a role stand in its table of ops; each comment says which roles it is for. */
enum eb_trait {
    /* Producer: after a failure no later message of its topic and key is stored before it (they fail too). Without it
     * the host gives the producer one message of a key at a time. Consumer: the messages of a key are in flight at one
     * member of the group at a time, and come in the order in which they were stored; without it a message that comes
     * again may come after newer ones of its key. */
    EB_T_ORDER = 1,
    /* Producer: a delivered message survives a power cut. */
    EB_T_POWER = 2,
    /* Consumer: understands EB_RETRY, and counts it in failures: each EB_RETRY counts as one, nothing else counts, and
     * every member of the group gets the count. A plugin whose broker counts deliveries only does not claim it; the
     * host then keeps what waits for a retry in the worker and extends its lease. The host uses EB_T_DELAY alone with
     * order = none, and with order = key only together with EB_T_DELAY_ORDER. */
    EB_T_DELAY = 4,
    /* Consumer: does what EB_T_DELAY says, and holds back the key's later messages until the retried one is settled.
     * Only together with EB_T_DELAY. */
    EB_T_DELAY_ORDER = 8,
    /* Consumer: EB_RETURN does not raise deliveries. */
    EB_T_FREE_RETURN = 16,
    /* Consumer: a new group can read what was stored before it. Admin: browse can, too. */
    EB_T_HISTORY = 32,
    /* Consumer: a topic with '*' subscribes to all topics that match, also to those made later. */
    EB_T_PATTERN = 64,
    /* Consumer: EB_RETURN may cause redelivery of acknowledged messages of the same batch. */
    EB_T_BATCH_REDELIVERY = 128,
    /* All roles: several processes may use the same broker address. */
    EB_T_PROCESSES = 256,
    /* Consumer: a verdict that came after the lease ended may be confirmed with EB_OK although the message comes again.
     * The host then judges by the time: it takes the confirmation of an acknowledgement for EB_GONE if it comes in
     * after the lease ended that the host last extended in time. */
    EB_T_LATE_UNTOLD = 512
};

/* ---- Sending -------------------------------------------------------------------------------------------------- */

struct eb_producer_ops {
    size_t size;
    uint32_t traits, pad;

    /* Makes an instance; never waits for the network. The plugin may use host and settings until close has returned.
     * Returns EB_OK, EB_PERMANENT (no instance can be made with these settings), or EB_RETRIABLE (not now, for want of
     * memory or descriptors; the host may try again). A broker that is away is no failure: link reports it. */
    int32_t (*open)(const struct eb_host *, const void *settings, void **self, struct eb_error *);

    /* Takes the first k of n messages and returns k, or returns EB_FATAL. Return k < n only when the whole instance is
     * full; report trouble with one topic (unknown, denied, not connected yet) as that message's delivery report. A
     * taken message, and all that it points to, stays valid and unchanged until it is reported, so no copy is needed.
     * Keep the order within a topic and key. */
    int64_t (*submit)(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *);

    /* Makes progress. Returns as soon as a message was reported, there is room again, or wake was called. The plugin
     * resends by itself while the link is down. A report is final: after EB_RETRIABLE only the host submits again. poll
     * returns EB_OK, also when its time is over, or EB_FATAL. */
    int32_t (*poll)(void *self, int32_t timeout_ms, struct eb_error *);

    /* Ends the poll at work, or else lets the next one return at once. Any thread. A call is remembered until then. */
    void (*wake)(void *self);

    /* Sends what it can within timeout_ms (0: sends nothing more), reports the rest as EB_RETRIABLE (with maybe_stored
     * where the broker may have them), ends its threads and frees the instance. It makes no host call after it
     * returns. */
    void (*close)(void *self, int32_t timeout_ms);

    /* May be NULL: then `traits` hold with all settings. Returns the traits that hold with these settings, a subset of
     * `traits`: a broker's storage, acknowledgement level or limits may break one. The host asks after check and before
     * open; the answer is the same each time. Waits for nothing. Any thread. */
    uint32_t (*traits_for)(const void *settings);
};

/* ---- Receiving ------------------------------------------------------------------------------------------------ */

enum eb_point_kind {
    EB_EARLIEST = 1, /* the oldest message that is there */
    EB_LATEST = 2,   /* after the newest message: only what is stored later */
    EB_TIME = 3,
    EB_POSITION = 4
};

/* A point: where in a topic to begin, or before which to trim. A position may be a text that a person typed:
 *   malformed      open, browse, seek and trim return EB_PERMANENT with EB_KIND_CONFIG and say how a position looks
 *   not there      it stands for the next message that is there; so one that was trimmed away stands for the oldest
 *   after the end  seek and trim return EB_END; browse finds nothing; a new group begins at the end, or with that
 *                  message when it comes
 * Where a position names one partition of several, the others are left alone by seek and trim, and begin at their first
 * message for browse and a new group. A time after the last message stands for the end. */
struct eb_point {
    size_t size;
    int32_t kind, pad;
    int64_t time_ms;         /* EB_TIME: begin with the first message stored at or after it; ms since 1970 */
    struct eb_text position; /* EB_POSITION: begin with that message; ends with NUL */
};

/* Of which messages a group keeps the order. */
enum eb_order {
    EB_ORDER_NONE = 0,  /* of none */
    EB_ORDER_KEY = 1,   /* of those of one key */
    EB_ORDER_STRICT = 2 /* of all in a topic, or in a partition where the broker has them: a plugin with EB_T_ORDER treats
                         * them as messages of one key */
};

/* What a consumer instance reads. The plugin may use it until close has returned. */
struct eb_subscription {
    size_t size;
    const char *const *topics; /* full names; with EB_T_PATTERN they may contain '*' */
    size_t n_topics;
    const char *group;

    /* This member's name, the same after a restart. If the broker shows that another live member uses it, receive fails
     * with EB_PERMANENT and EB_KIND_NAME; the host then opens an instance under another name, or ends. */
    const char *consumer;

    const struct eb_point *start; /* where a new group begins; an existing group is never moved */
    int32_t order;                /* enum eb_order: the order that the host keeps among delivered messages */

    /* The most messages in flight at this instance, over all its topics, those that the plugin fetched ahead included.
     * Topics take turns, and an idle topic never delays a busy one: a plugin that has to ask the broker topic by topic
     * may fetch one message of each topic beyond the bound, and keep it until there is room. The plugin extends and
     * returns by itself what it fetched and did not deliver to the host. */
    uint32_t max_messages;

    /* The same in bytes. Payloads count; keys, attributes and headers may count too. The message that reaches it is
     * still delivered: no message is too large. So do not pass the bound to a broker that refuses the message which
     * reaches it, or pass at least the size of its largest message. */
    uint64_t max_bytes;

    /* 1: the host stops at the end. The plugin reads each topic's end once, when it is ready (after its first
     * assignment). receive returns EB_END, without waiting, once this group has settled everything up to there, except
     * what other live members hold. Wait for delayed retries and for what a dead member held. Where the broker does not
     * tell who holds what, wait until the whole group has settled everything up to there. A topic that does not exist
     * at that moment has nothing to wait for. */
    int32_t until_end;
    int32_t pad;
};

/* FROZEN */
struct eb_verdict {
    uint64_t token;
    uint32_t delay_ms; /* EB_RETRY: the shortest time until the message comes again */
    uint32_t kind;     /* enum eb_verdict_kind */
};

enum eb_verdict_kind {
    EB_ACK = 1,    /* the message is done and never comes to this group again */
    EB_RETRY = 2,  /* the message failed and comes again after delay_ms. Only plugins with EB_T_DELAY get it */
    EB_RETURN = 3, /* the message was not tried and may go to any member at once; a log-based broker leaves it
                     * uncommitted. It counts as a delivery unless the plugin has EB_T_FREE_RETURN */
    EB_EXTEND = 4  /* the message is still at work: renew its lease. Not a final verdict, and not confirmed */
};

struct eb_consumer_ops {
    size_t size;
    uint32_t traits, pad;

    /* Makes an instance; never waits for the network. The instance waits for topics that do not exist yet. It makes
     * none of them. The results are those of the producer's open; a malformed start is EB_PERMANENT. */
    int32_t (*open)(const struct eb_host *, const void *settings, const struct eb_subscription *, void **self,
                    struct eb_error *);

    /* Sends what settle left, then delivers up to max messages through host->received. It waits for the first message
     * and never for a second. With max 0 it makes progress and delivers nothing; it keeps what comes in. It also
     * returns when it has confirmed verdicts, because the host has room again. A read that wake cut short may stay open
     * at the broker: the next receive, or close, takes its result. Results:
     *   EB_OK         the host took at least one message
     *   EB_EMPTY      it took none: nothing came in time, wake was called, only verdicts were confirmed, or max is 0
     *   EB_END        see until_end
     *   EB_RETRIABLE  something failed; the host logs it and calls again after a second
     *   EB_PERMANENT  this group can never receive here (denied, or EB_KIND_NAME): the worker ends with the error
     *   EB_FATAL      see CODES */
    int32_t (*receive)(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *);

    /* Copies all verdicts and never waits; sends them at once or in the next receive. Verdicts come in any order: an
     * EB_ACK never covers an unsettled message. The host gives a key's EB_RETRY and the EB_RETURN of each later message
     * of the key in one call. Returns EB_OK, or EB_FATAL where it cannot keep the verdicts. */
    int32_t (*settle)(void *self, const struct eb_verdict *, size_t n, struct eb_error *);

    /* Ends receive as the producer's wake ends poll. */
    void (*wake)(void *self);

    /* May be NULL. Stops delivering messages of this partition until it is called with on = 0; loses none of them. */
    void (*pause)(void *self, uint32_t partition, int32_t on);

    /* Every token has its verdict when the host calls this. Sends the verdicts, confirms all of them, leaves the group,
     * ends its threads and frees the instance. It confirms with EB_GONE what it could not send within timeout_ms. It
     * makes no host call after it returns. */
    void (*close)(void *self, int32_t timeout_ms);

    /* As the producer's. */
    uint32_t (*traits_for)(const void *settings);
};

/* ---- Administration --------------------------------------------------------------------------------------------- */

/* Unknown numbers are -1. */
struct eb_topic_info {
    size_t size;
    const char *name;
    int64_t partitions, messages, bytes, oldest_ms, newest_ms;
};

struct eb_group_info {
    size_t size;
    const char *topic, *group;
    const char *partition; /* "" where the broker has none */
    const char *position;  /* the position from which the group goes on */
    const char *end;       /* the position at which the topic ends */
    int64_t lag;           /* messages that this group has not settled yet */
    int64_t unsettled;     /* those of them that are in flight at members */
    int64_t members;       /* live members */
    const char *state;     /* the group's state as the broker calls it ("Stable"); NULL: the broker has no such
                                     * word */
};

enum eb_admin_flag {
    EB_CREATE = 1, /* seek: make a missing topic or group; without it nothing is made */
    EB_DRY_RUN = 2 /* return the same as without it, and change nothing */
};

/* How seek moves a group in one partition of a topic. */
struct eb_seek_info {
    size_t size;
    const char *partition; /* as in eb_group_info */
    const char *before;    /* the first position that it had not settled; NULL: the group did not exist */
    const char *after;     /* the position of the message from which it goes on */
};

/* Admin ops work while producers and consumers are open. Each op except open and close may be NULL: the command then
 * says that the plugin does not support it. Every op may return, and fills the error with the reason:
 *   EB_RETRIABLE  with EB_KIND_BROKER: the broker is away or does not answer; at the latest when timeout_ms is over
 *   EB_PERMANENT  it is refused: denied, a name that the broker does not accept, a malformed position (EB_KIND_CONFIG)
 *   EB_FATAL      see CODES
 * Other results stand at the op. Ops may wait up to timeout_ms. For create, remove, trim and seek that is the time from
 * the call to the return. For topics, groups and browse it is the longest wait for the next item: a walk lasts as long
 * as its items, and what `each` takes does not count. An op that lists calls `each` once for each item, which is
 * borrowed until `each` returns; if `each` returns a value other than 0, the op stops and returns EB_OK. If some items
 * cannot be listed, list the rest and return an error at the end. */
struct eb_admin_ops {
    size_t size;
    uint32_t traits, pad;
    /* Makes an instance, as the producer's open does. */
    int32_t (*open)(const struct eb_host *, const void *settings, void **self, struct eb_error *);
    /* Lists the topics that this user may see; the broker's own internal topics may be left out. */
    int32_t (*topics)(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                      struct eb_error *);
    /* Lists groups by topic and partition. A topic or group that is NULL stands for all; if there is none of that name,
     * nothing is listed, and the op returns EB_OK. */
    int32_t (*groups)(void *self, const char *topic, const char *group, int32_t timeout_ms,
                      int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *);
    /* Reads messages without leaving a trace, from a point to the end that the topic had at the call; tokens are 0.
     * Returns EB_END, without reading, if the topic does not exist. */
    int32_t (*browse)(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                      int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *);
    /* Moves a group and calls `each` once for each partition that it moves. flags: enum eb_admin_flag. Three results
     * fill the error as well, and nothing is moved then: EB_GONE, the topic or the group does not exist and EB_CREATE
     * was not given; EB_END, the position is after the end; EB_PERMANENT, the group has live members, which the text
     * names, and the broker cannot move it. Where it can, the live members go on from there, and verdicts on what they
     * had in flight are confirmed with EB_GONE. */
    int32_t (*seek)(void *self, const char *topic, const char *group, const struct eb_point *, uint32_t flags,
                    int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg, struct eb_error *);
    /* Removes messages before a point; messages that a group has not settled yet only with unread_too. Two results fill
     * the error as well, and nothing is removed then: EB_GONE, the topic does not exist; EB_END, the position is after
     * the end. */
    int32_t (*trim)(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                    struct eb_error *);
    /* Makes a topic; returns EB_OK also if it exists already. partitions 0 stands for the broker's default; more than a
     * topic can have there is EB_PERMANENT. An existing topic keeps the partitions that it has. With EB_DRY_RUN it only
     * asks whether the topic could be made and sent to, as far as the broker can tell without making it. */
    int32_t (*create)(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                      struct eb_error *);
    /* Removes a group, or with group NULL the topic and all its groups. Returns EB_GONE if there was none.
     * EB_PERMANENT, and nothing is removed: the group has live members, which the text names. */
    int32_t (*remove)(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *);
    void (*close)(void *self);

    /* As the producer's. */
    uint32_t (*traits_for)(const void *settings);
};

/* ---- Options: one table for parser, checks, help, man page, example file and redaction ----------------------------- */

/* The type of a value, and the C type at `offset` in the settings struct. */
enum eb_option_type {
    EB_OPT_TEXT = 1,  /* const char *. An empty value becomes NULL if the option has no default, and is
                                     * refused if it has one that is not empty */
    EB_OPT_LIST = 2,  /* const char *const *, ends with NULL; blanks or commas separate the items */
    EB_OPT_PAIRS = 3, /* const char *const *: name, value, ..., NULL. The key is a prefix ("rdkafka.") */
    EB_OPT_BOOL = 4,  /* int64_t, as all that follow: 0 or 1 */
    EB_OPT_INT = 5,
    EB_OPT_MS = 6,    /* milliseconds; written 250ms, 5s, 2m, 1h, 7d */
    EB_OPT_BYTES = 7, /* bytes; written 512, 64k, 10M, 1G (powers of 1024) */
    EB_OPT_CHOICE = 8 /* the index of the choice, from 0 */
};

/* clang-format off */
enum eb_option_flag {
    EB_OPT_REQUIRED = 1,
    EB_OPT_SECRET = 2,              /* never shown */
    EB_OPT_PRODUCER = 4, EB_OPT_CONSUMER = 8, EB_OPT_ADMIN = 16,    /* only these roles use it; none given: all use it */
    EB_OPT_URL = 32                 /* a URL, or a list of them. The configuration is shown with the URL's password and
                                     * query hidden. Set EB_OPT_SECRET as well: then no error shows the value, and a
                                     * host that does not know EB_OPT_URL hides all of it */
};
/* clang-format on */

struct eb_option {
    const char *key;
    const char *fallback; /* the default, written as in the file; NULL: no default (the value is NULL or 0) */
    const char *help;     /* one sentence, with the unit */
    const char *choices;  /* EB_OPT_CHOICE: "process|power" */
    int32_t type;
    uint32_t flags;
    int64_t min, max; /* range of a number; both 0: no limit */
    size_t offset;    /* of the value in the settings struct */
};

/* ---- The plugin ------------------------------------------------------------------------------------------------ */

struct eb_plugin {
    size_t size;                   /* size and these two keep their place in every major version */
    uint32_t abi_major, abi_minor; /* EB_ABI_MAJOR, EB_ABI_MINOR of the header it was built with */
    const char *name;              /* the name of the file without .so */
    const char *version;           /* the plugin's own version */
    const char *summary;           /* one line */
    const struct eb_option *options;
    size_t n_options, option_size; /* option_size: sizeof(struct eb_option) of the author's header */
    size_t settings_size;          /* the host allocates it zeroed, fills it by the table, and gives it to check and
                                     * open */
    /* May be NULL. Checks the settings together; connects to nothing. If the error begins with a key ("KEY: ...", "KEY
     * is ..."), the host adds the file and line of that key. */
    int32_t (*check)(const void *settings, struct eb_error *);
};

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
extern const struct eb_plugin eventbus_plugin;         /* required */
extern const struct eb_producer_ops eventbus_producer; /* each of these that is defined is a role */
extern const struct eb_consumer_ops eventbus_consumer;
extern const struct eb_admin_ops eventbus_admin;
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
