/* plugins/sqlite/tests/test_positions.c - positions, times, schemas, lag, seek, trim: what the file remembers and tells. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- an admin ---- */

struct admin {
    struct kit_host host;
    void *self;
    struct eb_error err;
};

static struct admin *open_admin(const char *path) {
    struct admin *a = calloc(1, sizeof *a);
    int32_t status;

    if (!a)
        abort();
    kit_open_host(&a->host, &(struct sq_settings){ .path = path, .lease = 30000 });
    status = kit_admin_ops()->open(&a->host.host, &a->host.settings, &a->self, &a->err);
    kit_check(status == EB_OK, "open of the admin: %s", a->err.text);
    return a;
}

static void close_admin(struct admin *a) {
    kit_admin_ops()->close(a->self);
    free(a);
}

struct seen {
    long n, first, last, stop_after;
    int64_t first_seq;
};

static int32_t see(void *arg, const struct eb_message *message) {
    struct seen *seen = arg;
    char text[32];

    snprintf(text, sizeof text, "%.*s", (int)message->payload.len, message->payload.data);
    seen->last = strtol(text, NULL, 10);
    if (seen->n++ == 0) {
        seen->first = seen->last;
        seen->first_seq = strtoll(message->position.data, NULL, 10);
    }
    return seen->n == seen->stop_after;
}

static struct eb_point at_position(const char *text) {
    return (struct eb_point){ .size = sizeof(struct eb_point), .kind = EB_POSITION, .position = { text, strlen(text) } };
}

static struct eb_point at_time(int64_t ms) {
    return (struct eb_point){ .size = sizeof(struct eb_point), .kind = EB_TIME, .time_ms = ms };
}

static struct eb_point at(int32_t kind) {
    return (struct eb_point){ .size = sizeof(struct eb_point), .kind = kind };
}

static struct seen browse(struct admin *a, const char *topic, struct eb_point from, long stop_after) {
    struct seen seen = { .stop_after = stop_after };
    int32_t status = kit_admin_ops()->browse(a->self, topic, &from, 1000, see, &seen, &a->err);

    kit_check(status == EB_OK, "browse answered %d: %s", status, a->err.text);
    return seen;
}

/* ---- positions and times ---- */

static int64_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void positions_count_from_1(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path), *p2 = kit_producer(path);

    for (long i = 1; i <= 10; i++)
        kit_check(kit_send(i % 2 ? p : p2, "t", "k", i) == i, "message %ld has another position", i);
    kit_check(kit_send(p, "other", "k", 1) == 1, "another topic does not begin at 1");
    kit_close_producer(p, 1000);
    kit_close_producer(p2, 1000);
}

static void positions_are_never_used_twice(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct admin *a = open_admin(path);
    struct eb_point end = at(EB_LATEST);

    kit_send_many(p, "t", 1, 2500, 3);
    kit_check(kit_admin_ops()->trim(a->self, "t", &end, 0, 5000, &a->err) == EB_OK, "trim: %s", a->err.text);
    kit_check(browse(a, "t", at(EB_EARLIEST), 0).n == 0, "messages are left");
    kit_check(kit_send(p, "t", "k", 2501) == 2501, "after a trim came another position than 2501");
    kit_check(kit_admin_ops()->trim(a->self, "t", &end, 1, 5000, &a->err) == EB_OK, "trim: %s", a->err.text);
    kit_close_producer(p, 1000);
    p = kit_producer(path);
    kit_check(kit_send(p, "t", "k", 2502) == 2502, "after trim and reopening came another position than 2502");
    close_admin(a);
    kit_close_producer(p, 1000);
}

static void browse_by_place_and_time(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct admin *a = open_admin(path);
    int64_t between_ms;
    struct seen seen;

    kit_send_many(p, "t", 1, 1000, 3);
    kit_pause_ms(5);
    between_ms = wall_ms();
    kit_pause_ms(5);
    kit_send_many(p, "t", 1001, 500, 3);
    seen = browse(a, "t", at(EB_EARLIEST), 0);
    kit_check(seen.n == 1500 && seen.first == 1 && seen.last == 1500, "all: %ld from %ld", seen.n, seen.first);
    seen = browse(a, "t", at_time(between_ms), 0);
    kit_check(seen.n == 500 && seen.first == 1001, "by time: %ld from %ld", seen.n, seen.first);
    seen = browse(a, "t", at_time(0), 1);
    kit_check(seen.n == 1 && seen.first == 1, "since 1970: %ld from %ld", seen.n, seen.first);
    kit_check(browse(a, "t", at_time(wall_ms() + 100000), 0).n == 0, "something of the future");
    seen = browse(a, "t", at_position("700"), 300);
    kit_check(seen.n == 300 && seen.first_seq == 700, "by position: %ld from %lld", seen.n, (long long)seen.first_seq);
    kit_check(browse(a, "t", at_position("99999999999999999999999"), 0).n == 0, "something beyond the end");
    kit_check(kit_admin_ops()->browse(
                  a->self, "t",
                  &(struct eb_point){ .size = sizeof(struct eb_point), .kind = EB_POSITION, .position = { "12x", 3 } }, 0, see,
                  &seen, &a->err) == EB_PERMANENT &&
                  strstr(a->err.text, "12x"),
              "a position of 12x: %s", a->err.text);
    kit_check(kit_admin_ops()->browse(a->self, "none",
                                      &(struct eb_point){ .size = sizeof(struct eb_point), .kind = EB_EARLIEST }, 0, see, &seen,
                                      &a->err) == EB_END,
              "a topic that does not exist has no end");
    close_admin(a);
    kit_close_producer(p, 1000);
}

static int32_t moved(void *arg, const struct eb_seek_info *info) {
    (void)arg, (void)info;
    return 0;
}

static void looking_makes_no_file(void) {
    const char *path = kit_file("none/bus.db");
    struct admin *a = open_admin(path);
    struct seen seen = { 0 };
    struct eb_point all = at(EB_EARLIEST);

    kit_check(kit_admin_ops()->browse(a->self, "t", &all, 0, see, &seen, &a->err) == EB_END, "browse found something");
    kit_check(kit_group(path, NULL, NULL).rows == 0, "groups found something");
    kit_check(kit_admin_ops()->remove(a->self, "t", NULL, 100, &a->err) == EB_GONE, "remove found something");
    kit_check(kit_admin_ops()->seek(a->self, "t", "g", &all, 0, 100, moved, NULL, &a->err) == EB_GONE, "seek found something");
    kit_check(kit_admin_ops()->seek(a->self, "t", "g", &all, EB_CREATE | EB_DRY_RUN, 100, moved, NULL, &a->err) == EB_OK,
              "seek as if: %s", a->err.text);
    kit_check(kit_admin_ops()->create(a->self, "t", 0, EB_DRY_RUN, 1000, &a->err) == EB_OK, "create as if: %s", a->err.text);
    kit_check(fopen(path, "r") == NULL, "a file was made");
    kit_check(kit_admin_ops()->create(a->self, "t", 0, 0, 1000, &a->err) == EB_OK, "create: %s", a->err.text);
    kit_check(kit_admin_ops()->browse(a->self, "t", &all, 0, see, &seen, &a->err) == EB_OK, "the topic was not made");
    close_admin(a);
}

/* ---- schemas ---- */

static void send_with(struct kit_host *p, const struct eb_schema *schema, const char *payload) {
    struct eb_message m = { .size = sizeof m, .topic = { "t", 1 }, .payload = { payload, strlen(payload) }, .schema = schema };
    const struct eb_message *one = &m;
    struct eb_error err;
    size_t before = p->stored;

    kit_producer_ops()->submit(p->self, &one, 1, &err);
    while (p->stored == before)
        kit_check(kit_producer_ops()->poll(p->self, 1000, &err) >= 0, "poll: %s", err.text);
}

static void each_message_has_its_writers_schema(void) {
    static const struct eb_schema old = { sizeof old, 7, { "CloudEvent", 10 }, { "{\"old\": 1}", 10 } };
    static const struct eb_schema new = { sizeof new, 8, { "CloudEvent", 10 }, { "{\"new\": 2}", 10 } };
    static const struct eb_schema same = { sizeof same, 1, { "CloudEvent", 10 }, { "{\"old\": 1}", 10 } };
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path), *p2 = kit_producer(path);
    struct kit_consumer *c;
    struct kit_got **got;

    send_with(p, &old, "1");
    send_with(p, &new, "2");
    send_with(p, NULL, "3");
    send_with(p2, &same, "4"); /* another process: another number for the same */
    send_with(p, &old, "5");
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .order = EB_ORDER_STRICT });
    kit_take(c, 5);
    got = c->host->got;
    kit_check(strcmp(got[0]->schema, "{\"old\": 1}") == 0 && strcmp(got[1]->schema, "{\"new\": 2}") == 0 &&
                  got[2]->schema_id == 0,
              "schemas %s, %s, %s", got[0]->schema, got[1]->schema, got[2]->schema);
    kit_check(got[0]->schema_id != got[1]->schema_id && got[0]->schema_id == got[3]->schema_id &&
                  got[0]->schema_id == got[4]->schema_id,
              "the same text has ids %llu, %llu, %llu", (unsigned long long)got[0]->schema_id,
              (unsigned long long)got[3]->schema_id, (unsigned long long)got[4]->schema_id);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
    kit_close_producer(p2, 1000);
}

/* ---- lag ---- */

static void expect_group(const char *path, const char *when, int64_t lag, int64_t unsettled, int64_t members,
                         int64_t position) {
    struct kit_group is = kit_group(path, "t", "g");

    kit_check(is.rows == 1 && is.lag == lag && is.unsettled == unsettled && is.members == members && is.position == position,
              "%s: lag %lld, unsettled %lld, members %lld, position %lld, expected %lld, %lld, %lld, %lld", when,
              (long long)is.lag, (long long)is.unsettled, (long long)is.members, (long long)is.position, (long long)lag,
              (long long)unsettled, (long long)members, (long long)position);
}

static void groups_tell_how_far_they_are(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c;

    kit_send_many(p, "t", 1, 100, 0);
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .max_messages = 40 });
    kit_take(c, 40);
    expect_group(path, "40 taken", 100, 40, 1, 1);
    for (size_t i = 1; i < 40; i++)
        kit_settle(c, c->host->got[i], EB_ACK, 0);
    kit_receive(c, 0, 0);
    expect_group(path, "all but the first settled", 61, 1, 1, 1);
    kit_settle(c, c->host->got[0], EB_RETRY, 60000);
    kit_receive(c, 0, 0);
    expect_group(path, "the first one waiting for a retry", 61, 0, 1, 1);
    kit_take(c, 80);
    for (size_t i = 40; i < 80; i++)
        kit_settle(c, c->host->got[i], EB_ACK, 0);
    kit_close_consumer(c);
    expect_group(path, "closed", 21, 0, 0, 1);
    kit_check(kit_group(path, "t", "g").end == 101, "the end is at %lld", (long long)kit_group(path, "t", "g").end);
    kit_close_producer(p, 1000);
}

/* ---- seek ---- */

static void seek(const char *path, struct eb_point to) {
    struct admin *a = open_admin(path);
    int32_t status = kit_admin_ops()->seek(a->self, "t", "g", &to, EB_CREATE, 1000, moved, NULL, &a->err);

    kit_check(status == EB_OK, "seek answered %d: %s", status, a->err.text);
    close_admin(a);
}

static void a_live_group_is_moved(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c;

    kit_send_many(p, "t", 1, 100, 0);
    c = kit_consumer(
        &(struct kit_wish){ .path = path, .topic = "t", .group = "g", .order = EB_ORDER_STRICT, .max_messages = 100 });
    kit_take(c, 60);
    for (size_t i = 0; i < 50; i++)
        kit_settle(c, c->host->got[i], EB_ACK, 0);
    kit_receive(c, 0, 0);
    seek(path, at_position("21"));
    kit_settle(c, c->host->got[50], EB_ACK, 0);
    kit_take(c, 61);
    kit_check(c->host->got[50]->settled && c->host->got[50]->answer == EB_GONE, "an acknowledgement after the move counts");
    for (size_t i = 51; i < 60; i++) {
        kit_check(c->host->got[i]->revoked, "what was in hand was not taken away");
        kit_settle(c, c->host->got[i], EB_RETURN, 0);
    }
    kit_check(c->host->got[60]->seq == 21 && c->host->got[60]->deliveries == 1, "it goes on at %lld, deliveries %u",
              (long long)c->host->got[60]->seq, c->host->got[60]->deliveries);
    kit_take(c, 60 + 80);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static void a_new_group_is_made_by_seek(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c;

    kit_send_many(p, "t", 1, 10, 1);
    seek(path, at(EB_LATEST));
    kit_send(p, "t", "k", 11);
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    kit_take(c, 1);
    kit_check(c->host->got[0]->number == 11, "number %ld came", c->host->got[0]->number);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* ---- trimmed under a group, removed under everybody ---- */

static void what_is_trimmed_away_holds_nobody_up(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .max_messages = 50 });
    struct admin *a = open_admin(path);
    struct eb_point before = at_position("81");

    kit_send_many(p, "t", 1, 100, 2);
    kit_take(c, 50);
    kit_settle(c, c->host->got[0], EB_RETRY, 50);
    for (size_t i = 1; i < 50; i++)
        kit_settle(c, c->host->got[i], EB_RETURN, 0);
    kit_receive(c, 0, 0);
    kit_check(kit_admin_ops()->trim(a->self, "t", &before, 0, 5000, &a->err) == EB_OK, "trim: %s", a->err.text);
    kit_check(browse(a, "t", at(EB_EARLIEST), 1).first == 1, "what the group has not settled was trimmed");
    kit_check(kit_admin_ops()->trim(a->self, "t", &before, 1, 5000, &a->err) == EB_OK, "trim: %s", a->err.text);
    kit_check(browse(a, "t", at(EB_EARLIEST), 1).first == 81, "trim left more than it was to");
    kit_take_and_ack(c, 50 + 20);
    kit_check(kit_group(path, "t", "g").lag == 0, "lag %lld", (long long)kit_group(path, "t", "g").lag);
    close_admin(a);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static void a_topic_may_be_removed_under_everybody(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    struct admin *a = open_admin(path);

    kit_send_many(p, "t", 1, 2500, 2);
    kit_take(c, 10);
    kit_check(kit_admin_ops()->remove(a->self, "t", NULL, 5000, &a->err) == EB_OK, "remove: %s", a->err.text);
    kit_check(kit_send(p, "t", "k", 7) == 1, "the new topic does not begin at 1");
    for (size_t i = 0; i < 10; i++)
        kit_settle(c, c->host->got[i], EB_ACK, 0);
    kit_take(c, 11);
    kit_check(c->host->got[10]->number == 7, "number %ld of the new topic came", c->host->got[10]->number);
    for (size_t i = 0; i < 10; i++)
        kit_check(c->host->got[i]->answer == EB_GONE, "an acknowledgement in a removed topic was kept");
    close_admin(a);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

/* A new group at the latest begins where the topic ends when it is opened, not when it first receives. */
static void latest_is_when_it_is_opened(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct eb_point latest = at(EB_LATEST);
    struct kit_consumer *c, *late;

    kit_send(p, "t", "k", 1);
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .start = &latest });
    late = kit_consumer(&(struct kit_wish){ .path = path, .topic = "later", .group = "g", .start = &latest });
    kit_receive(late, 1, 20);
    kit_send(p, "t", "k", 2);
    kit_send(p, "later", "k", 3); /* what did not exist begins at its beginning */
    kit_take(c, 1);
    kit_check(c->host->got[0]->number == 2, "number %ld came first", c->host->got[0]->number);
    kit_take(late, 1);
    kit_check(late->host->got[0]->number == 3, "number %ld came first", late->host->got[0]->number);
    kit_close_consumer(c);
    kit_close_consumer(late);
    kit_close_producer(p, 1000);
}

/* What can never be stored is reported so, and the others of its batch are stored. */
static void a_message_that_can_never_be_stored(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct eb_message bad = { .size = sizeof bad, .topic = { "a*", 2 } }, good = { .size = sizeof good, .topic = { "t", 1 } };
    const struct eb_message *both[] = { &bad, &good };
    struct eb_error err;

    kit_producer_ops()->submit(p->self, both, 2, &err);
    while (p->delivered < 2)
        kit_check(kit_producer_ops()->poll(p->self, 1000, &err) >= 0, "poll: %s", err.text);
    kit_check(p->stored == 1 && strstr(p->last_error, "") && p->last.status == EB_OK, "%zu stored", p->stored);
    kit_close_producer(p, 1000);
}

static const struct kit_test tests[] = {
    { "positions count from 1, per topic, whoever sends", positions_count_from_1 },
    { "positions are never used twice, also when all is trimmed away", positions_are_never_used_twice },
    { "browse from a position or a time", browse_by_place_and_time },
    { "looking makes no file", looking_makes_no_file },
    { "each message has its writer's schema, stored once", each_message_has_its_writers_schema },
    { "groups tell how far they are", groups_tell_how_far_they_are },
    { "a group is moved under its live members", a_live_group_is_moved },
    { "seek makes a new group", a_new_group_is_made_by_seek },
    { "what is trimmed away holds nobody up", what_is_trimmed_away_holds_nobody_up },
    { "a topic may be removed under everybody", a_topic_may_be_removed_under_everybody },
    { "latest is when it is opened; a topic made later begins at its beginning", latest_is_when_it_is_opened },
    { "a message that can never be stored does not keep others back", a_message_that_can_never_be_stored },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, NULL);
}
