/* client/message.c - see message.h. */
#include "client/message.h"

#include <string.h>
#include <time.h>

static const char content_type[] = "content-type", avro[] = "application/avro";

/* ---- Writing ---- */

/* Reads n digits, or returns false. */
static bool read_digits(const char **at, const char *end, int n, int *number) {
    for (*number = 0; n > 0; n--, ++*at) {
        if (*at >= end || **at < '0' || **at > '9')
            return false;
        *number = *number * 10 + (**at - '0');
    }
    return true;
}

static bool read_char(const char **at, const char *end, char c) {
    return *at < end && *(*at)++ == c;
}

bool pl_event_time(struct eb_text text, int64_t *ms) {
    const char *at = text.data, *end = at ? at + text.len : NULL;
    struct tm tm = { 0 };
    int fraction = 0, scale = 100, digit;

    if (!at || !read_digits(&at, end, 4, &tm.tm_year) || !read_char(&at, end, '-') || !read_digits(&at, end, 2, &tm.tm_mon) ||
        !read_char(&at, end, '-') || !read_digits(&at, end, 2, &tm.tm_mday) || !read_char(&at, end, 'T') ||
        !read_digits(&at, end, 2, &tm.tm_hour) || !read_char(&at, end, ':') || !read_digits(&at, end, 2, &tm.tm_min) ||
        !read_char(&at, end, ':') || !read_digits(&at, end, 2, &tm.tm_sec))
        return false;
    if (at < end && *at == '.')
        for (at++; read_digits(&at, end, 1, &digit); scale /= 10)
            fraction += digit * scale;
    if (!ebp_text_is(ebp_text(at, (size_t)(end - at)), "+00:00") && !ebp_text_is(ebp_text(at, (size_t)(end - at)), "Z"))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ms = (int64_t)timegm(&tm) * 1000 + fraction;
    return *ms >= 0;
}

/* Whether a text can be a partition key as it is: UTF-8 without NUL, and not empty, which other clients take for no key. */
static bool is_plain_key(struct eb_text key) {
    size_t n;

    for (size_t i = 0; i < key.len; i += n) {
        n = ebp_utf8_length((const unsigned char *)key.data + i, key.len - i);
        if (n == 0 || key.data[i] == '\0')
            return false;
    }
    return key.len > 0;
}

/* Sets the partition key: the key, or the value of eb-key, in which its odd bytes are escaped. */
static int32_t set_key(pulsar_message_t *message, struct eb_text key, const struct ebp_text_headers *text) {
    struct eb_text copy;

    if (!key.data)
        return EB_OK;
    if (is_plain_key(key)) {
        char small[256];
        bool fits = ebp_text_copy(key, small, sizeof small);

        if (!fits && !ebp_text_dup(key, &copy))
            return EB_RETRIABLE;
        pulsar_message_set_partition_key(message, fits ? small : copy.data);
        if (!fits)
            ebp_text_free(&copy);
        return EB_OK;
    }
    for (size_t i = 0; i < text->n; i++)
        if (ebp_text_is(text->list[i].name, "eb-key"))
            pulsar_message_set_partition_key(message, text->list[i].value.data);
    return EB_OK;
}

int32_t pl_message_make(struct ebp_text_headers *text, const struct eb_message *from, pulsar_message_t **out,
                        struct eb_error *err) {
    const char *unfit = ebp_unfit(from);
    pulsar_message_t *message;
    int64_t time_ms;

    if (unfit)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_DATA, 0, "cannot send a message to topic %s: %s", from->topic.data,
                                 unfit);
    message = ebp_text_headers_write(text, from) ? pulsar_message_create() : NULL;
    if (!message || set_key(message, from->key, text) != EB_OK) {
        if (message)
            pulsar_message_free(message);
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory for a message to topic %s",
                                 from->topic.data);
    }
    if (from->payload.len > 0)
        pulsar_message_set_allocated_content(message, (void *)(uintptr_t)from->payload.data, from->payload.len);
    for (size_t i = 0; i < text->n; i++)
        pl_set_property(message, text->list[i].name, text->list[i].value);
    if (!from->decode_error.data)
        pl_set_property(message, ebp_text_of(content_type), ebp_text_of(avro));
    for (size_t i = 0; i < from->n_attrs; i++)
        if (ebp_text_is(from->attrs[i].name, "time") && pl_event_time(from->attrs[i].value, &time_ms))
            pulsar_message_set_event_timestamp(message, (uint64_t)time_ms);
    *out = message;
    return EB_OK;
}

/* ---- Reading ---- */

/* As many properties as a message of the event bus can have. */
enum { PROPERTIES_MAX = EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX + EBP_OWN_HEADERS_MAX + 1 };

/* How many of n are listed. */
static int listed(int n) {
    return n <= PROPERTIES_MAX ? n : 64;
}

/* Lists a copy of them. Returns false without memory. There is room for as many once more. */
static bool list_copied(struct pl_message_reading *r, pulsar_message_t *from, int *n) {
    if (r->properties)
        pulsar_string_map_free(r->properties);
    r->properties = pulsar_message_get_properties(from);
    *n = pulsar_string_map_size(r->properties);
    if (!EBP_RESERVE(r->list, r->room, 2 * listed(*n) + 1))
        return false;
    for (int i = 0; i < listed(*n); i++) {
        r->list[i].name = ebp_text_of(pulsar_string_map_get_key(r->properties, i));
        r->list[i].value = ebp_text_of(pulsar_string_map_get_value(r->properties, i));
    }
    return true;
}

/* Whether the library lends the same as are listed. */
static bool are_lent(struct pl_message_reading *r, pulsar_message_t *from, int n) {
    struct eb_header *lent = r->list + listed(n);
    bool same = pl_cxx_properties(from, lent, listed(n)) == n;

    for (int i = 0; same && i < listed(n); i++)
        same = ebp_text_equal(lent[i].name, r->list[i].name) && ebp_text_equal(lent[i].value, r->list[i].value);
    return same;
}

static bool list_lent(struct pl_message_reading *r, pulsar_message_t *from, int *n) {
    *n = pl_cxx_properties(from, NULL, 0);
    if (*n < 0)
        return list_copied(r, from, n);
    if (!EBP_RESERVE(r->list, r->room, listed(*n) + 1))
        return false;
    pl_cxx_properties(from, r->list, listed(*n));
    return true;
}

/* Lists the properties. Returns false without memory. The C interface copies them, and looks for each from the first one on, which takes
 * a fifth of the time of receiving an event; so they are read where the library has them, once those of the process's first messages
 * were the same by both ways. */
static bool list_properties(struct pl_message_reading *r, pulsar_message_t *from, int *n) {
    enum { TRIALS = 8, NEVER = TRIALS + 1 };
    static int trials; /* atomic */
    int so_far = __atomic_load_n(&trials, __ATOMIC_RELAXED);

    if (so_far == TRIALS)
        return list_lent(r, from, n);
    if (!list_copied(r, from, n))
        return false;
    if (so_far < TRIALS)
        __atomic_store_n(&trials, are_lent(r, from, *n) ? so_far + 1 : NEVER, __ATOMIC_RELAXED);
    return true;
}

/* Leaves out the content-type of a message of the event bus, which pl_message_make added. Returns how many are left. */
static size_t without_content_type(struct eb_header *list, int n) {
    bool packed = false;
    size_t left = 0;

    for (int i = 0; i < n; i++)
        packed = packed || ebp_name_is(list[i].name, "eb-pack");
    for (int i = 0; i < n; i++)
        if (!packed || !ebp_text_is(list[i].name, content_type))
            list[left++] = list[i];
    return left;
}

/* The key of a message that another program sent: what Key_Shared goes by. */
static void take_foreign_key(pulsar_message_t *from, struct eb_message *to) {
    if (pulsar_message_has_ordering_key(from))
        to->key = ebp_text_of(pulsar_message_get_orderingKey(from));
    else if (pulsar_message_has_partition_key(from))
        to->key = ebp_text_of(pulsar_message_get_partitionKey(from));
}

static int32_t read_properties(struct pl_message_reading *r, pulsar_message_t *from, struct eb_message *to,
                               struct eb_error *err) {
    int n, shown;
    int32_t status;

    if (!list_properties(r, from, &n))
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory for the properties of a message");
    shown = listed(n);
    status = ebp_text_headers_read(&r->text, r->list, without_content_type(r->list, shown), to, err);
    if (status != EB_OK)
        return status;
    if (n > shown) {
        snprintf(r->why, sizeof r->why, "it has %d properties, more than a message may have; the first %d are here", n, shown);
        to->decode_error = ebp_text_of(r->why);
    }
    if (!to->key.data)
        take_foreign_key(from, to);
    return EB_OK;
}

static void read_place(struct pl_message_reading *r, const struct pl_position *position, const char *topic,
                       struct eb_message *to) {
    size_t len = pl_position_text(position, r->position);

    *to = (struct eb_message){ .size = sizeof *to };
    to->topic = ebp_text_of(topic);
    to->position = ebp_text(r->position, len);
    to->partition = position->partition >= 0 ? (uint32_t)position->partition : 0;
}

int32_t pl_message_read(struct pl_message_reading *r, pulsar_message_t *from, const struct pl_position *position,
                        const char *topic, struct eb_message *to, struct eb_error *err) {
    const char *data = pulsar_message_get_data(from);
    size_t len = pulsar_message_get_length(from);
    int redelivered = pulsar_message_get_redelivery_count(from);

    read_place(r, position, topic, to);
    to->time_ms = (int64_t)pulsar_message_get_publish_timestamp(from);
    to->deliveries = redelivered > 0 ? (uint32_t)redelivered + 1 : 0; /* those that ended with a connection are not counted */
    to->payload = ebp_text(data && len > 0 ? data : "", len);
    return read_properties(r, from, to, err);
}

bool pl_message_copy_of(struct pl_message_copy *copy, const struct eb_message *from) {
    enum { LARGE = 16384 };

    if (from->decode_error.data || from->payload.len > LARGE || from->n_attrs + from->n_headers > EBP_PAIRS_MAX ||
        !ebp_pack(&copy->bytes, from))
        return false;
    copy->time_ms = from->time_ms;
    copy->deliveries = from->deliveries;
    return true;
}

int32_t pl_message_read_copy(struct pl_message_reading *r, const struct pl_message_copy *copy,
                             const struct pl_position *position, const char *topic, struct eb_message *to,
                             struct eb_error *err) {
    read_place(r, position, topic, to);
    to->time_ms = copy->time_ms;
    to->deliveries = copy->deliveries;
    return ebp_unpack(&r->pairs, ebp_text((const char *)copy->bytes.data, copy->bytes.len), to, err);
}

void pl_message_reading_free(struct pl_message_reading *r) {
    if (r->properties)
        pulsar_string_map_free(r->properties);
    ebp_text_headers_free(&r->text);
    ebp_pairs_free(&r->pairs);
    free(r->list);
    memset(r, 0, sizeof *r);
}
