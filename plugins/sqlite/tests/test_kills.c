/* plugins/sqlite/tests/test_kills.c - producers and workers that are killed at any moment: nothing stored is lost, each key
 * comes in order, and nothing whose acknowledgement was kept comes again. EB_SOAK: much more of it. */
#include "kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history.h"

enum { WORKERS = 4, PRODUCERS = 4, KEYS_EACH = 16, EVENTS = 6000, KILLS = 12, MORE = 20 };

/* ---- the producer: every key of its own, numbered ---- */

struct sender {
    struct kit_host host;
    int history;
    uint32_t first_key, next[KEYS_EACH];
};

static void on_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    struct sender *s = host->core;

    if (report->status != EB_OK)
        exit(4);
    history_write(s->history, STORED, (uint32_t)(report->token >> 32), (uint32_t)report->token);
    s->host.stored++;
}

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    if (level <= 4 && !strstr(text, "the wall clock is")) { /* which this machine may set right at any time */
        kit_say("%s", text);
        exit(6); /* nothing is wrong with the file, nor lost by a hard limit */
    }
}

struct made {
    struct eb_message message;
    char key[16], payload[40];
};

static void make(struct sender *s, struct made *m, uint32_t which) {
    uint32_t key = s->first_key + which, number = s->next[which]++;

    m->message = (struct eb_message){ .size = sizeof m->message, .token = (uint64_t)key << 32 | number, .topic = { "t", 1 } };
    m->message.key.len = (size_t)snprintf(m->key, sizeof m->key, "%u", key);
    m->message.key.data = m->key;
    m->message.payload.len = (size_t)snprintf(m->payload, sizeof m->payload, "%u %u", key, number);
    m->message.payload.data = m->payload;
}

/* send PATH HISTORY FIRST_KEY COUNT RETAIN_EVENTS */
static int send_all(int argc, char **argv) {
    struct sender s = { 0 };
    struct made made[64];
    const struct eb_message *batch[64];
    struct eb_error err = { 0 };
    long count = argc == 5 ? strtol(argv[3], NULL, 10) : 0, retain = argc == 5 ? strtol(argv[4], NULL, 10) : 0;

    if (kit_open_producer(&s.host, &(struct sq_settings){ .path = argv[0], .lease = 30000, .retain_events = retain }, &err) !=
        EB_OK) {
        kit_say("open: %s", err.text);
        return 2;
    }
    s.host.host.core = &s;
    s.host.host.delivered = on_delivered;
    s.host.host.log = on_log;
    s.history = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600);
    s.first_key = (uint32_t)strtoul(argv[2], NULL, 10);
    srandom((unsigned)getpid());
    while ((long)s.host.stored < count) {
        size_t n = 1 + (size_t)random() % 64, want = s.host.stored + n;
        for (size_t i = 0; i < n; i++) {
            make(&s, &made[i], (uint32_t)random() % KEYS_EACH);
            batch[i] = &made[i].message;
        }
        if (kit_producer_ops()->submit(s.host.self, batch, n, &err) != (int64_t)n)
            return 3;
        while (s.host.stored < want)
            if (kit_producer_ops()->poll(s.host.self, 1000, &err) < 0)
                return 3;
    }
    kit_producer_ops()->close(s.host.self, 1000);
    return 0;
}

/* ---- the worker: settles by chance, in order by key, sometimes fails one ---- */

struct job {
    uint64_t token;
    uint32_t key, number;
    enum { NONE, WAITING, DECIDED } state;
    bool acked;
};

struct worker {
    struct eb_host host;
    int history;
    struct job jobs[1024];
    size_t n; /* in the order in which they came */
};

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    struct worker *w = host->core;
    struct job *job = &w->jobs[w->n];
    char text[64];

    if (w->n == sizeof w->jobs / sizeof *w->jobs)
        return EB_FULL;
    snprintf(text, sizeof text, "%.*s", (int)message->payload.len, message->payload.data);
    *job = (struct job){ .token = message->token, .state = WAITING };
    if (sscanf(text, "%u %u", &job->key, &job->number) != 2)
        _exit(5);
    history_write(w->history, HELD, job->key, job->number);
    w->n++;
    return EB_OK;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct worker *w = host->core;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < w->n; k++)
            if (w->jobs[k].token == tokens[i]) {
                if (status == EB_OK && w->jobs[k].acked)
                    history_write(w->history, SETTLED, w->jobs[k].key, w->jobs[k].number);
                w->jobs[k].state = NONE;
            }
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    struct worker *w = host->core;

    (void)grace_ms;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < w->n; k++)
            if (w->jobs[k].token == tokens[i] && w->jobs[k].state == WAITING)
                w->jobs[k].number |= 1u << 31; /* not begun: to be returned */
}

static void forget_settled(struct worker *w) {
    size_t kept = 0;

    for (size_t i = 0; i < w->n; i++)
        if (w->jobs[i].state != NONE)
            w->jobs[kept++] = w->jobs[i];
    w->n = kept;
}

static bool is_first_of_key(const struct worker *w, size_t of) {
    for (size_t i = 0; i < of; i++)
        if (w->jobs[i].state == WAITING && w->jobs[i].key == w->jobs[of].key)
            return false;
    return true;
}

/* A failure: that one again later, its followers returned with it. */
static size_t fail(struct worker *w, size_t which, struct eb_verdict *verdicts) {
    size_t n = 0;

    for (size_t i = which; i < w->n; i++) {
        if (w->jobs[i].state != WAITING || w->jobs[i].key != w->jobs[which].key)
            continue;
        verdicts[n++] = (struct eb_verdict){ .token = w->jobs[i].token,
                                             .kind = i == which ? EB_RETRY : EB_RETURN,
                                             .delay_ms = (uint32_t)random() % 20 };
        w->jobs[i].state = DECIDED;
    }
    return n;
}

static size_t decide_some(struct worker *w, struct eb_verdict *verdicts) {
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++) {
        struct job *job = &w->jobs[i];
        if (job->state != WAITING || !is_first_of_key(w, i) || random() % 3 == 0)
            continue;
        if (job->number >> 31 || random() % 50 == 0)
            return n > 0 ? n : fail(w, i, verdicts);
        history_write(w->history, RUN, job->key, job->number);
        job->acked = true;
        job->state = DECIDED;
        verdicts[n++] = (struct eb_verdict){ .token = job->token, .kind = EB_ACK };
    }
    return n;
}

/* work PATH HISTORY NAME: until killed. */
static int work(int argc, char **argv) {
    static struct worker w;
    struct sq_settings settings = { .path = argv[0], .lease = 5000 };
    struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };
    const char *topic = "t";
    struct eb_subscription sub = { .size = sizeof sub,
                                   .topics = &topic,
                                   .n_topics = 1,
                                   .group = "g",
                                   .consumer = argv[2],
                                   .start = &start,
                                   .order = EB_ORDER_KEY,
                                   .max_messages = 200,
                                   .max_bytes = 1 << 20 };
    struct eb_verdict verdicts[1024];
    struct kit_host host;
    struct eb_error err = { 0 };
    void *self;

    if (argc != 3)
        return 2;
    memset(&host, 0, sizeof host);
    kit_open_host(&host, &settings);
    w.host = host.host;
    w.host.core = &w;
    w.host.received = on_received;
    w.host.settled = on_settled;
    w.host.revoke = on_revoke;
    w.host.link = kit_no_link;
    w.history = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600);
    srandom((unsigned)getpid());
    if (kit_consumer_ops()->open(&w.host, &settings, &sub, &self, &err) != EB_OK)
        return 2;
    for (;;) {
        size_t n;
        if (kit_consumer_ops()->receive(self, 1 + (uint32_t)random() % 64, (int32_t)(random() % 20), &err) < 0) {
            kit_say("%s", err.text);
            return 3;
        }
        forget_settled(&w);
        n = decide_some(&w, verdicts);
        if (kit_consumer_ops()->settle(self, verdicts, n, &err) != EB_OK)
            return 3;
    }
}

/* keep PATH: a producer that has nothing to send, until it is killed. */
static __attribute__((noreturn)) int keep(int argc, char **argv) {
    struct kit_host host;
    struct eb_error err = { 0 };

    (void)argc;
    kit_check(kit_open_producer(&host, &(struct sq_settings){ .path = argv[0], .lease = 30000, .retain_events = 50 }, &err) ==
                  EB_OK,
              "open: %s", err.text);
    kit_say("ready");
    for (;;)
        kit_check(kit_producer_ops()->poll(host.self, 100, &err) >= 0, "poll: %s", err.text);
}

static const struct kit_role roles[] = { { "keep", keep }, { "send", send_all }, { "work", work }, { NULL, NULL } };

/* ---- the test ---- */

static struct kit_child *start_worker(const char *path, const char *history, int n) {
    static const char *const names[WORKERS] = { "w0", "w1", "w2", "w3" };

    return kit_start("work", (const char *const[]){ path, history, names[n], NULL });
}

static struct kit_child *start_sender(const char *path, const char *history, uint32_t *key, long count, long retain) {
    char first[16], events[16], kept[16];

    snprintf(first, sizeof first, "%u", *key);
    snprintf(events, sizeof events, "%ld", count);
    snprintf(kept, sizeof kept, "%ld", retain);
    *key += KEYS_EACH;
    return kit_start("send", (const char *const[]){ path, history, first, events, kept, NULL });
}

/* What it says before it ends, if anything, is why it ends badly. */
static void ended_well(struct kit_child *producer) {
    const char *said = kit_hear(producer, KIT_PATIENCE_MS);
    char why[400] = "";

    if (said)
        snprintf(why, sizeof why, "%s", said);
    int ended = kit_wait(producer);
    kit_check(ended == 0, "a producer ended with %d: %s", ended, why);
}

/* Kills one of them by turns, at any moment, and starts another in its place; at the end of the kills the producers finish
 * and the workers settle the rest. */
static long kill_and_judge(const char *path, int producers, int kills, long events, long retain) {
    const char *history = kit_file("history");
    struct kit_child *workers[WORKERS], *senders[PRODUCERS];
    struct kit_patience patience = { 0 };
    int64_t left;
    uint32_t key = 0;
    struct verdict v;

    for (int i = 0; i < producers; i++)
        senders[i] = start_sender(path, history, &key, events, retain);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start_worker(path, history, i);
    srandom(1);
    for (int k = 0; k < kills; k++) {
        int which = (int)(random() % (WORKERS + producers));
        kit_pause_ms(random() % 100);
        if (which < WORKERS) {
            kit_kill(workers[which]);
            workers[which] = start_worker(path, history, which);
        } else if (key + KEYS_EACH <= HISTORY_KEYS) {
            kit_kill(senders[which - WORKERS]);
            senders[which - WORKERS] = start_sender(path, history, &key, events, retain);
        }
    }
    for (int i = 0; i < producers; i++)
        ended_well(senders[i]);
    while ((left = kit_lag(path, "t", "g")) > 0) {
        for (int i = 0; i < WORKERS; i++)
            kit_check(!kit_has_ended(workers[i]), "worker %d ended: %s", i, kit_hear(workers[i], 0));
        kit_goes_on(&patience, left, "events that are left");
        kit_pause_ms(20);
    }
    v = history_judge(history);
    printf("# %d kills, %ld stored, %ld lines, lost %ld, out of order %ld, repeats %ld, of these after a kept acknowledgement "
           "%ld\n",
           kills, v.stored, v.lines, v.lost, v.out_of_order, v.repeats, v.wrong_repeats);
    kit_check(v.stored >= events && v.lost == 0 && v.out_of_order == 0 && v.wrong_repeats == 0, "%s", v.first);
    return v.stored;
}

static void killed_at_any_moment(void) {
    kill_and_judge(kit_file("bus.db"), 2, (int)(KILLS * kit_size(1, MORE)), EVENTS * kit_size(1, MORE), 0);
}

/* So few are kept that retention is at it whenever something is settled; what a kill leaves half done is rolled back. */
static void killed_while_removing(void) {
    const char *path = kit_file("bus.db");
    struct kit_patience patience = { 0 };
    int64_t rows;
    long stored;

    stored = kill_and_judge(path, PRODUCERS, (int)(KILLS * kit_size(2, MORE)), EVENTS * kit_size(3, MORE), 50);
    rows = kit_number(path, "SELECT count(*) FROM msg");
    printf("# %lld removed meanwhile\n", (long long)(stored - rows));
    for (int i = 0; i < 3; i++) { /* it was a while ago that somebody was at it: these begin soon */
        struct kit_child *keeper = kit_start("keep", (const char *const[]){ path, NULL });
        kit_check(kit_hear(keeper, KIT_PATIENCE_MS) != NULL, "the keeper is not ready");
        kit_pause_ms(random() % 50 + (i > 0 ? 1000 : 0));
        kit_kill(keeper);
    }
    kit_start("keep", (const char *const[]){ path, NULL });
    for (; (rows = kit_number(path, "SELECT count(*) FROM msg")) > 50; kit_pause_ms(20))
        kit_goes_on(&patience, rows, "events that retention leaves");
    kit_check(kit_lag(path, "t", "g") == 0 && kit_group(path, "t", "g").end > stored, "the group lost its place");
    kit_check(kit_number(path, "SELECT count(*) FROM pragma_integrity_check() WHERE integrity_check <> 'ok'") == 0,
              "the file is damaged");
}

static const struct kit_test tests[] = {
    { "4 workers and 2 producers killed at any moment: nothing lost, each key in order", killed_at_any_moment },
    { "4 and 4, while settled events are removed", killed_while_removing },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, roles);
}
