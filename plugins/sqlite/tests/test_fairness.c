/* plugins/sqlite/tests/test_fairness.c - 4 producers and 4 workers on one file while settled events are removed: nobody gets
 * less than his part, the log stays short, and nobody waits long for it. EB_SOAK: for longer, and with a bound on waits. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { EACH = 4, BATCH = 100, KEYS = 1009, LOG_BYTES = 16 << 20, WAIT_MS = 50, TRIES = 5 };

struct tally {
    long n;
    int64_t longest_ms; /* between two signs of progress */
};

static int64_t progress(struct tally *tally, long n, int64_t last_ms) {
    int64_t now_ms = kit_now_ms();

    tally->n += n;
    if (now_ms - last_ms > tally->longest_ms)
        tally->longest_ms = now_ms - last_ms;
    return now_ms;
}

/* send PATH MS RETAIN_EVENTS */
static int send_for(int argc, char **argv) {
    struct sq_settings set = { .path = argv[0], .lease = 30000, .retain_events = argc == 3 ? strtol(argv[2], NULL, 10) : 0 };
    struct tally tally = { 0 };
    struct kit_host host;
    struct eb_error err;
    int64_t end_ms, last_ms;

    if (argc != 3 || kit_open_producer(&host, &set, &err) != EB_OK)
        return 2;
    kit_send_many(&host, "t", 0, BATCH, KEYS);
    last_ms = kit_now_ms();
    for (end_ms = last_ms + strtol(argv[1], NULL, 10); last_ms < end_ms; last_ms = progress(&tally, BATCH, last_ms))
        kit_send_many(&host, "t", tally.n, BATCH, KEYS);
    kit_say("%ld %lld", tally.n, (long long)tally.longest_ms);
    kit_producer_ops()->close(host.self, 1000);
    return 0;
}

/* Counts, and remembers what is to be acknowledged. */
struct worker {
    struct eb_host host;
    struct eb_verdict verdicts[BATCH];
    size_t n;
};

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    struct worker *w = host->core;

    w->verdicts[w->n++] = (struct eb_verdict){ .token = message->token, .kind = EB_ACK };
    return EB_OK;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    (void)host;
    (void)tokens;
    (void)n;
    (void)status;
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)host;
    (void)tokens;
    (void)n;
    (void)grace_ms;
}

/* work PATH MS */
static int work_for(int argc, char **argv) {
    static struct worker w;
    struct sq_settings set = { .path = argv[0], .lease = 30000 };
    struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };
    const char *topic = "t";
    struct eb_subscription sub = { .size = sizeof sub,
                                   .topics = &topic,
                                   .n_topics = 1,
                                   .group = "g",
                                   .consumer = "w",
                                   .start = &start,
                                   .order = EB_ORDER_KEY,
                                   .max_messages = 400,
                                   .max_bytes = 1 << 20 };
    struct tally tally = { 0 };
    struct kit_host host;
    struct eb_error err;
    int64_t end_ms, last_ms;
    void *self;

    kit_open_host(&host, &set);
    w.host = host.host;
    w.host.core = &w;
    w.host.received = on_received;
    w.host.settled = on_settled;
    w.host.revoke = on_revoke;
    w.host.link = kit_no_link;
    if (argc != 2 || kit_consumer_ops()->open(&w.host, &set, &sub, &self, &err) != EB_OK)
        return 2;
    last_ms = kit_now_ms();
    for (end_ms = last_ms + strtol(argv[1], NULL, 10); kit_now_ms() < end_ms;) {
        w.n = 0;
        if (kit_consumer_ops()->receive(self, BATCH, 100, &err) < 0)
            return 3;
        if (w.n > 0)
            last_ms = progress(&tally, (long)w.n, last_ms);
        kit_consumer_ops()->settle(self, w.verdicts, w.n, &err);
    }
    kit_say("%ld %lld", tally.n, (long long)tally.longest_ms);
    kit_consumer_ops()->close(self, 1000);
    return 0;
}

static const struct kit_role roles[] = { { "send", send_for }, { "work", work_for }, { NULL, NULL } };

/* ---- the measure ---- */

/* What the four of a kind did: the least part of one, in percent of the sum, and the longest wait of any. */
struct four {
    long sum, least_percent;
    int64_t longest_ms;
};

static struct four hear_four(struct kit_child **child, int64_t timeout_ms) {
    struct four four = { .least_percent = 100 };
    long n[EACH];

    for (int i = 0; i < EACH; i++) {
        const char *line = kit_hear(child[i], timeout_ms);
        char *rest;
        kit_check(line != NULL, "process %d says nothing", i);
        n[i] = strtol(line, &rest, 10);
        four.sum += n[i];
        if (strtoll(rest, NULL, 10) > four.longest_ms)
            four.longest_ms = strtoll(rest, NULL, 10);
    }
    for (int i = 0; i < EACH; i++) {
        kit_check(kit_wait(child[i]) == 0, "process %d ended badly", i);
        if (n[i] * 100 / (four.sum ? four.sum : 1) < four.least_percent)
            four.least_percent = n[i] * 100 / (four.sum ? four.sum : 1);
    }
    return four;
}

static int64_t log_bytes(const char *path) {
    struct stat about;
    char log[300];

    snprintf(log, sizeof log, "%s-wal", path);
    return stat(log, &about) == 0 ? about.st_size : 0;
}

/* What is not as it should be, or nothing. */
struct verdict {
    char text[200];
    int64_t longest_ms; /* wait of any */
};

static void judge(struct verdict *verdict, const struct four *sent, const struct four *worked, int64_t log) {
    long least = kit_size(10, 15); /* percent */

    *verdict = (struct verdict){ .longest_ms = sent->longest_ms > worked->longest_ms ? sent->longest_ms : worked->longest_ms };
    if (sent->least_percent < least)
        snprintf(verdict->text, sizeof verdict->text, "a producer has %ld %% of the sum", sent->least_percent);
    if (worked->least_percent < least)
        snprintf(verdict->text, sizeof verdict->text, "a worker has %ld %% of the sum", worked->least_percent);
    if (log > LOG_BYTES)
        snprintf(verdict->text, sizeof verdict->text, "the log has %lld bytes", (long long)log);
}

static struct verdict run(const char *path, const char *retain) {
    struct kit_child *senders[EACH], *workers[EACH];
    struct kit_host *p = kit_producer(path); /* the log stays until it is looked at */
    long ms = kit_size(3000, 20000);
    struct four sent, worked;
    struct verdict verdict;
    char time[16];
    int64_t log;

    snprintf(time, sizeof time, "%ld", ms);
    kit_send(p, "t", "k", 1);
    for (int i = 0; i < EACH; i++) {
        workers[i] = kit_start("work", (const char *const[]){ path, time, NULL });
        senders[i] = kit_start("send", (const char *const[]){ path, time, retain, NULL });
    }
    sent = hear_four(senders, ms + 60000);
    worked = hear_four(workers, ms + 60000);
    log = log_bytes(path);
    printf("# keeping %s: sent %ld (least %ld %%, longest wait %lld ms), worked %ld (%ld %%, %lld ms), log %lld KB,"
           " %lld rows\n",
           retain, sent.sum, sent.least_percent, (long long)sent.longest_ms, worked.sum, worked.least_percent,
           (long long)worked.longest_ms, (long long)log >> 10, (long long)kit_number(path, "SELECT count(*) FROM msg"));
    kit_close_producer(p, 1000);
    judge(&verdict, &sent, &worked, log);
    return verdict;
}

/* Answers the longest wait. The small run is so short that one of the eight misses its part if a busy machine gives it no time for a
 * second or two: then it is tried again. A plugin that is not fair is so each time. */
static int64_t run_fairly(const char *name, const char *retain) {
    struct verdict verdict;
    int tries = 0;

    do {
        char file[40];
        snprintf(file, sizeof file, "%s-%d.db", name, tries);
        verdict = run(kit_file(file), retain);
    } while (verdict.text[0] && ++tries < kit_size(TRIES, 1));
    kit_check(!verdict.text[0], "%s", verdict.text);
    return verdict.longest_ms;
}

/* What the machine does to eight processes is in both figures. */
static void four_and_four(void) {
    int64_t without_ms = run_fairly("without", "0"), with_ms = run_fairly("with", "1000");

    kit_check(kit_size(0, 1) == 0 || with_ms < without_ms + WAIT_MS, "the longest wait is %lld ms, %lld without retention",
              (long long)with_ms, (long long)without_ms);
}

static const struct kit_test tests[] = {
    { "4 producers and 4 workers: each has its part, the log stays short", four_and_four },
    { NULL, NULL },
};

int main(int argc, char **argv) {
    return kit_main(argc, argv, tests, roles);
}
