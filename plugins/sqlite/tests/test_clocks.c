/* plugins/sqlite/tests/test_clocks.c - the times in a file: whose they are, what they are over a restart of the machine, and that
 * none of them, however it came there, holds anything up or removes anything. */
#include "kit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static char warnings[4096];

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    if (level <= 4)
        snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", text);
}

static int64_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A file with one retry in it that is due in 100 s, and nobody at work. */
static const char *file_with_a_retry(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });

    kit_send(p, "t", "k", 7);
    kit_take(c, 1);
    kit_settle(c, c->host->got[0], EB_RETRY, 100000);
    kit_receive(c, 0, 10);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
    kit_check(kit_number(path, "SELECT count(*) FROM hold WHERE due > 0") == 1, "the retry is not stored");
    return path;
}

static void comes_soon(const char *path, const char *when) {
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS;

    while (c->host->n_got == 0) {
        kit_check(kit_now_ms() < until_ms, "it has not come %s", when);
        kit_receive(c, 1, 100);
    }
    kit_check(c->host->got[0]->number == 7 && c->host->got[0]->failures == 1, "number %ld with %u failures",
              c->host->got[0]->number, c->host->got[0]->failures);
    kit_close_consumer(c);
}

/* ---- retries ---- */

static void other_starts(void) {
    const char *path = file_with_a_retry();
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });

    kit_receive(c, 1, 300);
    kit_check(c->host->n_got == 0, "it came though the machine was not started again");
    kit_close_consumer(c);
    kit_execute(path, "UPDATE boot SET name = 'another/1'");
    comes_soon(path, "after a restart of the machine");
    kit_check(kit_number(path, "SELECT count(*) FROM boot WHERE name <> 'another/1'") == 1, "the file does not know of it");
}

static void impossible_times(void) {
    static const char *const due[] = { "9223372036854775807", "1796026893000", "-9223372036854775807 - 1", "99999999999999" };
    const char *path = file_with_a_retry();
    char sql[100];

    for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
        snprintf(sql, sizeof sql, "UPDATE hold SET due = %s", due[i]);
        kit_execute(path, sql);
        comes_soon(path, sql);
    }
}

static void older_format(void) {
    const char *path = file_with_a_retry();
    char sql[200];

    snprintf(sql, sizeof sql,
             "UPDATE hold SET due = %lld; DROP TABLE IF EXISTS boot; DROP TABLE IF EXISTS mark;"
             "PRAGMA user_version = 1",
             (long long)wall_ms() + 86400000);
    kit_execute(path, sql);
    kit_check(kit_lag(path, "t", "g") == 1, "who only looks cannot read it");
    kit_check(kit_number(path, "PRAGMA user_version") == 1, "a look has changed it");
    comes_soon(path, "in a file of the format before");
    kit_check(kit_number(path, "PRAGMA user_version") == 2, "it was not brought up to date");
    kit_check(kit_number(path, "SELECT count(*) FROM sqlite_schema WHERE name IN ('boot', 'mark')") == 2, "it lacks a table");
}

/* ---- ages ---- */

static struct kit_host *keeper(const char *path, int64_t age_ms, int64_t hard_ms) {
    static struct kit_host keepers[8];
    static size_t n;
    struct kit_host *k = &keepers[n++];
    struct sq_settings set = { .path = path, .lease = 30000, .retain_age = age_ms, .retain_hard_age = hard_ms };
    struct eb_error err = { 0 };

    kit_open_host(k, &set);
    k->host.log = on_log;
    kit_check(kit_producer_ops()->open(&k->host, &k->settings, &k->self, &err) == EB_OK, "open: %s", err.text);
    return k;
}

static void poll_for(struct kit_host *k, int64_t ms) {
    int64_t until_ms = kit_now_ms() + ms;
    struct eb_error err = { 0 };

    do
        kit_check(kit_producer_ops()->poll(k->self, 20, &err) >= 0, "poll: %s", err.text);
    while (kit_now_ms() < until_ms);
}

static void poll_until(struct kit_host *k, const char *path, const char *sql, int64_t want) {
    int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS, is;

    while ((is = kit_number(path, sql)) != want) {
        kit_check(kit_now_ms() < until_ms, "it is %lld, not %lld: %s", (long long)is, (long long)want, sql);
        poll_for(k, 20);
    }
}

static const char rows[] = "SELECT count(*) FROM msg";

/* What is stamped with a time long gone, or of the future, is as old as it is. */
static void stamps_are_no_ages(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *k = keeper(path, 0, 3600000);

    kit_send_many(k, "t", 0, 10, 3);
    kit_execute(path, "UPDATE msg SET time = 1000");
    poll_for(k, 2500); /* more than two looks, of which nothing must come */
    kit_check(kit_number(path, rows) == 10, "%lld are left", (long long)kit_number(path, rows));
    kit_producer_ops()->close(k->self, 1000);

    k = keeper(path, 500, 0);
    kit_execute(path, "UPDATE msg SET time = 9000000000000");
    poll_until(k, path, rows, 1);
    kit_producer_ops()->close(k->self, 1000);
}

/* The time that the machine was off counts for nothing, and what had passed before is not forgotten. */
static void ages_go_on(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *k = keeper(path, 0, 3600000);
    int64_t now_ms, old;
    char sql[200];

    kit_send_many(k, "t", 0, 10, 3);
    poll_until(k, path, "SELECT count(*) FROM mark WHERE seq = 10", 1);
    kit_producer_ops()->close(k->self, 1000);
    kit_execute(path, "INSERT INTO mark SELECT topic, 4, at - 3500000 FROM mark; UPDATE boot SET name = 'another/1';"
                      "UPDATE mark SET at = at + 77777777777");
    k = keeper(path, 0, 3600000);
    poll_until(k, path, "SELECT count(*) FROM boot WHERE name = 'another/1'", 0);
    now_ms = kit_now_ms();
    old = now_ms - kit_number(path, "SELECT at FROM mark WHERE seq = 4");
    kit_check(old >= 3500000 && old < 3600000, "after the restart it is %lld ms old", (long long)old);
    old = now_ms - kit_number(path, "SELECT at FROM mark WHERE seq = 10");
    kit_check(old >= 0 && old < 100000, "after the restart the newest is %lld ms old", (long long)old);
    poll_for(k, 1500);
    kit_check(kit_number(path, rows) == 10, "%lld are left", (long long)kit_number(path, rows));
    snprintf(sql, sizeof sql, "UPDATE mark SET at = at - 100000 WHERE seq = 4");
    kit_execute(path, sql);
    poll_until(k, path, rows, 6);
    kit_producer_ops()->close(k->self, 1000);
}

/* Unread for long, it must not gather a mark for each look. */
static void marks_are_bounded(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *k = keeper(path, 0, 3600000);
    char sql[200];
    int64_t n;

    kit_send_many(k, "t", 0, 2000, 3);
    snprintf(sql, sizeof sql,
             "DELETE FROM mark; INSERT INTO mark SELECT id >> 40, id & 0xffffffffff, %lld FROM msg"
             " WHERE id & 0xffffffffff <= 1000",
             (long long)kit_now_ms() - 1000000);
    kit_execute(path, sql);
    poll_until(k, path, "SELECT count(*) FROM mark WHERE seq = 2000", 1);
    for (int i = 0; i < 4; i++) {
        kit_execute(path, "DELETE FROM mark WHERE seq > 1000");
        kit_send(k, "t", "k", i);
        poll_until(k, path, "SELECT max(seq) > 2000 FROM mark", 1);
    }
    n = kit_number(path, "SELECT count(*) FROM mark");
    kit_check(n >= 30 && n <= 128, "there are %lld marks", (long long)n);
    kit_producer_ops()->close(k->self, 1000);
}

/* ---- the wall clock ---- */

static void told_once(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *k;

    kit_close_producer(kit_producer(path), 0);
    k = keeper(path, 0, 0);
    kit_send(k, "t", "k", 1);
    kit_producer_ops()->close(k->self, 1000);
    kit_check(warnings[0] == '\0', "warned of nothing: %s", warnings);
    kit_execute(path, "UPDATE boot SET wall = wall + 86400000");
    for (int i = 0; i < 2; i++) {
        k = keeper(path, 0, 0);
        kit_send(k, "t", "k", 1);
        kit_producer_ops()->close(k->self, 1000);
    }
    kit_check(strstr(warnings, "the wall clock is 86400 s behind") && strstr(warnings, "bus.db"), "warned: %s", warnings);
    kit_check(strstr(warnings, "\n") == warnings + strlen(warnings) - 1, "warned more than once: %s", warnings);
}

static const struct kit_test tests[] = {
    { "after a restart of the machine a retry is due at once, and before it is not", other_starts },
    { "a stored time that cannot be is no wait", impossible_times },
    { "a file of the format before is brought up to date by who writes, not by who looks", older_format },
    { "how old a message is does not depend on what it is stamped with", stamps_are_no_ages },
    { "ages go on over a restart of the machine, without the time in between", ages_go_on },
    { "a topic has a bounded number of marks", marks_are_bounded },
    { "a wall clock that is another one than last time is told once", told_once },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, NULL);
}
