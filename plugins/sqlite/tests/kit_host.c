/* plugins/sqlite/tests/kit_host.c - the host that the tests are: see kit.h. */
#include "kit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/load.h"
#include "host/quiet.h"

static const struct ebc_plugin *plugin(void) {
    static struct ebc_plugin loaded;
    static char file[1000];
    char why[EBC_WHY_ROOM];

    if (loaded.producer)
        return &loaded;
    snprintf(file, sizeof file, "%s/.libs/sqlite.so", getenv("top_builddir") ? getenv("top_builddir") : ".");
    kit_check(ebc_load(file, &loaded, why), "%s", why);
    return &loaded;
}

const struct eb_plugin *kit_plugin(void) {
    return &plugin()->about;
}

const struct eb_producer_ops *kit_producer_ops(void) {
    return plugin()->producer;
}

const struct eb_consumer_ops *kit_consumer_ops(void) {
    return plugin()->consumer;
}

const struct eb_admin_ops *kit_admin_ops(void) {
    return plugin()->admin;
}

/* ---- what the plugin calls ---- */

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    if (level <= 3)
        fprintf(stderr, "# %s\n", text);
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    struct kit_host *is = host->core;

    is->up = up;
    is->links++;
    snprintf(is->why, sizeof is->why, "%s", why ? why->text : "");
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    struct kit_host *is = host->core;

    is->delivered++;
    is->stored += report->status == EB_OK;
    is->last = *report;
    is->last_seq = report->position.data ? strtoll(report->position.data, NULL, 10) : 0;
    snprintf(is->last_error, sizeof is->last_error, "%s", report->error ? report->error->text : "");
}

static void copy_text(char *to, size_t room, struct eb_text text) {
    snprintf(to, room, "%.*s", (int)text.len, text.data ? text.data : "");
}

static long number_in(struct eb_text payload) {
    char text[32];

    copy_text(text, sizeof text, payload);
    return strtol(text, NULL, 10);
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    struct kit_host *is = host->core;
    struct kit_got *got;

    if (is->take_only == 0)
        return EB_FULL;
    is->take_only -= is->take_only > 0;
    if (is->n_got == is->room) {
        is->room = is->room ? 2 * is->room : 64;
        is->got = realloc(is->got, is->room * sizeof *is->got);
    }
    got = calloc(1, sizeof *got);
    if (!is->got || !got)
        abort();
    got->token = message->token;
    got->time_ms = message->time_ms;
    got->lease_ms = message->lease_ms;
    got->seq = strtoll(message->position.data, NULL, 10);
    got->number = number_in(message->payload);
    copy_text(got->topic, sizeof got->topic, message->topic);
    copy_text(got->key, sizeof got->key, message->key);
    copy_text(got->id, sizeof got->id, message->id);
    got->deliveries = message->deliveries;
    got->failures = message->failures;
    got->flawed = message->decode_error.data != NULL;
    if (message->schema) {
        got->schema_id = message->schema->id;
        copy_text(got->schema, sizeof got->schema, message->schema->json);
    }
    is->got[is->n_got++] = got;
    return EB_OK;
}

static struct kit_got *find(struct kit_host *is, uint64_t token) {
    for (size_t i = is->n_got; i-- > 0;)
        if (is->got[i]->token == token && !is->got[i]->settled)
            return is->got[i];
    return NULL;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct kit_host *is = host->core;

    for (size_t i = 0; i < n; i++) {
        struct kit_got *got = find(is, tokens[i]);
        if (!got)
            abort(); /* an answer nobody waits for */
        got->settled = true;
        got->answer = status;
        is->answers++;
    }
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    struct kit_host *is = host->core;

    (void)grace_ms;
    for (size_t i = 0; i < n; i++) {
        struct kit_got *got = find(is, tokens[i]);
        if (got)
            got->revoked = true;
    }
}

/* '*' at the end only. */
static int32_t on_matches(const struct eb_host *host, const char *topic) {
    const char *wish = host->service;
    size_t len = strcspn(wish, "*");

    return strncmp(wish, topic, len) == 0 && (wish[len] == '*' || topic[len] == '\0');
}

static struct kit_host *new_host(const struct sq_settings *settings) {
    struct kit_host *is = calloc(1, sizeof *is);

    if (!is)
        abort();
    is->settings = *settings;
    is->up = -1;
    is->take_only = -1;
    is->host = ebc_quiet_host(is, "test");
    is->host.log = on_log;
    is->host.link = on_link;
    is->host.delivered = on_delivered;
    is->host.received = on_received;
    is->host.settled = on_settled;
    is->host.revoke = on_revoke;
    is->host.matches = on_matches;
    return is;
}

void kit_free_host(struct kit_host *is) {
    for (size_t i = 0; i < is->n_got; i++)
        free(is->got[i]);
    free(is->got);
    free(is);
}

/* ---- sending ---- */

void kit_open_host(struct kit_host *is, const struct sq_settings *settings) {
    struct kit_host *made = new_host(settings);

    *is = *made;
    is->host.core = is;
    free(made);
}

void kit_no_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)host;
    (void)up;
    (void)why;
}

int32_t kit_open_producer(struct kit_host *is, const struct sq_settings *settings, struct eb_error *err) {
    kit_open_host(is, settings);
    return kit_producer_ops()->open(&is->host, &is->settings, &is->self, err);
}

struct kit_host *kit_producer(const char *path) {
    struct kit_host *is = new_host(&(struct sq_settings){ .path = path, .lease = 30000 });
    struct eb_error err = { 0 };
    int32_t status = kit_producer_ops()->open(&is->host, &is->settings, &is->self, &err);

    kit_check(status == EB_OK, "open of a producer: %d %s", status, err.text);
    return is;
}

void kit_close_producer(struct kit_host *is, int32_t timeout_ms) {
    kit_producer_ops()->close(is->self, timeout_ms);
    kit_free_host(is);
}

static void send_batch(struct kit_host *is, const struct eb_message *const *batch, size_t n) {
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;
    size_t want = is->stored + n;
    struct eb_error err = { 0 };
    int64_t taken = kit_producer_ops()->submit(is->self, batch, n, &err);

    kit_check(taken == (int64_t)n, "submit took %lld of %zu: %s", (long long)taken, n, err.text);
    while (is->stored < want) {
        int32_t status = kit_producer_ops()->poll(is->self, 1000, &err);
        kit_check(status >= 0, "poll: %s", err.text);
        kit_check(kit_now_ms() < until_ms, "not stored within a minute: %s%s", is->why, is->last_error);
    }
}

struct sending {
    struct eb_message message;
    char key[24], payload[KIT_PAYLOAD_MAX + 1], id[40];
};

static void fill(struct sending *s, const char *topic, const char *key, long number, int payload) {
    s->message = (struct eb_message){ .size = sizeof s->message, .token = (uint64_t)number, .topic = { topic, strlen(topic) } };
    snprintf(s->payload, sizeof s->payload, "%-*ld", payload, number);
    s->message.payload = (struct eb_text){ s->payload, strlen(s->payload) };
    snprintf(s->id, sizeof s->id, "id-%ld", number);
    s->message.id = (struct eb_text){ s->id, strlen(s->id) };
    if (key) {
        snprintf(s->key, sizeof s->key, "%s", key);
        s->message.key = (struct eb_text){ s->key, strlen(s->key) };
    }
}

int64_t kit_send(struct kit_host *is, const char *topic, const char *key, long number) {
    struct sending s;
    const struct eb_message *one = &s.message;

    fill(&s, topic, key, number, is->payload);
    send_batch(is, &one, 1);
    return is->last_seq;
}

void kit_send_many(struct kit_host *is, const char *topic, long from, long n, long keys) {
    enum { PART = 1000 };
    struct sending *list = calloc(PART, sizeof *list);
    const struct eb_message *batch[PART];

    if (!list)
        abort();
    for (long done = 0; done < n;) {
        size_t part = 0;
        for (; part < PART && done < n; part++, done++) {
            char key[24];
            snprintf(key, sizeof key, "k%ld", keys ? (from + done) % keys : 0);
            fill(&list[part], topic, keys ? key : NULL, from + done, is->payload);
            batch[part] = &list[part].message;
        }
        send_batch(is, batch, part);
    }
    free(list);
}

/* ---- receiving ---- */

struct kit_consumer *kit_consumer(const struct kit_wish *wish) {
    struct kit_consumer *c = calloc(1, sizeof *c);
    struct eb_error err = { 0 };
    int32_t status;

    if (!c)
        abort();
    c->host = new_host(&(struct sq_settings){ .path = wish->path, .lease = wish->lease ? wish->lease : 30000 });
    c->host->host.service = wish->topic;
    c->topics[0] = wish->topic;
    c->topics[1] = wish->topic2;
    c->start = (struct eb_point){ .size = sizeof c->start, .kind = EB_EARLIEST };
    c->sub = (struct eb_subscription){ .size = sizeof c->sub,
                                       .topics = c->topics,
                                       .n_topics = wish->topic2 ? 2 : 1,
                                       .group = wish->group,
                                       .consumer = wish->name ? wish->name : "m1",
                                       .start = wish->start ? wish->start : &c->start,
                                       .order = wish->order ? wish->order : EB_ORDER_KEY,
                                       .until_end = wish->until_end,
                                       .max_messages = wish->max_messages ? wish->max_messages : 1000,
                                       .max_bytes = 64 << 20 };
    status = kit_consumer_ops()->open(&c->host->host, &c->host->settings, &c->sub, &c->host->self, &err);
    kit_check(status == EB_OK, "open of a consumer: %d %s", status, err.text);
    return c;
}

void kit_close_consumer(struct kit_consumer *c) {
    kit_consumer_ops()->close(c->host->self, 1000);
    kit_free_host(c->host);
    free(c);
}

int32_t kit_receive(struct kit_consumer *c, uint32_t max, int32_t timeout_ms) {
    struct eb_error err = { 0 };
    int32_t status = kit_consumer_ops()->receive(c->host->self, max, timeout_ms, &err);

    kit_check(status >= 0, "receive: %d %s", status, err.text);
    return status;
}

void kit_take(struct kit_consumer *c, size_t n) {
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;

    while (c->host->n_got < n) {
        kit_check(kit_now_ms() < until_ms, "got %zu of %zu within a minute (%s)", c->host->n_got, n, c->host->why);
        kit_receive(c, (uint32_t)(n - c->host->n_got), 200);
    }
}

void kit_settle(struct kit_consumer *c, const struct kit_got *got, uint32_t kind, uint32_t delay_ms) {
    struct eb_verdict verdict = { .token = got->token, .delay_ms = delay_ms, .kind = kind };
    struct eb_error err = { 0 };
    int32_t status = kit_consumer_ops()->settle(c->host->self, &verdict, 1, &err);

    kit_check(status == EB_OK, "settle: %d %s", status, err.text);
}

void kit_take_and_ack(struct kit_consumer *c, size_t n) {
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;
    size_t acked = c->host->n_got;

    while (c->host->answers < n) {
        kit_check(kit_now_ms() < until_ms, "%zu of %zu answered within a minute", c->host->answers, n);
        kit_receive(c, 100, 100);
        for (; acked < c->host->n_got; acked++)
            kit_settle(c, c->host->got[acked], EB_ACK, 0);
    }
}

/* ---- looking after ---- */

static int32_t see_group(void *arg, const struct eb_group_info *info) {
    struct kit_group *is = arg;

    *is = (struct kit_group){ .rows = is->rows + 1,
                              .lag = info->lag,
                              .unsettled = info->unsettled,
                              .members = info->members,
                              .position = strtoll(info->position, NULL, 10),
                              .end = strtoll(info->end, NULL, 10) };
    return 0;
}

struct kit_group kit_group(const char *path, const char *topic, const char *group) {
    struct kit_host host;
    struct kit_group is = { 0 };
    struct eb_error err = { 0 };
    void *self;
    int32_t status;

    kit_open_host(&host, &(struct sq_settings){ .path = path, .lease = 30000 });
    status = kit_admin_ops()->open(&host.host, &host.settings, &self, &err);
    kit_check(status == EB_OK, "open of the admin: %s", err.text);
    status = kit_admin_ops()->groups(self, topic, group, KIT_PATIENCE_MS, see_group, &is, &err);
    kit_admin_ops()->close(self);
    kit_check(status == EB_OK, "groups: %d %s", status, err.text);
    return is;
}

int64_t kit_lag(const char *path, const char *topic, const char *group) {
    struct kit_group is = kit_group(path, topic, group);

    return is.rows ? is.lag : INT64_MAX;
}

int64_t kit_number(const char *path, const char *sql) {
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int64_t is = -1;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, KIT_PATIENCE_MS);
        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
            is = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    return is;
}

void kit_execute(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    int code = sqlite3_open(path, &db);

    if (code == SQLITE_OK)
        code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    kit_check(code == SQLITE_OK, "%s: %s", sql, sqlite3_errstr(code));
}
