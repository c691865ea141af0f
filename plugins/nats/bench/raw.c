/* raw.c - what libnats alone does: sends events as the plugin does, with the same names, headers, confirmations and bounds, then
 * receives them in batches of the same size and acknowledges them, each acknowledgement confirmed. bench.py compares it with the plugin.
 *
 *   raw URL TOPIC COUNT BATCH      prints events a second: PRODUCED CONSUMED */
#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PENDING = 4096, IN_FLIGHT_BATCHES = 4, BODY = 34, PATIENCE_MS = 60000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long confirmed; /* under the mutex */

static double now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void must(natsStatus status, const char *what) {
    if (status == NATS_OK)
        return;
    fprintf(stderr, "raw: %s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

/* The headers of an event, as the plugin writes them. */
static natsMsg *make(const char *subject, long number) {
    char body[BODY] = { 0 }, id[64], key[24];
    natsMsg *message = NULL;
    natsStatus s = natsMsg_Create(&message, subject, NULL, body, BODY);

    snprintf(id, sizeof id, "5d7a404c-ecf6-11f1-89d7-%012ld-1", number);
    snprintf(key, sizeof key, "key-%ld", number % 1000);
    const char *const headers[][2] = { { "eb-pack", "1" },
                                       { "ce-specversion", "1.0" },
                                       { "ce-type", "org.openedx.learning.auth.session.login.completed.v1" },
                                       { "ce-id", id },
                                       { "ce-source", "openedx/bench/web" },
                                       { "ce-time", "2026-11-30T20:00:00.123456+00:00" },
                                       { "ce-minorversion", "0" },
                                       { "ce-sourcehost", "localhost" },
                                       { "ce-sourcelib", "0.1.0" },
                                       { "eb-key", key },
                                       { "Nats-Msg-Id", id } };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0] && s == NATS_OK; i++)
        s = natsMsgHeader_Add(message, headers[i][0], headers[i][1]);
    must(s, "a message");
    return message;
}

static double produce(jsCtx *js, const char *subject, long count) {
    double begin = now();

    for (long i = 0; i < count; i++) {
        natsMsg *message = make(subject, i);
        must(js_PublishMsgAsync(js, &message, NULL), "publish");
    }
    must(js_PublishAsyncComplete(js, NULL), "confirmations");
    return (double)count / (now() - begin);
}

static void on_confirmed(natsConnection *nc, natsSubscription *sub, natsMsg *message, void *arg) {
    (void)nc;
    (void)sub;
    (void)arg;
    natsMsg_Destroy(message);
    pthread_mutex_lock(&mutex);
    confirmed++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

/* Waits until so many of the acknowledgements are confirmed. */
static void await_confirmed(long count) {
    pthread_mutex_lock(&mutex);
    while (confirmed < count)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static double consume(natsConnection *nc, jsCtx *js, const char *subject, long count, long batch) {
    natsSubscription *sub = NULL, *replies = NULL;
    natsInbox *inbox = NULL;
    jsSubOptions wanted;
    natsMsgList list;
    double begin = now();

    must(natsInbox_Create(&inbox), "an inbox");
    must(natsConnection_Subscribe(&replies, nc, inbox, on_confirmed, NULL), "subscribe");
    must(natsSubscription_SetPendingLimits(replies, -1, -1), "limits");
    jsSubOptions_Init(&wanted);
    wanted.Config.MaxAckPending = -1;
    must(js_PullSubscribe(&sub, js, subject, "eventbus-bench", NULL, &wanted, NULL), "the consumer");
    for (long done = 0; done < count;) {
        await_confirmed(done - (IN_FLIGHT_BATCHES - 1) * batch); /* max_in_flight of the event bus */
        must(natsSubscription_Fetch(&list, sub, (int)(count - done < batch ? count - done : batch), PATIENCE_MS, NULL),
             "fetch");
        done += list.Count;
        for (int i = 0; i < list.Count; i++) {
            const char *id = NULL;
            natsMsgHeader_Get(list.Msgs[i], "ce-id", &id);
            if (!id)
                must(NATS_NOT_FOUND, "ce-id");
            must(natsConnection_PublishRequest(nc, natsMsg_GetReply(list.Msgs[i]), inbox, "+ACK", 4), "acknowledge");
        }
        natsMsgList_Destroy(&list);
    }
    await_confirmed(count);
    double rate = (double)count / (now() - begin);
    natsSubscription_Destroy(replies);
    natsSubscription_Destroy(sub);
    natsInbox_Destroy(inbox);
    return rate;
}

int main(int argc, char **argv) {
    natsConnection *nc = NULL;
    jsOptions options;
    jsCtx *js = NULL;
    jsStreamConfig config;
    char subject[256];
    long count, batch;

    if (argc != 5 || (count = strtol(argv[3], NULL, 10)) <= 0 || (batch = strtol(argv[4], NULL, 10)) <= 0) {
        fprintf(stderr, "usage: raw URL TOPIC COUNT BATCH\n");
        return 2;
    }
    snprintf(subject, sizeof subject, "eventbus.%s", argv[2]);
    const char *subjects[] = { subject };
    must(natsConnection_ConnectTo(&nc, argv[1]), "connect");
    must(jsOptions_Init(&options), "options");
    options.PublishAsync.MaxPending = PENDING;
    must(natsConnection_JetStream(&js, nc, &options), "JetStream");
    must(jsStreamConfig_Init(&config), "the stream");
    config.Name = argv[2];
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    must(js_AddStream(NULL, js, &config, NULL, NULL), "the stream");
    double produced = produce(js, subject, count);
    printf("%.0f %.0f\n", produced, consume(nc, js, subject, count, batch));
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    nats_Close();
    return 0;
}
