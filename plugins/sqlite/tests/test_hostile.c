/* plugins/sqlite/tests/test_hostile.c - a database file is input: one that somebody has made, or damaged, is refused in words
 * that name it and what is wrong. It runs no program of its own, crashes nobody, and keeps nobody for ever. */
#include "kit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HARMLESS, REFUSED };

/* A file with a topic, two messages, and a group whose member has one of them. */
static void make_file(const char *path) {
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });

    kit_send(p, "t", "a", 1);
    kit_send(p, "t", "b", 2);
    kit_take(c, 2);
    kit_settle(c, c->host->got[0], EB_ACK, 0);
    kit_settle(c, c->host->got[1], EB_RETRY, 600000);
    kit_receive(c, 0, 10);
    kit_close_consumer(c);
    kit_close_producer(p, 1000);
}

static void execute(sqlite3 *db, const char *sql) {
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

    kit_check(code == SQLITE_OK, "%s: %d, %s", sql, code, sqlite3_errmsg(db));
}

static sqlite3 *open_to_write(const char *path) {
    sqlite3 *db;

    kit_check(sqlite3_open(path, &db) == SQLITE_OK, "not opened");
    execute(db, "PRAGMA writable_schema=ON");
    return db;
}

/* As somebody would who has the file to himself: without what the tables ask for, which they ask for again afterwards. */
static void damage(const char *path, const char *sql) {
    sqlite3 *db = open_to_write(path);
    sqlite3_stmt *set;
    char **texts;
    int n;

    kit_check(sqlite3_get_table(db, "SELECT name, sql FROM sqlite_schema WHERE sql LIKE '%STRICT%'", &texts, &n, NULL, NULL) ==
                  SQLITE_OK,
              "not read");
    execute(
        db,
        "UPDATE sqlite_schema SET sql = replace(replace(replace(replace(sql, ' STRICT, WITHOUT', ' WITHOUT'), ' STRICT', ''),"
        " ' NOT NULL', ''), ' INT,', ' ANY,') WHERE sql LIKE '%STRICT%'");
    sqlite3_close(db);
    db = open_to_write(path);
    execute(db, sql);
    kit_check(sqlite3_prepare_v2(db, "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", -1, &set, NULL) == SQLITE_OK, "%s",
              sqlite3_errmsg(db));
    for (int i = 1; i <= n; i++) {
        sqlite3_bind_text(set, 1, texts[2 * i], -1, SQLITE_STATIC);
        sqlite3_bind_text(set, 2, texts[2 * i + 1], -1, SQLITE_STATIC);
        kit_check(sqlite3_step(set) == SQLITE_DONE, "%s", sqlite3_errmsg(db));
        sqlite3_reset(set);
    }
    sqlite3_finalize(set);
    sqlite3_free_table(texts);
    sqlite3_close(db);
}

/* ---- what everybody then says ---- */

struct seen {
    int32_t worst;
    char text[EB_ERROR_ROOM];
};

static void note(struct seen *seen, int32_t status, const struct eb_error *err) {
    if (status >= 0)
        return;
    seen->worst = status;
    if (!seen->text[0] || !strstr(seen->text, "damaged"))
        snprintf(seen->text, sizeof seen->text, "%s", err->text);
}

static int32_t pass_topic(void *arg, const struct eb_topic_info *info) {
    kit_check(info->name && strlen(info->name) > 0, "a topic without a name");
    return ++*(int *)arg > 1000;
}

static int32_t pass_group(void *arg, const struct eb_group_info *info) {
    kit_check(info->topic && info->group, "a group without a name");
    return ++*(int *)arg > 1000;
}

static int32_t pass_message(void *arg, const struct eb_message *message) {
    kit_check(message->position.data != NULL, "a message without a position");
    return ++*(int *)arg > 1000;
}

static int32_t pass_move(void *arg, const struct eb_seek_info *info) {
    (void)arg;
    kit_check(info->size >= sizeof info->size, "nothing is told of a move");
    return 0;
}

static void look(const char *path, struct seen *seen) {
    struct sq_settings settings = { .path = path, .lease = 30000 };
    struct eb_point first = { .size = sizeof first, .kind = EB_EARLIEST };
    const struct eb_admin_ops *ops = kit_admin_ops();
    struct eb_error err = { 0 };
    struct kit_host host;
    int topics = 0, groups = 0, messages = 0;
    void *self;
    int32_t status;

    kit_open_host(&host, &settings);
    status = ops->open(&host.host, &settings, &self, &err);
    note(seen, status, &err);
    if (status != EB_OK)
        return;
    note(seen, ops->topics(self, 100, pass_topic, &topics, &err), &err);
    note(seen, ops->groups(self, NULL, NULL, 100, pass_group, &groups, &err), &err);
    note(seen, ops->browse(self, "t", &first, 100, pass_message, &messages, &err), &err);
    note(seen, ops->seek(self, "t", "h", &first, EB_CREATE, 100, pass_move, NULL, &err), &err);
    kit_check(topics <= 10 && groups <= 10 && messages <= 10, "%d topics, %d groups, %d messages", topics, groups, messages);
    ops->close(self);
}

static void send(const char *path, struct seen *seen) {
    struct sq_settings settings = { .path = path, .lease = 30000, .retain_age = 1, .retain_events = 1, .retain_bytes = 1 };
    struct eb_message m = { .size = sizeof m, .token = 1, .topic = { "t", 1 }, .payload = { "9", 1 } };
    const struct eb_message *one = &m;
    struct eb_error err = { 0 };
    struct kit_host host;
    int32_t status = kit_open_producer(&host, &settings, &err);

    note(seen, status, &err);
    if (status != EB_OK)
        return;
    kit_producer_ops()->submit(host.self, &one, 1, &err);
    for (int i = 0; i < 5 && status >= 0; i++)
        note(seen, status = kit_producer_ops()->poll(host.self, 20, &err), &err);
    kit_producer_ops()->close(host.self, 0);
}

static void receive(const char *path, struct seen *seen) {
    struct sq_settings settings = { .path = path, .lease = 30000 };
    struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };
    const char *topics[] = { "t", "*" };
    struct eb_subscription sub = { .size = sizeof sub,
                                   .topics = topics,
                                   .n_topics = 2,
                                   .group = "g",
                                   .consumer = "m",
                                   .start = &start,
                                   .max_messages = 10,
                                   .until_end = 1 };
    struct eb_error err = { 0 };
    struct kit_host host;
    int32_t status;

    kit_open_host(&host, &settings);
    status = kit_consumer_ops()->open(&host.host, &settings, &sub, &host.self, &err);
    note(seen, status, &err);
    if (status != EB_OK)
        return;
    for (int i = 0; i < 5 && status >= 0 && status != EB_END; i++)
        note(seen, status = kit_consumer_ops()->receive(host.self, 10, 20, &err), &err);
    kit_consumer_ops()->close(host.self, 10);
    for (size_t i = 0; i < host.n_got; i++)
        free(host.got[i]);
    free(host.got);
}

static void expect(const char *path, const char *what, const char *words) {
    struct seen seen = { 0 };
    int64_t from_ms = kit_now_ms();

    look(path, &seen);
    receive(path, &seen);
    send(path, &seen);
    kit_check(kit_now_ms() - from_ms < 30000, "it took %lld ms", (long long)(kit_now_ms() - from_ms));
    kit_check(seen.worst < 0 && strstr(seen.text, path) && strstr(seen.text, words), "%s: expected \"%s\", came %d: %s", what,
              words, seen.worst, seen.text);
}

/* ---- programs in the file ---- */

static void programs(void) {
    static const struct {
        const char *sql, *words;
    } cases[] = {
        { "CREATE TRIGGER eat BEFORE INSERT ON msg BEGIN SELECT raise(IGNORE); END", "trigger \"eat\"" },
        { "CREATE VIEW v AS SELECT 1", "view \"v\"" },
        { "CREATE INDEX i ON msg(length(body))", "index \"i\"" },
        { "CREATE TABLE mine(x)", "table \"mine\"" },
        { "CREATE TABLE \"\x1b[31m\"(x)", "table \"?[31m\"" },
        { "ALTER TABLE topic ADD COLUMN twice INT AS (last * 2)", "table \"topic\"" },
        { "DROP TABLE topic; CREATE VIEW topic(id, name, last) AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
          " SELECT i, 'x', 0 FROM n",
          "view \"topic\"" },
        { "DROP TABLE hold", "no table hold" },
        { "DROP TABLE grp; CREATE TABLE grp(id INTEGER PRIMARY KEY, topic INT NOT NULL, name TEXT NOT NULL)", "table \"grp\"" },
        { "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'msg')"
          " WHERE name = 'schema'",
          "table \"" },
        { "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET type = 'trigger' WHERE name = 'hold'", "" },
        { "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = NULL WHERE name = 'hold'", "" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[40];
        const char *path;
        struct kit_host *p;

        snprintf(name, sizeof name, "bus%zu.db", i);
        path = kit_file(name);
        p = kit_producer(path);
        kit_send(p, "t", "a", 1);
        kit_close_producer(p, 1000);
        kit_execute(path, cases[i].sql);
        expect(path, cases[i].sql, cases[i].words);
    }
}

static void another_encoding(void) {
    const char *path = kit_file("bus.db");

    kit_execute(path,
                "PRAGMA encoding='UTF-16le'; PRAGMA application_id=1161975123; PRAGMA user_version=1; CREATE TABLE topic(x)");
    expect(path, "UTF-16", "not encoded in UTF-8");
}

/* ---- values that cannot be ---- */

static void remove_file(const char *path) {
    static const char *const ends[] = { "", "-wal", "-shm", "-side" };
    char name[400];

    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        remove(name);
    }
}

static void values(void) {
    static const char *const cases[] = {
        "UPDATE topic SET name = NULL",
        "UPDATE topic SET name = x'00ff'",
        "UPDATE topic SET name = ''",
        "UPDATE topic SET name = 'a' || char(0) || 'b'",
        "UPDATE topic SET last = 'x'",
        "UPDATE topic SET last = -1; DELETE FROM msg",
        "UPDATE topic SET last = 9e18; DELETE FROM msg",
        "UPDATE topic SET id = 9223372036854775807",
        "UPDATE topic SET id = 1 << 23",
        "UPDATE topic SET id = -3",
        "UPDATE grp SET name = NULL",
        "UPDATE grp SET name = x'41'",
        "UPDATE grp SET id = -1",
        "UPDATE share SET state = NULL",
        "UPDATE share SET state = 'text'",
        "UPDATE share SET state = x''",
        "UPDATE share SET state = x'01ffffffffff'",
        "UPDATE share SET state = x'0101ffffffffffffffffffffffffffffffffff0100'",
        "UPDATE share SET owner = -1",
        "UPDATE share SET owner = 'x'",
        "UPDATE msg SET slot = 'x'",
        "UPDATE msg SET time = 9223372036854775807",
        "UPDATE msg SET time = NULL",
        "UPDATE msg SET key = 3.5",
        "UPDATE msg SET head = NULL",
        "UPDATE msg SET head = 'x'",
        "UPDATE msg SET body = 12",
        "UPDATE boot SET name = NULL",
        "UPDATE boot SET wall = 'x'",
        "UPDATE hold SET seq = 'x'",
        "UPDATE hold SET seq = -5",
        "UPDATE hold SET slot = 'x'",
        "UPDATE hold SET holder = -7",
        "UPDATE hold SET due = x'00'",
        "UPDATE hold SET attempts = NULL",
    };
    const char *path = kit_file("bus.db");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_file(path);

        damage(path, cases[i]);
        expect(path, cases[i], "damaged");
        remove_file(path);
    }
}

/* Numbers that are only odd harm nobody: they are not read as what they cannot be. */
static void odd_values(void) {
    /* clang-format off */
    static const char *const cases[] = {
        "UPDATE msg SET slot = -1", "UPDATE msg SET slot = 9223372036854775807", "UPDATE hold SET slot = -9223372036854775808",
        "UPDATE hold SET due = 9223372036854775807", "UPDATE hold SET attempts = -1", "UPDATE hold SET deliveries = 1 << 40",
        "UPDATE boot SET wall = -9223372036854775808",
        "INSERT INTO member VALUES(9, -9223372036854775808, 7, NULL, -1)",
        "INSERT INTO mark VALUES(1, 1, 5), (1, 2, 3)",
    };
    /* clang-format on */
    const char *path = kit_file("bus.db");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = { 0 };

        make_file(path);
        damage(path, cases[i]);
        look(path, &seen);
        receive(path, &seen);
        send(path, &seen);
        kit_check(seen.worst == 0 || strstr(seen.text, path), "%s: %d, %s", cases[i], seen.worst, seen.text);
        remove_file(path);
    }
}

/* Each with a cursor of its own for every slot: together more than there are slots. */
static void a_slot_with_two_owners(void) {
    const char *path = kit_file("bus.db");

    make_file(path);
    damage(path, "INSERT INTO member SELECT value, 0, 0, 'm', 1 FROM (SELECT 101 AS value UNION SELECT 102 UNION SELECT 103)");
    {
        sqlite3 *db;
        sqlite3_stmt *add;

        kit_check(sqlite3_open(path, &db) == SQLITE_OK &&
                      sqlite3_prepare_v2(
                          db, "INSERT OR REPLACE INTO share(grp, owner, state) VALUES((SELECT min(id) FROM grp), ?1, ?2)", -1,
                          &add, NULL) == SQLITE_OK,
                  "not prepared");
        for (int owner = 100; owner < 104; owner++) {
            unsigned char state[2 + 64 * 9 + 1] = { 1, 64 };
            size_t at = 2;
            for (int slot = 0; slot < 64; slot++) {
                for (int byte = 0; byte < 8; byte++)
                    state[at++] = (unsigned char)((uint64_t)1 << slot >> 8 * byte);
                state[at++] = (unsigned char)((slot * 2 + owner) % 128);
            }
            state[at++] = 0;
            sqlite3_bind_int(add, 1, owner == 100 ? 0 : owner);
            sqlite3_bind_blob(add, 2, state, (int)at, SQLITE_TRANSIENT);
            kit_check(sqlite3_step(add) == SQLITE_DONE, "%s", sqlite3_errmsg(db));
            sqlite3_reset(add);
        }
        sqlite3_finalize(add);
        sqlite3_close(db);
    }
    expect(path, "four shares", "has two owners");
}

static const struct kit_test tests[] = {
    { "what is a program, or no table of ours, is refused by its name", programs },
    { "so is another encoding", another_encoding },
    { "values that cannot be are told as damage, whoever comes to them", values },
    { "odd ones harm nobody", odd_values },
    { "a slot that stands in two rows overflows nothing", a_slot_with_two_owners },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, NULL);
}
