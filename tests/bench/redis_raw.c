/* tests/bench/redis_raw.c - the server of the bench, and raw hiredis at the entries that the bus writes. */
#include "redis_sides.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77 };

static struct {
    FILE *told; /* the server's URL */
    pid_t pid;  /* of the program that holds the server */
    char url[100];
    int port;
} server;

static const char body[] = "\xf6\x01\x01\x0c"
                           "foobob"
                           "\x1e"
                           "bob@foo.example"
                           "\x0e"
                           "Bob Foo";

/* ---- One connection ---- */

static redisContext *connect_to_it(void) {
    redisContext *c = redisConnect("127.0.0.1", server.port);

    if (!c || c->err)
        bench_die("cannot connect to redis: %s", c ? c->errstr : "no memory");
    return c;
}

static redisReply *checked(redisContext *c, redisReply *reply) {
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        bench_die("redis: %s", reply ? reply->str : c->errstr);
    return reply;
}

static redisReply *next(redisContext *c) {
    void *reply = NULL;

    redisGetReply(c, &reply);
    return checked(c, reply);
}

static void ask(redisContext *c, const char *command) {
    freeReplyObject(checked(c, redisCommand(c, command)));
}

/* ---- The server ---- */

static void start_server(int out) {
    const char *top = getenv("top_srcdir");
    char script[500];

    snprintf(script, sizeof script, "%s/tests/brokers/redis_server.py", top ? top : ".");
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a bench that dies leaves no server behind */
    dup2(out, STDOUT_FILENO);
    execlp("python3", "python3", script, (char *)NULL);
    _exit(127);
}

/* A machine without redis-server has nothing to compare: that is no bound that was missed. */
static void end_without_server(void) {
    int status = 0;

    waitpid(server.pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != SKIPPED)
        bench_die("redis-server did not start");
    exit(0);
}

void redis_begin(void) {
    int ends[2];
    const char *colon;

    if (pipe(ends) != 0 || (server.pid = fork()) < 0)
        bench_die("cannot start a process");
    if (server.pid == 0)
        start_server(ends[1]);
    close(ends[1]);
    server.told = fdopen(ends[0], "r");
    if (!server.told || !fgets(server.url, sizeof server.url, server.told))
        end_without_server();
    server.url[strcspn(server.url, "\n")] = '\0';
    colon = strrchr(server.url, ':');
    server.port = colon ? atoi(colon + 1) : 0;

    redisContext *c = connect_to_it();
    redisReply *info = checked(c, redisCommand(c, "INFO server"));
    const char *pid = strstr(info->str, "process_id:");
    bench_pin(pid ? atoi(pid + strlen("process_id:")) : 0, 1);
    freeReplyObject(info);
    redisFree(c);
}

void redis_end(void) {
    kill(server.pid, SIGTERM);
    waitpid(server.pid, NULL, 0);
    fclose(server.told);
}

const char *redis_url(void) {
    return server.url;
}

void redis_flush(void) {
    redisContext *c = connect_to_it();

    ask(c, "FLUSHALL");
    redisFree(c);
}

/* ---- Producing ---- */

static void append(redisContext *c) {
    static const char *const words[] = { "XADD",
                                         BUS_TOPIC,
                                         "*",
                                         "type",
                                         "org.openedx.learning.auth.session.login.completed.v1",
                                         "id",
                                         "7ab7dfa8-e77e-11f1-aaa2-02fc00000001",
                                         "source",
                                         "openedx/lms/web",
                                         "time",
                                         "2026-11-23T20:43:03.596269+00:00",
                                         "minorversion",
                                         "0",
                                         "sourcehost",
                                         "web-1",
                                         "sourcelib",
                                         "11.2.0",
                                         "event_data",
                                         body };
    enum { WORDS = sizeof words / sizeof *words };
    const char *argv[WORDS];
    size_t len[WORDS];

    memcpy(argv, words, sizeof words);
    for (size_t i = 0; i < WORDS - 1; i++)
        len[i] = strlen(argv[i]);
    len[WORDS - 1] = sizeof body - 1;
    redisAppendCommandArgv(c, WORDS, argv, len);
}

static void send_in_batches(redisContext *c, long count) {
    for (long done = 0; done < count; done += REDIS_BATCH) {
        for (int i = 0; i < REDIS_BATCH; i++)
            append(c);
        for (int i = 0; i < REDIS_BATCH; i++)
            freeReplyObject(next(c));
    }
}

void redis_fill(long count) {
    redisContext *c = connect_to_it();

    ask(c, "FLUSHALL");
    send_in_batches(c, count);
    redisFree(c);
}

void raw_produce(void *arg, struct bench_figure *figure) {
    const struct bus_work *work = arg;
    redisContext *c = connect_to_it();

    ask(c, "FLUSHALL");
    bench_start(figure);
    send_in_batches(c, work->count);
    bench_stop(figure, (double)work->count);
    redisFree(c);
}

/* ---- Consuming ---- */

/* Acknowledges all entries of one answer, [[stream, [[id, fields]...]]]; how many they were. */
static long acknowledge(redisContext *c, const redisReply *read) {
    const redisReply *entries = read->type == REDIS_REPLY_ARRAY ? read->element[0]->element[1] : NULL;
    const char *argv[REDIS_BATCH + 3] = { "XACK", BUS_TOPIC, "raw" };
    size_t len[REDIS_BATCH + 3] = { 4, sizeof BUS_TOPIC - 1, 3 };

    if (!entries || entries->elements > REDIS_BATCH)
        return 0;
    for (size_t i = 0; i < entries->elements; i++) {
        argv[3 + i] = entries->element[i]->element[0]->str;
        len[3 + i] = (size_t)entries->element[i]->element[0]->len;
    }
    freeReplyObject(checked(c, redisCommandArgv(c, 3 + (int)entries->elements, argv, len)));
    return (long)entries->elements;
}

void raw_consume(void *arg, struct bench_figure *figure) {
    const struct bus_work *work = arg;
    redisContext *c = connect_to_it();
    long done = 0;

    redisReply *gone = redisCommand(c, "XGROUP DESTROY " BUS_TOPIC " raw");
    freeReplyObject(gone);
    ask(c, "XGROUP CREATE " BUS_TOPIC " raw 0");
    bench_start(figure);
    while (done < work->count) {
        redisReply *read = checked(c, redisCommand(c, "XREADGROUP GROUP raw one COUNT 100 STREAMS " BUS_TOPIC " >"));
        long n = acknowledge(c, read);

        freeReplyObject(read);
        if (n == 0)
            bench_die("the stream ended after %ld of %ld", done, work->count);
        done += n;
    }
    bench_stop(figure, (double)work->count);
    redisFree(c);
}

/* ---- Latency ---- */

static void raw_receive(const struct bus_work *work, int told) {
    redisContext *c = connect_to_it();

    (void)work;
    ask(c, "XGROUP CREATE " BUS_TOPIC " raw 0 MKSTREAM");
    if (write(told, "r", 1) != 1)
        _exit(1);
    for (;;) {
        void *answer = redisCommand(c, "XREADGROUP GROUP raw one COUNT 100 BLOCK 0 STREAMS " BUS_TOPIC " >");
        redisReply *read = checked(c, answer);

        if (write(told, "e", 1) != 1)
            _exit(1);
        acknowledge(c, read);
        freeReplyObject(read);
    }
}

static void *raw_open(const struct bus_work *work) {
    (void)work;
    return connect_to_it();
}

static void raw_send(void *c) {
    append(c);
    freeReplyObject(next(c));
}

static void raw_close(void *c) {
    redisFree(c);
}

const struct bus_pair raw_pair = { raw_receive, raw_open, raw_send, raw_close };
