/* core/consume/attempts.c - see attempts.h. */
#include "consume/attempts.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "consume/inflight.h"
#include "signal/attrs.h"

/* Each attempt takes at most a kilobyte. */
enum { MAX_KEPT = 10000, MAX_NAME = 512, MAX_POSITION = 256 };

struct ebi_attempt {
    uint32_t failures;        /* by this worker's count */
    uint32_t least, expected; /* the counts that a correct broker delivers, unless other workers fail on it, too */
    uint32_t deliveries;      /* of the message that was here */
    int64_t first_failed_us;
    int64_t not_before_ms; /* its retry cannot be delivered earlier; INT64_MAX: it was not given for a retry */
    size_t position_len;   /* 0: the plugin names none */
    char position[MAX_POSITION];
    UT_hash_handle hh;
    size_t name_len;
    char name[];
};

/* Whether the broker counts the event's last failure: no; yes; unknown, since the instance was closed before it confirmed. */
enum reason { FOR_RETURN, FOR_RETRY, IN_DOUBT };

struct name {
    size_t len;
    char text[MAX_NAME];
};

static bool add(struct name *name, struct eb_text text) {
    if (text.len >= sizeof name->text - name->len)
        return false;
    memcpy(name->text + name->len, text.data, text.len);
    name->len += text.len;
    name->text[name->len++] = '\0';
    return true;
}

/* Builds what an event is known by: its topic and id, or else its position. False: it has neither, or they are too long. */
static bool name_of(const struct eb_message *message, struct name *name) {
    struct eb_text id = ebi_attr(message, "id");
    bool has_id = id.data && id.len > 0;

    name->len = 0;
    if ((!has_id && !message->position.len) || message->position.len > MAX_POSITION)
        return false;
    return add(name, has_id ? (struct eb_text){ "id", 2 } : (struct eb_text){ "at", 2 }) && add(name, message->topic) &&
           add(name, has_id ? id : message->position);
}

static struct ebi_attempt *find(const struct ebi_attempts *attempts, const struct name *name) {
    struct ebi_attempt *attempt;

    HASH_FIND(hh, attempts->kept, name->text, name->len, attempt);
    return attempt;
}

static void forget(struct ebi_attempts *attempts, struct ebi_attempt *attempt) {
    HASH_DEL(attempts->kept, attempt);
    attempts->n_kept--;
    free(attempt);
}

void ebi_attempts_free(struct ebi_attempts *attempts) {
    while (attempts->kept)
        forget(attempts, attempts->kept);
}

static struct ebi_attempt *add_attempt(struct ebi_attempts *attempts, const struct name *name) {
    struct ebi_attempt *attempt = calloc(1, sizeof *attempt + name->len);

    if (!attempt)
        return NULL;
    attempt->name_len = name->len;
    memcpy(attempt->name, name->text, name->len);
    HASH_ADD(hh, attempts->kept, name, attempt->name_len, attempt);
    if (!EBI_HASHED(attempt)) {
        free(attempt);
        return NULL;
    }
    attempts->n_kept++;
    return attempt;
}

static uint32_t one_more(uint32_t n) {
    return n < UINT32_MAX ? n + 1 : n;
}

static bool keep(struct ebi_attempts *attempts, const struct ebi_inflight *inflight, enum reason why, int64_t not_before_ms,
                 bool may_replace) {
    const struct eb_message *message = &inflight->message;
    struct name name;

    if (!name_of(message, &name))
        return false;
    struct ebi_attempt *attempt = find(attempts, &name);
    if (!attempt && attempts->n_kept >= MAX_KEPT) {
        if (!may_replace)
            return false;
        forget(attempts, attempts->kept); /* the first: uthash keeps the order of adding */
    }
    if (!attempt && !(attempt = add_attempt(attempts, &name)))
        return false;
    attempt->failures = inflight->failures;
    attempt->least = why == FOR_RETRY ? one_more(message->failures) : message->failures;
    attempt->expected = why == FOR_RETURN ? message->failures : one_more(message->failures);
    attempt->deliveries = message->deliveries;
    attempt->first_failed_us = inflight->first_failed_us;
    attempt->not_before_ms = not_before_ms;
    attempt->position_len = message->position.len;
    if (message->position.len)
        memcpy(attempt->position, message->position.data, message->position.len);
    return true;
}

void ebi_attempts_keep(struct ebi_attempts *attempts, const struct ebi_inflight *inflight) {
    if (inflight->failures > 0)
        keep(attempts, inflight, FOR_RETURN, INT64_MAX, true);
}

void ebi_attempts_keep_uncertain(struct ebi_attempts *attempts, const struct ebi_inflight *inflight) {
    if (inflight->failures > 0)
        keep(attempts, inflight, IN_DOUBT, INT64_MAX, true);
}

bool ebi_attempts_keep_retry(struct ebi_attempts *attempts, const struct ebi_inflight *inflight, int64_t delay_ms) {
    if (attempts->broker == EBI_MISCOUNTS)
        return false;
    bool trusted = attempts->broker == EBI_COUNTS;
    /* Half of the delay, since the broker's clock may run differently. */
    return keep(attempts, inflight, FOR_RETRY, ebi_ticks_ms() + delay_ms / 2, trusted) || trusted;
}

static bool same_position(const struct ebi_attempt *attempt, const struct eb_message *message) {
    return attempt->position_len == message->position.len &&
           (!message->position.len || memcmp(attempt->position, message->position.data, message->position.len) == 0);
}

/* Whether the broker's count is wrong: it has forgotten some, or counts what was no failure. Of an event that was handed out
 * once since, which was to this worker, no other one can have failed on it. */
static bool is_wrong(const struct ebi_attempt *attempt, const struct eb_message *message) {
    bool nowhere_else = attempt->deliveries > 0 && message->deliveries == (uint64_t)attempt->deliveries + 1;

    return message->failures < attempt->least || (message->failures > attempt->expected && nowhere_else);
}

/* Whether an event with the same id at another position has attempts of its own: a producer has sent it twice. Else the
 * broker has stored anew what it held for a retry, which takes the time of the retry. */
static bool is_repeat(const struct ebi_attempts *attempts, const struct ebi_attempt *attempt) {
    return attempts->broker == EBI_COUNTS || ebi_ticks_ms() < attempt->not_before_ms;
}

void ebi_attempts_recall(struct ebi_attempts *attempts, struct ebi_inflight *inflight) {
    const struct eb_message *message = &inflight->message;
    struct name name;

    struct ebi_attempt *attempt = attempts->kept && name_of(message, &name) ? find(attempts, &name) : NULL;
    if (!attempt)
        return;
    bool same = same_position(attempt, message);
    if (!same && is_repeat(attempts, attempt))
        return;
    bool wrong = is_wrong(attempt, message);
    uint32_t others = wrong || message->failures < attempt->expected ? 0 : message->failures - attempt->expected;
    inflight->failures = attempt->failures < UINT32_MAX - others ? attempt->failures + others : UINT32_MAX;
    inflight->first_failed_us = attempt->first_failed_us;
    if (same && wrong) {
        attempts->broker = EBI_MISCOUNTS;
        attempts->theirs = message->failures;
        attempts->ours = attempt->failures;
    } else if (same && attempt->least > 0 && attempts->broker == EBI_COUNTING_UNKNOWN) {
        attempts->broker = EBI_COUNTS;
    }
    forget(attempts, attempt);
}
