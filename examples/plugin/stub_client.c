/* stub_client.c - the stub's client library: the thread of a connection. FILL IN: delete it; see stub.h. */
#include "stub_broker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    HEARTBEAT_MS = 50, /* how often the thread looks whether the broker is in reach */
    BATCH = 64         /* commands and messages between two looks at everything else */
};

struct command { /* what the application queued */
    struct command *next;
    struct stored *stored; /* a message to publish; NULL: a verdict */
    uint64_t tag;
    enum stub_verdict verdict;
    uint32_t delay_ms;
    void *what;
};

struct result { /* what the thread calls back about, once it holds no lock */
    bool published, in_time;
    enum stub_result result;
    uint64_t number;
    void *what;
};

struct stub_client {
    struct broker *broker;
    const char *host, *away;
    const struct stub_callbacks *callbacks;
    void *arg;
    struct member member;
    pthread_t thread;
    bool closing, up, told, told_end; /* told: why the first connection failed */
    struct command *first, **last;
    size_t wanted; /* the open request */
    uint64_t wanted_bytes;
    int64_t due; /* when a delayed message is due */
};

/* Waits for a change, until `until` at most. */
static void wait_until(struct stub_client *client, int64_t until) {
    struct timespec at = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };

    pthread_cond_timedwait(&client->broker->changed, &stub_mutex, &at);
}

/* ---- the thread; it holds the mutex, except while it calls back ---- */

static void tell_connection(struct stub_client *client, bool up, const char *why) {
    client->up = up;
    client->told = true;
    pthread_cond_broadcast(&client->broker->changed);
    pthread_mutex_unlock(&stub_mutex);
    if (client->callbacks->connection)
        client->callbacks->connection(client->arg, up, why);
    pthread_mutex_lock(&stub_mutex);
}

static void check_connection(struct stub_client *client) {
    bool local = strcmp(client->host, "localhost") == 0, away = client->away && access(client->away, F_OK) == 0;
    const char *why = !local ? "no such host" : away ? "connection refused" : NULL;

    if (!why && !client->up) {
        if (client->member.subscription)
            stub_join(client->broker, &client->member);
        tell_connection(client, true, NULL);
    } else if (why && (client->up || !client->told)) {
        stub_give_up(client->broker, client, false); /* a broker gives to others what a lost connection held */
        client->wanted = 0;                          /* the request was lost with it */
        tell_connection(client, false, client->up ? "the connection was closed by the broker" : why);
    }
}

static void carry_out(struct stub_client *client, struct command *command, struct result *result) {
    *result = (struct result){ .published = command->stored, .what = command->what };
    if (command->stored) {
        result->result = stub_append(client->broker, command->stored);
        result->number = command->stored->number;
        if (result->result != STUB_OK)
            stub_release(command->stored);
    } else {
        result->in_time = stub_decide(client->broker, &client->member, command->tag, command->verdict, command->delay_ms);
    }
    free(command);
}

static void call_back(const struct stub_client *client, const struct result *result) {
    if (result->published)
        client->callbacks->published(client->arg, result->what, result->result, result->number);
    else
        client->callbacks->settled(client->arg, result->what, result->in_time);
}

static bool run_commands(struct stub_client *client) {
    struct result results[BATCH];
    size_t n = 0;

    while (client->first && n < BATCH) {
        struct command *command = client->first;
        client->first = command->next;
        if (!client->first)
            client->last = &client->first;
        carry_out(client, command, &results[n++]);
    }
    if (n == 0)
        return false;
    pthread_cond_broadcast(&client->broker->changed);
    pthread_mutex_unlock(&stub_mutex);
    for (size_t i = 0; i < n; i++)
        call_back(client, &results[i]);
    pthread_mutex_lock(&stub_mutex);
    return true;
}

static bool run_fetch(struct stub_client *client) {
    struct stub_message *first = NULL;
    size_t n = client->wanted < BATCH ? client->wanted : BATCH;

    client->due = INT64_MAX;
    if (n == 0 || stub_claim(client->broker, &client->member, n, client->wanted_bytes, &first, &client->due) == 0)
        return false;
    client->wanted = 0;
    pthread_mutex_unlock(&stub_mutex);
    while (first) {
        struct stub_message *message = first;
        first = message->next;
        message->next = NULL;
        client->callbacks->message(client->arg, message, !first);
    }
    pthread_mutex_lock(&stub_mutex);
    return true;
}

static void tell_end(struct stub_client *client) {
    if (!client->member.subscription || !client->member.subscription->until_end || client->told_end ||
        !stub_at_end(client->broker, &client->member))
        return;
    client->told_end = true;
    pthread_mutex_unlock(&stub_mutex);
    client->callbacks->ended(client->arg);
    pthread_mutex_lock(&stub_mutex);
}

static void *run(void *arg) {
    struct stub_client *client = arg;
    bool worked;

    pthread_mutex_lock(&stub_mutex);
    while (!client->closing) {
        check_connection(client);
        worked = client->up && run_commands(client);
        worked |= client->up && run_fetch(client);
        if (client->up)
            tell_end(client);
        int64_t until = stub_now_ms() + HEARTBEAT_MS;
        if (!worked && !client->closing && !(client->up && client->first))
            wait_until(client, client->due < until ? client->due : until);
    }
    pthread_mutex_unlock(&stub_mutex);
    return NULL;
}

/* ---- what the application calls ---- */

struct stub_client *stub_connect(const char *host, const char *name, const char *away,
                                 const struct stub_subscription *subscription, const struct stub_callbacks *callbacks,
                                 void *arg) {
    struct stub_client *client = calloc(1, sizeof *client);

    if (!client || !(client->broker = stub_broker(name))) {
        free(client);
        return NULL;
    }
    client->host = host;
    client->away = away;
    client->callbacks = callbacks;
    client->arg = arg;
    client->last = &client->first;
    client->due = INT64_MAX;
    client->member = (struct member){ .client = client, .subscription = subscription, .wants = callbacks->wants, .arg = arg };
    pthread_mutex_lock(&stub_mutex);
    if (pthread_create(&client->thread, NULL, run, client) != 0) {
        pthread_mutex_unlock(&stub_mutex);
        free(client);
        return NULL;
    }
    if (subscription) {
        client->member.next = client->broker->members;
        client->broker->members = &client->member;
    }
    pthread_mutex_unlock(&stub_mutex);
    return client;
}

bool stub_wait_connected(struct stub_client *client, int64_t ms) {
    int64_t until = stub_now_ms() + ms;

    pthread_mutex_lock(&stub_mutex);
    while (!client->up && stub_now_ms() < until)
        wait_until(client, until);
    bool up = client->up;
    pthread_mutex_unlock(&stub_mutex);
    return up;
}

static void leave(struct stub_client *client) {
    struct member **at = &client->broker->members;

    while (*at && *at != &client->member)
        at = &(*at)->next;
    if (*at)
        *at = client->member.next;
    stub_give_up(client->broker, client, true);
    pthread_cond_broadcast(&client->broker->changed);
}

void stub_close(struct stub_client *client) {
    pthread_mutex_lock(&stub_mutex);
    client->closing = true;
    pthread_cond_broadcast(&client->broker->changed);
    pthread_mutex_unlock(&stub_mutex);
    pthread_join(client->thread, NULL);
    pthread_mutex_lock(&stub_mutex);
    leave(client);
    pthread_mutex_unlock(&stub_mutex);
    while (client->first) {
        struct command *command = client->first;
        struct result result = { .published = command->stored, .result = STUB_DISCARDED, .what = command->what };
        client->first = command->next;
        free(command->stored);
        free(command);
        call_back(client, &result);
    }
    free(client);
}

struct broker *stub_broker_of(struct stub_client *client) {
    return client->broker;
}

static bool queue(struct stub_client *client, struct command what) {
    struct command *command = malloc(sizeof *command);

    if (!command)
        return false;
    *command = what;
    pthread_mutex_lock(&stub_mutex);
    *client->last = command;
    client->last = &command->next;
    pthread_cond_broadcast(&client->broker->changed);
    pthread_mutex_unlock(&stub_mutex);
    return true;
}

bool stub_publish(struct stub_client *client, const char *topic, const char *key, size_t key_len, const char *bytes, size_t len,
                  void *what) {
    struct stored *stored = stub_store(topic, key, key_len, bytes, len);

    if (stored && queue(client, (struct command){ .stored = stored, .what = what }))
        return true;
    free(stored);
    return false;
}

bool stub_settle(struct stub_client *client, uint64_t tag, enum stub_verdict verdict, uint32_t delay_ms, void *what) {
    return queue(client, (struct command){ .tag = tag, .verdict = verdict, .delay_ms = delay_ms, .what = what });
}

void stub_fetch(struct stub_client *client, size_t n, uint64_t bytes) {
    pthread_mutex_lock(&stub_mutex);
    client->wanted = n;
    client->wanted_bytes = bytes;
    pthread_cond_broadcast(&client->broker->changed);
    pthread_mutex_unlock(&stub_mutex);
}
