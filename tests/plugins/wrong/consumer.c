/* tests/plugins/wrong/consumer.c - the consumer: a member of its group in each topic, which holds messages by leases. */
#include "consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- joining ---- */

static bool subscribed(const struct consumer *c, const char *topic, bool opening) {
    size_t n = is("reads-the-first-topic") ? 1 : c->sub->n_topics;
    bool pattern = false;

    for (size_t i = 0; i < n; i++)
        if (strcmp(c->sub->topics[i], topic) == 0)
            return opening || !is("waits-for-no-topic");
    for (size_t i = 0; i < n; i++)
        pattern = pattern || strchr(c->sub->topics[i], '*');
    return pattern && (opening || !is("looks-at-patterns-once")) && c->host->matches(c->host, topic);
}

static bool joined(const struct consumer *c, const struct topic *topic) {
    for (size_t g = 0; g < c->member->n_groups; g++)
        if (c->member->groups[g]->topic == topic)
            return true;
    return false;
}

static size_t start_in(const struct topic *topic, const struct eb_point *start) {
    size_t first = 0;

    wrong_point_first(topic, start, &first, NULL);
    if (start->kind == EB_LATEST && is("latest-is-earliest"))
        return 0;
    if (start->kind == EB_POSITION)
        return first + is("starts-behind");
    if (start->kind == EB_TIME && is("starts-behind-a-time") && first > 0 && first < topic->n)
        first += topic->messages[first]->message.time_ms > start->time_ms;
    return first;
}

/* Joins the group in each topic of the subscription that is there. A topic that was made after open is read from its first
 * message, and has no end to wait for. */
static void join(struct consumer *c, bool opening) {
    for (struct topic *topic = broker->topics; topic && c->n_made != broker->n_made; topic = topic->next) {
        struct member *member = c->member;

        if (member->n_groups == TOPICS_MOST || joined(c, topic) || !subscribed(c, topic->name, opening))
            continue;
        c->ends[member->n_groups] = opening ? topic->n : 0;
        member->groups[member->n_groups++] = wrong_make_group(topic, c->sub->group,
                                                              opening ? start_in(topic, c->sub->start) : 0);
    }
    c->n_made = broker->n_made;
}

static void add_member(struct consumer *c) {
    struct member *member = wrong_alloc(sizeof *member);
    char *name = wrong_alloc(strlen(c->sub->consumer) + 1);

    strcpy(name, c->sub->consumer);
    member->pid = getpid();
    member->number = ++broker->n_members;
    member->name = name;
    member->next = broker->members;
    broker->members = c->member = member;
}

int32_t wrong_consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                            struct eb_error *err) {
    struct consumer *c;
    int32_t status = wrong_open(settings, err);

    if (status == EB_OK)
        status = wrong_point_check(sub->start, err);
    if (status != EB_OK)
        return status;
    if (!(c = calloc(1, sizeof *c)))
        abort();
    c->host = host;
    c->sub = sub;
    wrong_lock();
    add_member(c);
    if (is("takes-over-at-open"))
        wrong_bury_the_dead();
    join(c, true);
    wrong_unlock();
    *self = c;
    return EB_OK;
}

/* ---- delivering ---- */

/* Whether an earlier message of the key keeps this one back: out at another member, or waiting for its retry. */
static bool held_back(const struct consumer *c, const struct group *group, size_t i, int64_t now) {
    for (size_t k = group->low; k < i; k++) {
        const struct entry *earlier = &group->entries[k];
        bool out = earlier->state == OUT && earlier->at != c->member && !is("scatters-keys");
        bool retry = earlier->state == WAITING && earlier->due_ms > now && !is("passes-retry");

        if ((out || retry) && wrong_same_key(wrong_message_at(group, k), wrong_message_at(group, i)))
            return true;
    }
    return false;
}

static bool has_room(const struct consumer *c) {
    uint64_t bytes = c->leaked;

    if (is("ignores-bounds"))
        return c->n_hands < HANDS;
    for (size_t i = 0; i < c->n_hands; i++)
        bytes += wrong_message_at(c->hands[i].group, c->hands[i].i)->payload.len;
    if (bytes >= c->sub->max_bytes && !is("ignores-bytes"))
        return false;
    return c->n_hands < HANDS && c->n_hands < c->sub->max_messages;
}

static bool kept_for_nobody(const struct group *group, size_t i) {
    size_t live = 0;

    if (!is("keeps-for-a-fourth"))
        return false;
    for (const struct member *member = broker->members; member; member = member->next)
        for (size_t g = 0; g < member->n_groups; g++)
            live += !member->gone && member->groups[g] == group;
    return live == 3 && i % 10 == 5;
}

/* Notes that the host had no room for this one, the nth of a receive. */
static void note_refused(struct consumer *c, struct entry *entry, uint32_t n) {
    c->refused = entry;
    if (is("drops-refused") || (is("drops-a-refused-fourth") && n == 3))
        entry->state = DONE;
}

/* Touches it, so that it is resident. */
static void hoard(size_t len) {
    static char *volatile last;

    if ((last = malloc(len + 1)))
        memset(last, 1, len + 1);
}

static void hand_out(struct consumer *c, struct group *group, size_t i, int64_t now) {
    struct entry *entry = &group->entries[i];

    c->full_ms = 0;
    c->hands[c->n_hands++] = (struct hand){ ++c->last_token, group, i };
    entry->state = OUT;
    entry->at = c->member;
    entry->until_ms = now + LEASE_MS;
    if (is("hoards"))
        hoard(wrong_message_at(group, i)->payload.len);
}

/* takes-while-full: after a while without room it takes a message all the same, which comes when its lease has ended. */
static void take_without_room(struct consumer *c, struct entry *entry, int64_t now) {
    c->full_ms = c->full_ms > 0 ? c->full_ms : now;
    if (!is("takes-while-full") || c->taken || now < c->full_ms + LEASE_MS)
        return;
    c->taken = entry;
    entry->state = OUT;
    entry->at = c->member;
    entry->until_ms = now + LEASE_MS;
}

static void take_back_what_had_no_room(struct consumer *c, int64_t now) {
    if (!c->taken || c->taken->state != OUT || now < c->taken->until_ms)
        return;
    c->taken->state = WAITING;
    c->taken->deliveries++;
}

/* Offers one message; EB_EMPTY: there is none now. Under the lock, which the host's copying does not mind. */
static int32_t offer_one(struct consumer *c, struct group *group, int64_t now, uint32_t n) {
    for (size_t i = group->low; i < group->n; i++) {
        struct entry *entry = &group->entries[i];
        struct eb_message message;

        if (entry->state != WAITING || entry->due_ms > now || held_back(c, group, i, now) || kept_for_nobody(group, i))
            continue;
        if (!has_room(c)) {
            take_without_room(c, entry, now);
            return EB_EMPTY;
        }
        message = *wrong_message_at(group, i);
        message.token = c->last_token + 1;
        message.lease_ms = LEASE_MS;
        message.deliveries = entry->deliveries + 1;
        message.failures = is("counts-at-one-member") && entry->failed_at != c->member->number ? 0 : entry->failures;
        if (c->host->received(c->host, &message) == EB_FULL) {
            note_refused(c, entry, n);
            return EB_FULL;
        }
        hand_out(c, group, i, now);
        return EB_OK;
    }
    return EB_EMPTY;
}

/* waits-at-each-topic: looks at one topic after the other, and gives each time. */
static void dawdle(const struct consumer *c) {
    if (!is("waits-at-each-topic") || c->member->n_groups < 10 || c->sub->max_messages > 1)
        return;
    wrong_unlock();
    nanosleep(&(struct timespec){ .tv_nsec = 250000000 }, NULL);
    wrong_lock();
}

static void look_again(struct consumer *c, int64_t now) {
    if (!is("takes-over-at-open"))
        wrong_bury_the_dead();
    join(c, false);
    take_back_what_had_no_room(c, now);
    for (size_t g = 0; g < c->member->n_groups; g++) {
        wrong_follow(c->member->groups[g]);
        wrong_take_back(c->member->groups[g], now);
    }
}

static uint32_t offer(struct consumer *c, uint32_t max, int64_t now) {
    uint32_t n = 0;

    look_again(c, now);
    if (c->paused && !is("ignores-pause"))
        return 0;
    dawdle(c);
    for (size_t g = 0; g < c->member->n_groups; g++)
        while (n < max + (max > 2 && is("hands-over-too-many"))) {
            int32_t status = offer_one(c, c->member->groups[g], now, n);
            if (status == EB_FULL)
                return n;
            if (status == EB_EMPTY)
                break;
            n++;
        }
    return n;
}

/* ---- receive ---- */

/* Whether until_end need not wait for an entry: it is settled, or another live member has it. */
static bool needs_no_wait(const struct consumer *c, const struct entry *entry) {
    return entry->state == DONE || (entry->state == OUT && entry->at != c->member) ||
           (is("ends-too-early") && entry->state == OUT) || (is("ends-before-retry") && entry->state == WAITING);
}

static bool at_end(const struct consumer *c) {
    for (size_t g = 0; g < c->member->n_groups; g++) {
        const struct group *group = c->member->groups[g];
        if (is("never-ends-after-a-trim") && group->topic->first > 0)
            return false;
        for (size_t i = group->low; i < c->ends[g]; i++)
            if (i >= group->n || !needs_no_wait(c, &group->entries[i]))
                return false;
    }
    return c->sub->until_end;
}

/* When there is something to look at: a retry that was not due at the last offer, or what another member has, which may die. */
static int64_t next_ms(const struct consumer *c, int64_t offered_ms, int64_t end_ms) {
    int64_t next = end_ms;

    for (size_t g = 0; g < c->member->n_groups; g++) {
        const struct group *group = c->member->groups[g];
        for (size_t i = group->low; i < group->n; i++) {
            const struct entry *entry = &group->entries[i];
            int64_t at = entry->state == WAITING && entry->due_ms > offered_ms ? entry->due_ms
                         : entry->state == OUT && entry->at != c->member       ? offered_ms + 50
                                                                               : end_ms;
            if (at < next)
                next = at;
        }
    }
    return next;
}

/* drops-at-a-wake: what a read brought that a wake cut short is lost. */
static void drop_one(struct consumer *c) {
    if (!is("drops-at-a-wake") || !c->waiter.ever || c->member->n_groups == 0)
        return;
    wrong_follow(c->member->groups[0]);
    for (size_t i = c->member->groups[0]->low; i < c->member->groups[0]->n; i++)
        if (c->member->groups[0]->entries[i].state == WAITING && i % 20 == 7)
            c->member->groups[0]->entries[i].state = DONE;
}

/* Offers, and waits for something to offer. */
static int32_t take_turns(struct consumer *c, uint32_t max, int64_t now, int64_t end_ms) {
    int32_t status = max > 0 && offer(c, max, now) > 0 ? EB_OK : EB_EMPTY;

    while (is("waits-for-a-batch") && status == EB_OK && wrong_now_ms(CLOCK_MONOTONIC) < end_ms)
        wrong_wait(&c->waiter, end_ms);
    while (status == EB_EMPTY && !c->refused && !c->waiter.woken && !at_end(c) && now < end_ms) {
        wrong_wait(&c->waiter, next_ms(c, now, end_ms));
        now = wrong_now_ms(CLOCK_MONOTONIC);
        wrong_renew(c, now);
        if (max > 0 && offer(c, max, now) > 0)
            status = EB_OK;
    }
    return status == EB_EMPTY && at_end(c) ? EB_END : status;
}

int32_t wrong_consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct consumer *c = self;
    int64_t now = wrong_now_ms(CLOCK_MONOTONIC), end_ms = now + (is("forgets-time") && timeout_ms > 100 ? 3600000 : timeout_ms);
    int32_t status;

    (void)err;
    if (!c->up)
        c->host->link(c->host, 1, NULL);
    c->up = true;
    c->refused = NULL;
    if (is("hands-over-at-0") && max == 0)
        max = 1;
    if (c->n_late > 0)
        c->host->settled(c->host, c->late, c->n_late, EB_OK);
    c->n_late = 0;
    wrong_lock();
    wrong_renew(c, now);
    drop_one(c);
    look_again(c, now);
    status = take_turns(c, max, now, end_ms);
    c->waiter.woken = false;
    wrong_unlock();
    return status == EB_EMPTY && is("calls-nothing-a-success") ? EB_OK : status;
}

/* ---- wake, pause, close ---- */

void wrong_consumer_wake(void *self) {
    wrong_wake(&((struct consumer *)self)->waiter);
}

void wrong_consumer_pause(void *self, uint32_t partition, int32_t on) {
    struct consumer *c = self;

    c->paused = on && partition == 0; /* a topic has one */
}

void wrong_consumer_close(void *self, int32_t timeout_ms) {
    struct consumer *c = self;

    (void)timeout_ms;
    if (c->n_late > 0)
        c->host->settled(c->host, c->late, c->n_late, EB_OK);
    wrong_lock();
    for (size_t g = 0; g < c->member->n_groups && is("swallows-prefetched"); g++)
        for (size_t i = 0; i < c->member->groups[g]->n; i++)
            c->member->groups[g]->entries[i].state = DONE;
    if (is("drops-the-refused-at-close") && c->refused)
        c->refused->state = DONE;
    c->member->gone = true;
    wrong_notify();
    wrong_unlock();
    if (is("keeps-memory"))
        hoard(16384);
    free(c); /* every token has its verdict, and each was answered at once */
}
