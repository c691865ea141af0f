/* core/base/uuid.c - event ids: see uuid.h. */
#include "base/uuid.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "base/backoff.h"

/* UUID time: 100 ns ticks since the Gregorian calendar began, in October 1582. */
static const uint64_t TICKS_TO_1970 = UINT64_C(0x01b21dd213814000);

/* What makes the ids of this process unique. The node is random, with the bit that says so (RFC 9562, 6.10): the address of a network
 * card would show which machine an event came from, and be the same in all its processes. */
static struct {
    pthread_mutex_t mutex;
    bool seeded;
    uint64_t last;     /* ticks of the last id */
    uint64_t node;     /* 48 bits */
    uint16_t sequence; /* 14 bits */
} maker = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void before_fork(void) {
    pthread_mutex_lock(&maker.mutex);
}

static void in_parent(void) {
    pthread_mutex_unlock(&maker.mutex);
}

static void in_child(void) {
    maker.seeded = false; /* otherwise parent and child would make the same ids */
    pthread_mutex_unlock(&maker.mutex);
}

static void watch_forks(void) {
    pthread_atfork(before_fork, in_parent, in_child);
}

static void seed(void) {
    uint64_t node = ebi_chance(), sequence = ebi_chance();

    maker.node = (node & UINT64_C(0xffffffffffff)) | UINT64_C(0x010000000000);
    maker.sequence = (uint16_t)(sequence & 0x3fff);
    maker.seeded = true;
}

static uint64_t ticks_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 10000000u + (uint64_t)now.tv_nsec / 100u + TICKS_TO_1970;
}

static char *put_hex(char *text, uint64_t value, unsigned digits) {
    while (digits--)
        *text++ = "0123456789abcdef"[value >> (4 * digits) & 0xf];
    return text;
}

int64_t ebi_uuid_new(char text[EBI_UUID_ROOM]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t now, ticks, node, sequence;

    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&maker.mutex);
    if (!maker.seeded)
        seed();
    now = ticks = ticks_now();
    if (ticks <= maker.last)
        ticks = maker.last + 1; /* called faster than the clock ticks, or it was set back: counts on, as Python does */
    maker.last = ticks;
    node = maker.node;
    sequence = maker.sequence;
    pthread_mutex_unlock(&maker.mutex);

    text = put_hex(text, ticks & 0xffffffff, 8);
    *text++ = '-';
    text = put_hex(text, ticks >> 32 & 0xffff, 4);
    *text++ = '-';
    text = put_hex(text, (ticks >> 48 & 0x0fff) | 0x1000, 4);
    *text++ = '-';
    text = put_hex(text, sequence | 0x8000, 4);
    *text++ = '-';
    *put_hex(text, node, 12) = '\0';
    return (int64_t)(now - TICKS_TO_1970) / 10;
}

static bool are_hex(const char *text, size_t len) {
    bool all = true;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        all &= (unsigned char)(c - '0') < 10 || (unsigned char)((c | 0x20) - 'a') < 6;
    }
    return all;
}

bool ebi_uuid_valid(const char *text, size_t len) {
    return len == EBI_UUID_ROOM - 1 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' &&
           are_hex(text, 8) && are_hex(text + 9, 4) && are_hex(text + 14, 4) && are_hex(text + 19, 4) && are_hex(text + 24, 12);
}
