/* tests/plugins/wrong/consumer.h - an open consumer, for the files that are one: consumer.c delivers, settle.c has the verdicts. */
#ifndef WRONG_CONSUMER_H
#define WRONG_CONSUMER_H

#include "wrong.h"

/* A message that the host has. */
struct hand {
    uint64_t token;
    struct group *group;
    size_t i;
};

enum { HANDS = 1000 };

struct consumer {
    const struct eb_host *host;
    const struct eb_subscription *sub;
    struct waiter waiter;
    struct member *member;
    size_t ends[TOPICS_MOST]; /* of the member's groups: where until_end ends */
    uint32_t n_made;          /* topics that were looked at */
    struct hand hands[HANDS];
    size_t n_hands;
    uint64_t last_token;
    uint64_t late[HANDS]; /* stays-in-receive: verdicts that receive answers */
    size_t n_late;
    uint64_t leaked;       /* leaks-its-allowance: bytes that are never given back */
    struct entry *refused; /* the message that the host had no room for */
    int64_t full_ms;       /* since when there is no room; 0: there was some at the last offer */
    struct entry *taken;   /* takes-while-full: the message that there was no room for */
    bool up, paused;
};

static inline const struct eb_message *wrong_message_at(const struct group *group, size_t i) {
    return &group->topic->messages[i]->message;
}

/* What a member does is a sign of life: its leases go on. Lock held. */
void wrong_renew(struct consumer *, int64_t now_ms);

#endif
