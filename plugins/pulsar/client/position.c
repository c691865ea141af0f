/* client/position.c - see position.h. The bytes of a message id are a protobuf message, whose fields are numbers: 1 the
 * ledger, 2 the entry, 3 the partition, 4 the index in the batch, 6 the size of the batch. */
#include "client/position.h"

#include <stdlib.h>
#include <eventbus/plugin-help.h>

/* Writes a number, for each message: printf would take a tenth of the time that a message takes. Returns what follows it. */
static char *write_number(char *at, int64_t number) {
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char digits[20];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        *at++ = '-';
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

size_t pl_position_text(const struct pl_position *p, char out[PL_POSITION_ROOM]) {
    const int64_t numbers[] = { p->ledger, p->entry, p->partition, p->index };
    int n = p->index >= 0 ? 4 : p->partition >= 0 ? 3 : 2;
    char *at = write_number(out, numbers[0]);

    for (int i = 1; i < n; i++) {
        *at++ = ':';
        at = write_number(at, numbers[i]);
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* Reads one number up to `max`, or -1; returns what follows it, or NULL. */
static const char *read_number(const char *at, const char *end, int64_t max, int64_t *number) {
    const char *begin = at;

    *number = 0;
    if (end - at >= 2 && at[0] == '-' && at[1] == '1') {
        *number = -1;
        return at + 2;
    }
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (*number > (max - (*at - '0')) / 10)
            return NULL;
        *number = *number * 10 + (*at - '0');
    }
    return at > begin ? at : NULL;
}

int32_t pl_position_parse(struct eb_text text, struct pl_position *p, struct eb_error *err) {
    static const int64_t most[] = { INT64_MAX, INT64_MAX, INT32_MAX, INT32_MAX };
    int64_t numbers[4] = { -1, -1, -1, -1 };
    const char *at = text.data, *end = at ? at + text.len : NULL;
    size_t n = 0;

    while (at && n < 4 && (at = read_number(at, end, most[n], &numbers[n]))) {
        n++;
        if (at == end)
            break;
        at = *at == ':' && n < 4 ? at + 1 : NULL;
    }
    if (!at || n < 2 || numbers[0] < 0 || numbers[1] < 0) {
        char shown[64];

        ebp_one_line(shown, sizeof shown, text.data ? text.data : "", text.len);
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "\"%s\" is not a position: expected LEDGER:ENTRY[:PARTITION[:INDEX]], such as 12:345 or "
                                 "12:345:0",
                                 shown);
    }
    *p = (struct pl_position){
        .ledger = numbers[0], .entry = numbers[1], .partition = (int32_t)numbers[2], .index = (int32_t)numbers[3]
    };
    return EB_OK;
}

static int compare(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

int pl_position_compare(const struct pl_position *a, const struct pl_position *b) {
    int order = compare(a->ledger, b->ledger);

    if (order == 0)
        order = compare(a->entry, b->entry);
    return order != 0 ? order : compare(a->index, b->index);
}

/* ---- message ids ---- */

/* Skips a field of protobuf that is no number. */
static bool skip_field(struct ebp_reader *reader, unsigned wire_type) {
    struct eb_text skipped;
    uint64_t len = wire_type == 1 ? 8 : 4;

    if (wire_type == 2 && !ebp_get_number(reader, &len))
        return false;
    return (wire_type == 1 || wire_type == 2 || wire_type == 5) && ebp_get_bytes(reader, len, &skipped);
}

bool pl_position_of_bytes(const void *bytes, size_t len, struct pl_position *p) {
    struct ebp_reader reader = ebp_reader_of(bytes, len);
    uint64_t tag, number = 0;

    *p = (struct pl_position){ .ledger = -1, .entry = -1, .partition = -1, .index = -1 };
    while (reader.at < reader.end) {
        if (!ebp_get_number(&reader, &tag) ||
            ((tag & 7) == 0 ? !ebp_get_number(&reader, &number) : !skip_field(&reader, tag & 7)))
            return false;
        if (tag == (1 << 3))
            p->ledger = (int64_t)number;
        else if (tag == (2 << 3))
            p->entry = (int64_t)number;
        else if (tag == (3 << 3))
            p->partition = (int32_t)number;
        else if (tag == (4 << 3))
            p->index = (int32_t)number;
        else if (tag == (6 << 3))
            p->batch_size = (int32_t)number;
    }
    return true;
}

static bool of_bytes(pulsar_message_id_t *id, struct pl_position *p) {
    int len = 0;
    void *bytes = pulsar_message_id_serialize(id, &len);
    bool is_one = bytes && len >= 0 && pl_position_of_bytes(bytes, (size_t)len, p);

    free(bytes);
    return is_one;
}

static bool of_numbers(const pulsar_message_id_t *id, struct pl_position *p) {
    struct pl_id_numbers numbers;

    if (!pl_cxx_id(id, &numbers))
        return false;
    *p = (struct pl_position){ .ledger = numbers.ledger,
                               .entry = numbers.entry,
                               .partition = numbers.partition,
                               .index = numbers.index,
                               .batch_size = numbers.batch_size };
    return true;
}

static bool are_same(const struct pl_position *a, const struct pl_position *b) {
    return pl_position_compare(a, b) == 0 && a->partition == b->partition && a->batch_size == b->batch_size;
}

/* The numbers are read from the id itself, which takes a tenth of the time of writing and reading its bytes, once those of the
 * process's first ids were the same by both ways. */
bool pl_position_of_id(pulsar_message_id_t *id, struct pl_position *p) {
    enum { TRIALS = 8, NEVER = TRIALS + 1 };
    static int trials; /* atomic */
    int so_far = __atomic_load_n(&trials, __ATOMIC_RELAXED);
    struct pl_position by_numbers;

    if (!id)
        return false;
    if (so_far == TRIALS)
        return of_numbers(id, p);
    if (!of_bytes(id, p))
        return false;
    if (so_far < TRIALS)
        __atomic_store_n(&trials, of_numbers(id, &by_numbers) && are_same(p, &by_numbers) ? so_far + 1 : NEVER,
                         __ATOMIC_RELAXED);
    return true;
}

pulsar_message_id_t *pl_position_id(const struct pl_position *p) {
    const int64_t numbers[] = { p->ledger, p->entry, p->partition, p->index };
    unsigned char room[4 * (1 + EBP_NUMBER_MAX)];
    struct ebp_bytes bytes = { .data = room, .room = sizeof room };

    for (unsigned i = 0; i < 4; i++)
        if (i < 2 || numbers[i] >= 0) {
            ebp_put_number(&bytes, (i + 1) << 3);
            ebp_put_number(&bytes, (uint64_t)numbers[i]);
        }
    return pulsar_message_id_deserialize(bytes.data, (uint32_t)bytes.len);
}
