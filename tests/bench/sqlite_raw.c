/* tests/bench/sqlite_raw.c - the raw library: the rows that the plugin writes, inserted and read by plain loops. */
#include "sqlite_sides.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* As many bytes as the plugin writes of a login's attributes, so that the rows are the same: see head.c there. */
static const char head[222] = "h";

static void run(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL))
        bench_die("raw sqlite: %s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3 *raw_open(bool power) {
    sqlite3 *db;

    if (sqlite3_open_v2(sqlite_path("raw"), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL))
        bench_die("cannot open the raw file");
    sqlite3_busy_timeout(db, 10000);
    run(db, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL");
    run(db, power ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL))
        bench_die("raw sqlite: %s: %s", sql, sqlite3_errmsg(db));
    return statement;
}

static void step(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE)
        bench_die("raw sqlite: %s", sqlite3_errmsg(sqlite3_db_handle(statement)));
    sqlite3_reset(statement);
}

static void insert(sqlite3_stmt *add, long i, size_t body) {
    char key[24];
    int len = snprintf(key, sizeof key, "user-%ld", i % 10007);

    sqlite3_bind_int64(add, 1, (1LL << 40) + i + 1);
    sqlite3_bind_int(add, 2, (int)(i % 64));
    sqlite3_bind_int64(add, 3, 1790000000000 + i / 100);
    sqlite3_bind_blob(add, 4, key, len, SQLITE_STATIC);
    sqlite3_bind_blob(add, 5, head, sizeof head, SQLITE_STATIC);
    sqlite3_bind_blob(add, 6, sqlite_body, (int)body, SQLITE_STATIC);
    step(add);
}

void raw_produce(void *arg, struct bench_figure *figure) {
    const struct sqlite_work *work = arg;

    sqlite_remove("raw");
    sqlite3 *db = raw_open(work->power);
    run(db, "CREATE TABLE msg(id INTEGER PRIMARY KEY, slot INT NOT NULL, time INT NOT NULL, key BLOB,"
            " head BLOB NOT NULL, body BLOB) STRICT");
    sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *commit = prepare(db, "COMMIT");
    sqlite3_stmt *add = prepare(db, "INSERT INTO msg VALUES(?1,?2,?3,?4,?5,?6)");
    bench_start(figure);
    for (long i = 0; i < work->count;) {
        step(begin);
        for (long k = 0; k < work->batch && i < work->count; k++, i++)
            insert(add, i, work->body);
        step(commit);
    }
    bench_stop(figure, (double)work->count);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(add);
    sqlite3_close(db);
}

/* Reads one batch, each byte's page of it; answers how many rows. */
static long read_batch(sqlite3_stmt *read, long batch, int64_t *at, size_t *sum) {
    long n = 0;

    sqlite3_bind_int64(read, 1, *at);
    sqlite3_bind_int64(read, 2, batch);
    for (; sqlite3_step(read) == SQLITE_ROW; n++) {
        *at = sqlite3_column_int64(read, 0);
        *sum += (size_t)sqlite3_column_int(read, 1) + (size_t)sqlite3_column_int64(read, 2);
        for (int column = 3; column < 6; column++) {
            const char *bytes = sqlite3_column_blob(read, column);

            *sum += (size_t)sqlite3_column_bytes(read, column) + (size_t)(bytes ? bytes[0] : 0);
        }
    }
    sqlite3_reset(read);
    return n;
}

void raw_consume(void *arg, struct bench_figure *figure) {
    const struct sqlite_work *work = arg;
    sqlite3 *db = raw_open(false);
    int64_t at = 0;
    size_t sum = 0;

    run(db, "CREATE TABLE IF NOT EXISTS cursor(id INTEGER PRIMARY KEY, at INT); INSERT OR REPLACE INTO cursor VALUES(1,0)");
    sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *commit = prepare(db, "COMMIT");
    sqlite3_stmt *read = prepare(db, "SELECT id,slot,time,key,head,body FROM msg WHERE id>?1 ORDER BY id LIMIT ?2");
    sqlite3_stmt *set = prepare(db, "UPDATE cursor SET at=?1 WHERE id=1");
    bench_start(figure);
    for (long n = 0, got = 1; n < work->count && got > 0; n += got) {
        got = read_batch(read, work->batch, &at, &sum);
        step(begin);
        sqlite3_bind_int64(set, 1, at);
        step(set);
        step(commit);
    }
    bench_stop(figure, sum ? (double)work->count : 0);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(read);
    sqlite3_finalize(set);
    sqlite3_close(db);
}
