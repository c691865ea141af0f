/* plugins/sqlite/tests/test_retention.c - what goes by itself, and what never does. */
#include "kit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- a producer with limits, and what it says ---- */

struct keeper {
    struct kit_host host;
    int errors;
    double removed, unsettled;
    char error[EB_ERROR_ROOM];
};

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    struct keeper *k = host->core;

    if (level <= 3) {
        k->errors++;
        snprintf(k->error, sizeof k->error, "%s", text);
    } else if (level == 4)
        printf("# %s\n", text);
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    struct keeper *k = host->core;

    if (strcmp(name, "retention.removed") == 0)
        k->removed = value;
    if (strcmp(name, "retention.removed_unsettled") == 0)
        k->unsettled = value;
}

static void open_keeper(struct keeper *k, struct sq_settings set) {
    struct eb_error err = { 0 };

    memset(k, 0, sizeof *k);
    set.lease = 30000;
    kit_open_host(&k->host, &set);
    k->host.host.core = k;
    k->host.host.log = on_log;
    k->host.host.metric = on_metric;
    kit_check(kit_producer_ops()->open(&k->host.host, &k->host.settings, &k->host.self, &err) == EB_OK, "open: %s", err.text);
}

static void close_keeper(struct keeper *k) {
    kit_producer_ops()->close(k->host.self, 1000);
}

static void poll_once(struct keeper *k) {
    struct eb_error err = { 0 };

    kit_check(kit_producer_ops()->poll(k->host.self, 50, &err) >= 0, "poll: %s", err.text);
}

#define OF_TOPIC(topic) " FROM msg WHERE id >> 40 = (SELECT id FROM topic WHERE name = '" topic "')"
static const char rows_of_t[] = "SELECT count(*)" OF_TOPIC("t");
static const char first_of_t[] = "SELECT min(id) & 0xffffffffff" OF_TOPIC("t");

static void until(struct keeper *k, const char *path, const char *sql, int64_t want) {
    struct kit_patience patience = { 0 };
    int64_t is;

    while ((is = kit_number(path, sql)) != want) {
        kit_goes_on(&patience, is, sql);
        poll_once(k);
    }
}

/* Whatever retention has to do it has done, and it does nothing more. */
static void stays(struct keeper *k, const char *path, const char *sql, int64_t want) {
    int64_t until_ms = kit_now_ms() + 2500, is; /* more than two looks */

    while (kit_now_ms() < until_ms) {
        is = kit_number(path, sql);
        kit_check(is == want, "it is %lld, not %lld: %s", (long long)is, (long long)want, sql);
        poll_once(k);
    }
}

static void settle_all(const char *path, const char *topic, const char *group, size_t n) {
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = topic, .group = group });

    kit_take_and_ack(c, n);
    kit_close_consumer(c);
}

/* ---- what is settled ---- */

static void by_number(void) {
    const char *path = kit_file("bus.db");
    struct keeper k;

    open_keeper(&k, (struct sq_settings){ .path = path, .retain_events = 100 });
    kit_send_many(&k.host, "t", 1, 5000, 7);
    settle_all(path, "t", "g", 5000);
    until(&k, path, rows_of_t, 100);
    kit_check(kit_number(path, first_of_t) == 4901, "the first one is %lld", (long long)kit_number(path, first_of_t));
    kit_check(k.removed > 4899 && k.removed < 4901 && k.errors == 0, "%g counted, %d errors: %s", k.removed, k.errors, k.error);
    kit_check(kit_lag(path, "t", "g") == 0, "it lags by %lld", (long long)kit_lag(path, "t", "g"));
    kit_check(kit_send(&k.host, "t", "k", 1) == 5001, "positions do not go on");
    close_keeper(&k);
}

static void by_age(void) {
    const char *path = kit_file("bus.db");
    struct keeper k;

    open_keeper(&k, (struct sq_settings){ .path = path, .retain_age = 3000 });
    kit_send_many(&k.host, "t", 1, 2500, 7);
    settle_all(path, "t", "g", 2500);
    kit_pause_ms(3100);
    kit_send_many(&k.host, "t", 2501, 10, 7);
    until(&k, path, first_of_t, 2501);
    until(&k, path, rows_of_t, 10); /* not settled, so they stay */
    kit_pause_ms(3000);
    stays(&k, path, rows_of_t, 10);
    settle_all(path, "t", "g", 10);
    until(&k, path, rows_of_t, 1); /* the newest one */
    kit_check(kit_send(&k.host, "t", "k", 1) == 2511, "positions do not go on");
    close_keeper(&k);
}

static void by_size(void) {
    enum { LIMIT = 1 << 19 };
    const char *path = kit_file("bus.db");
    int64_t before, all;
    struct keeper k;

    open_keeper(&k, (struct sq_settings){ .path = path, .retain_bytes = LIMIT });
    kit_send_many(&k.host, "t", 100000, 60000, 7);
    all = kit_number(path, "SELECT sum(ifnull(length(key), 0) + length(head) + length(body))" OF_TOPIC("t"));
    kit_check(all > 1 << 20, "only %lld bytes", (long long)all);
    settle_all(path, "t", "g", 60000);
    for (int round = 0; round < 2; round++) {
        struct kit_patience patience = { 0 };
        do {
            poll_once(&k);
            all = kit_number(path, "SELECT sum(ifnull(length(key), 0) + length(head) + length(body))" OF_TOPIC("t"));
            kit_goes_on(&patience, all, "bytes of the topic");
        } while (all > LIMIT);
        kit_check(all > LIMIT - 100, "only %lld bytes were left", (long long)all);
        before = kit_number(path, rows_of_t);
        kit_send_many(&k.host, "t", 200000, 5000, 7);
        settle_all(path, "t", "g", 5000);
        until(&k, path, rows_of_t, before); /* all are of one size */
    }
    close_keeper(&k);
}

/* ---- what is not ---- */

static void unsettled_stay(void) {
    const char *path = kit_file("bus.db");
    struct kit_consumer *c;
    struct keeper k;

    open_keeper(&k, (struct sq_settings){ .path = path, .retain_events = 10, .retain_age = 1, .retain_bytes = 100 });
    kit_send(&k.host, "t", "k", 1);
    settle_all(path, "t", "fast", 1);
    kit_send_many(&k.host, "t", 2, 2999, 7);
    settle_all(path, "t", "fast", 2999);
    until(&k, path, rows_of_t, 1); /* so far there is nobody else */
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "slow", .max_messages = 50 });
    kit_send_many(&k.host, "t", 3001, 3000, 7);
    settle_all(path, "t", "fast", 3000);
    kit_take(c, 50);
    for (size_t i = 0; i < 50; i++)
        if (i != 20)
            kit_settle(c, c->host->got[i], i == 30 ? EB_RETRY : i == 40 ? EB_RETURN : EB_ACK, 60000);
    kit_receive(c, 0, 0);
    until(&k, path, first_of_t, c->host->got[20]->seq);
    stays(&k, path, first_of_t, c->host->got[20]->seq); /* out */
    kit_settle(c, c->host->got[20], EB_ACK, 0);
    kit_receive(c, 0, 0);
    until(&k, path, first_of_t, c->host->got[30]->seq);
    kit_close_consumer(c);
    stays(&k, path, first_of_t, 3030); /* held for a retry, and nobody is there */
    kit_check(k.errors == 0, "%s", k.error);
    close_keeper(&k);
}

static void without_groups(void) {
    const char *path = kit_file("bus.db");
    struct keeper k;

    open_keeper(&k, (struct sq_settings){ .path = path, .retain_events = 10, .retain_bytes = 100, .retain_age = 3600000 });
    kit_send_many(&k.host, "t", 1, 3000, 7);
    stays(&k, path, rows_of_t, 3000);
    close_keeper(&k);
    open_keeper(&k, (struct sq_settings){ .path = path, .retain_age = 1 });
    until(&k, path, rows_of_t, 1);
    close_keeper(&k);
}

static void dead_letters(void) {
    static const char *const always[] = { "*.dlq", NULL };
    static const char rows[] = "SELECT count(*)" OF_TOPIC("t.dlq");
    const char *path = kit_file("bus.db");
    struct sq_settings set = { .path = path,
                               .retain_events = 10,
                               .retain_bytes = 100,
                               .retain_hard_events = 10,
                               .retain_hard_bytes = 100,
                               .retain_hard_age = 1,
                               .retain_always = always };
    struct keeper k;

    open_keeper(&k, set);
    kit_send_many(&k.host, "t.dlq", 1, 1000, 7);
    kit_send_many(&k.host, "t", 1, 1000, 7);
    until(&k, path, rows_of_t, 1);
    stays(&k, path, rows, 1000);
    settle_all(path, "t.dlq", "again", 1000);
    stays(&k, path, rows, 1000);
    close_keeper(&k);
    set.retain_age = 1;
    open_keeper(&k, set);
    until(&k, path, rows, 1);
    kit_send_many(&k.host, "t.dlq", 1, 10, 7);
    until(&k, path, rows, 10);
    stays(&k, path, rows, 10); /* not settled */
    close_keeper(&k);
}

static void hard_limits(void) {
    const char *path = kit_file("bus.db");
    struct keeper k;
    int64_t next;

    open_keeper(&k, (struct sq_settings){ .path = path, .retain_events = 100, .retain_hard_events = 2000 });
    kit_send_many(&k.host, "t", 1, 1500, 7);
    settle_all(path, "t", "g", 1000); /* at least */
    next = kit_group(path, "t", "g").position;
    kit_check(next > 1000 && next < 1400, "it stands at %lld", (long long)next);
    until(&k, path, first_of_t, next);
    stays(&k, path, first_of_t, next);
    kit_check(k.errors == 0, "%s", k.error);
    kit_send_many(&k.host, "t", 1501, 2500, 7);
    until(&k, path, rows_of_t, 2000);
    kit_check(k.errors > 0 && strstr(k.error, "topic t: ") && strstr(k.error, "position 2000,"), "it says: %s", k.error);
    kit_check((int64_t)k.unsettled == 2001 - next, "%g counted as not settled", k.unsettled);
    kit_check(kit_lag(path, "t", "g") == 2000, "it lags by %lld", (long long)kit_lag(path, "t", "g"));
    settle_all(path, "t", "g", 2000);
    close_keeper(&k);
}

/* ---- who does it ---- */

/* keep PATH: a producer with a limit, until it is killed. */
static __attribute__((noreturn)) int keep(int argc, char **argv) {
    struct keeper k;

    (void)argc;
    open_keeper(&k, (struct sq_settings){ .path = argv[0], .retain_events = 10 });
    kit_say("ready");
    for (;;)
        poll_once(&k);
}

static void another_goes_on(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_child *one, *two;
    struct keeper k;

    open_keeper(&k, (struct sq_settings){ .path = path });
    one = kit_start("keep", (const char *const[]){ path, NULL });
    two = kit_start("keep", (const char *const[]){ path, NULL });
    kit_check(kit_hear(one, KIT_PATIENCE_MS) && kit_hear(two, KIT_PATIENCE_MS), "they are not ready");
    kit_send_many(p, "t", 1, 1000, 7);
    settle_all(path, "t", "g", 1000);
    until(&k, path, rows_of_t, 10);
    kit_kill(one);
    kit_send_many(p, "t", 1, 1000, 7);
    settle_all(path, "t", "g", 1000);
    until(&k, path, rows_of_t, 10);
    close_keeper(&k);
    kit_close_producer(p, 1000);
}

/* ---- the file ---- */

static off_t size_of(const char *path) {
    struct stat about;

    return stat(path, &about) == 0 ? about.st_size : -1;
}

static void big_ones(struct kit_host *p, long n) {
    static char body[20000];
    struct eb_message m = { .size = sizeof m, .topic = { "t", 1 }, .payload = { body, sizeof body } };
    const struct eb_message *one = &m;
    struct eb_error err;
    size_t want = p->stored + (size_t)n;

    for (long i = 0; i < n; i++)
        kit_check(kit_producer_ops()->submit(p->self, &one, 1, &err) == 1, "submit took none");
    while (p->stored < want)
        kit_check(kit_producer_ops()->poll(p->self, 1000, &err) >= 0, "poll: %s", err.text);
}

static void the_file_shrinks(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_patience patience = { 0 };
    off_t before;
    struct keeper k;

    big_ones(p, 2000);
    settle_all(path, "t", "g", 2000);
    before = size_of(path);
    kit_check(before > 38 << 20, "only %lld bytes", (long long)before);
    open_keeper(&k, (struct sq_settings){ .path = path, .retain_events = 10 });
    for (off_t now = before; now > 12 << 20; now = size_of(path)) {
        kit_goes_on(&patience, now, "bytes of the file");
        poll_once(&k);
        kit_send(p, "t", "k", 1); /* its commits move the log */
    }
    kit_check(kit_number(path, "SELECT count(*) FROM pragma_integrity_check() WHERE integrity_check <> 'ok'") == 0,
              "the file is damaged");
    close_keeper(&k);
    kit_close_producer(p, 1000);
}

/* Made by an earlier version: its free pages are used again, and that is all. */
static void an_old_file(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct keeper k;
    off_t before;

    kit_close_producer(p, 1000);
    kit_execute(path, "PRAGMA auto_vacuum = 0; VACUUM");
    kit_check(kit_number(path, "PRAGMA auto_vacuum") == 0, "it is not as old as that");
    open_keeper(&k, (struct sq_settings){ .path = path, .retain_events = 10 });
    big_ones(&k.host, 1000);
    settle_all(path, "t", "g", 1000);
    until(&k, path, rows_of_t, 10);
    before = size_of(path);
    big_ones(&k.host, 900);
    kit_check(size_of(path) <= before + (1 << 20), "it grew from %lld to %lld", (long long)before, (long long)size_of(path));
    close_keeper(&k);
}

/* ---- a full disk ---- */

enum { LOAD = 1500 };

/* Sends more than fits, until the disk is full. */
static void overfill(struct keeper *k) {
    static struct eb_message messages[LOAD];
    static char body[20000];
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;
    struct eb_error err;

    memset(body, 'b', sizeof body);
    for (long i = 0; i < LOAD; i++) {
        const struct eb_message *one = &messages[i];
        messages[i] = (struct eb_message){ .size = sizeof *messages, .topic = { "t", 1 }, .payload = { body, sizeof body } };
        kit_check(kit_producer_ops()->submit(k->host.self, &one, 1, &err) == 1, "submit took none");
    }
    while (k->host.up != 0) {
        kit_check(kit_now_ms() < until_ms, "the disk does not get full: %zu stored", k->host.stored);
        poll_once(k);
    }
    kit_check(strstr(k->host.why, "disk full"), "it says: %s", k->host.why);
    for (size_t stored = 0; stored != k->host.stored;) { /* smaller batches may fit, and do so for a while */
        kit_check(kit_now_ms() < until_ms, "the disk is not full: %zu stored", k->host.stored);
        stored = k->host.stored;
        for (int64_t second = kit_now_ms() + 1000; kit_now_ms() < second && k->host.stored == stored;)
            poll_once(k);
    }
}

static void small_disk(const char *folder, const char *size) {
    mkdir(folder, 0700);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, size) != 0)
        kit_skip("only root can make a small disk");
}

/* Nobody frees anything: what is acknowledged goes, and what waits takes its place. */
static void room_by_settling(void) {
    const char *folder = kit_file("small"), *path = kit_file("small/bus.db");
    struct kit_patience patience = { 0 };
    struct kit_consumer *c;
    size_t stored, acked = 0;
    struct keeper k;

    small_disk(folder, "size=24m");
    open_keeper(&k, (struct sq_settings){ .path = path, .retain_events = 50 });
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g", .max_messages = 50 });
    kit_send(&k.host, "t", "k", 1);
    kit_receive(c, 0, 0);
    overfill(&k);
    stored = k.host.stored;
    kit_check(stored > 100 && stored < LOAD && k.removed < 1, "%zu are stored, %g removed", stored, k.removed);
    stays(&k, path, rows_of_t, (int64_t)stored);
    while (c->host->answers < LOAD + 1) {
        kit_goes_on(&patience, (int64_t)c->host->answers, "settled events of the full disk");
        kit_receive(c, 50, 1);
        for (; acked < c->host->n_got; acked++) {
            kit_check(c->host->got[acked]->seq == (int64_t)acked + 1, "position %lld came as number %zu",
                      (long long)c->host->got[acked]->seq, acked + 1);
            kit_settle(c, c->host->got[acked], EB_ACK, 0);
        }
        poll_once(&k);
    }
    kit_check(k.host.stored == LOAD + 1 && k.host.up == 1 && k.errors == 0, "%zu stored, link %d, %s", k.host.stored, k.host.up,
              k.error);
    kit_close_consumer(c);
    close_keeper(&k);
    umount2(folder, MNT_DETACH);
}

static const struct kit_role roles[] = { { "keep", keep }, { NULL, NULL } };

static const struct kit_test tests[] = {
    { "what every group has settled goes by number", by_number },
    { "and by age, but for the newest", by_age },
    { "and by size", by_size },
    { "what some group has not settled stays: not read, out, or held", unsettled_stay },
    { "where there is no group only age counts", without_groups },
    { "dead letters go only when they are settled and old", dead_letters },
    { "a hard limit removes the rest as well, with an error and a count", hard_limits },
    { "when the process that does it is killed another goes on", another_goes_on },
    { "the file gets smaller", the_file_shrinks },
    { "a file made before uses its free pages again", an_old_file },
    { "on a full disk what is settled makes room for what waits", room_by_settling },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, roles);
}
