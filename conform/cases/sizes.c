/* conform/cases/sizes.c - payloads, keys and headers of every size and of odd bytes: each is stored as it is, or refused with
 * EB_PERMANENT, and what stands beside it in a batch is stored. */
#include "cases/case.h"

#include <string.h>

/* Submits all at once. Events without a key that begins with "ordinary" may be refused. Returns how many are stored. */
static size_t send_at_once(struct ebc_test *t, struct ebc_range sent, enum ebc_rule rule) {
    struct ebc_producer *p = ebc_producer(t);
    size_t stored = 0;

    ebc_submit_and_wait(p, sent);
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *event = ebc_event(t, sent, i);
        bool ordinary = event->message.key.len >= 8 && memcmp(event->message.key.data, "ordinary", 8) == 0;

        if (event->status == EB_OK)
            stored++;
        else if (event->status != EB_PERMANENT)
            ebc_break(t, rule,
                      "expected event %zu, payload %zu bytes, key %zu bytes, %zu headers, to be stored or refused with "
                      "EB_PERMANENT; came status %d: %s",
                      event->number, event->message.payload.len, event->message.key.len, event->message.n_headers,
                      event->status, event->error);
        else if (ordinary)
            ebc_break(t, rule,
                      "expected event %zu, an ordinary one between others, to be stored whatever becomes of those; came "
                      "EB_PERMANENT: %s",
                      event->number, event->error);
    }
    ebc_close_producer(p, 1000);
    return stored;
}

static void add_ordinary(struct ebc_test *t, const char *topic) {
    ebc_new_event(t, topic, ebc_format(t, "ordinary-%zu", t->n_events));
}

/* Sends all that the test has made, reads what is stored through a consumer with these bounds, and compares. */
static void send_and_compare(struct ebc_test *t, const char *topic, enum ebc_rule rule, uint64_t max_bytes) {
    const char *group = ebc_group(t, topic, "g");
    struct ebc_range sent = { 0, t->n_events };
    size_t stored;
    struct ebc_consumer *c;

    if (!(t->plugin.consumer->traits & EB_T_HISTORY))
        ebc_skip(t, "the group begins with events of its own, and the plugin does not claim EB_T_HISTORY");
    stored = send_at_once(t, sent, rule);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_bytes = max_bytes });
    ebc_receive_and_ack(c, stored);
    ebc_wait_settled(c);
    ebc_receive_for_quiet_ms(c);
    for (size_t i = 0; i < ebc_count(c); i++) {
        ebc_expect_same_values(t, ebc_all(c)[i]);
        ebc_expect_same_attrs(t, ebc_all(c)[i]);
    }
    for (size_t i = 0; i < sent.n; i++) {
        const struct ebc_event *event = ebc_event(t, sent, i);
        bool came = ebc_find_event(ebc_all(c), ebc_count(c), event) != NULL;

        if (came != (event->status == EB_OK))
            ebc_break(t, rule, "expected event %zu, reported with status %d, %s; %s", event->number, event->status,
                      came ? "not to be there" : "to be there", came ? "it came" : "it did not come");
    }
}

/* ---- payloads ---- */

static void payloads_at_the_limits_are_kept_or_refused(struct ebc_test *t) {
    enum { MAX_BYTES = 50000 };
    static const size_t sizes[] = { 0, 1, 2, MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1, 1 << 20 };
    const char *topic = ebc_topic(t, "a");

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct ebc_event *event;

        add_ordinary(t, topic);
        event = ebc_new_event(t, topic, ebc_format(t, "payload-%zu", sizes[i]));
        if (sizes[i] == 0)
            ebc_set_empty(event);
        else
            ebc_set_payload_size(t, event, sizes[i]);
    }
    add_ordinary(t, topic);
    send_and_compare(t, topic, EBC_SIZES, MAX_BYTES);
}

/* ---- keys ---- */

static char *filled(struct ebc_test *t, char with, size_t n) {
    char *text = ebc_alloc(t, n + 1);

    memset(text, with, n);
    return text;
}

static void keys_of_any_length_are_kept_or_refused(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a");
    const char *const keys[] = { NULL,
                                 "",
                                 "k",
                                 filled(t, 'k', 255),
                                 filled(t, 'k', 65535),
                                 filled(t, 'k', 65536),
                                 "a b\tc\r\nd",
                                 "\x01\x7f",
                                 "{}",
                                 "*",
                                 "'; drop table x; --",
                                 "%s%n",
                                 "\xf0\x9f\x8e\x93" };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        add_ordinary(t, topic);
        ebc_new_event(t, topic, keys[i]);
    }
    add_ordinary(t, topic);
    send_and_compare(t, topic, EBC_SIZES, 0);
}

/* ---- headers ---- */

static void set_headers(struct ebc_test *t, struct ebc_event *event, size_t n, struct eb_text name, struct eb_text value) {
    struct eb_header *headers = ebc_alloc(t, (n + 1) * sizeof *headers);

    for (size_t i = 0; i < n; i++)
        headers[i] = (struct eb_header){ name, value };
    event->message.headers = headers;
    event->message.n_headers = n;
}

static struct eb_text text(const char *data) {
    return (struct eb_text){ data, strlen(data) };
}

static void headers_of_any_kind_are_kept_or_refused(struct ebc_test *t) {
    const struct eb_text names[] = { text("a b"),   text("a=b"),          text("a:b"),      text("a\r\nb"),
                                     { "a\0b", 3 }, text("\x01\x7f"),     text("\xff\xfe"), text("\xc3\xa9t\xc3\xa9"),
                                     text(""),      text("UPPER"),        text("id"),       text("type"),
                                     text("key"),   text("content-type"), text("event"),    text(filled(t, 'n', 300)) };
    const char *topic = ebc_topic(t, "a");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        add_ordinary(t, topic);
        set_headers(t, ebc_new_event(t, topic, ebc_format(t, "name-%zu", i)), 1, names[i], text("value"));
    }
    add_ordinary(t, topic);
    set_headers(t, ebc_new_event(t, topic, "thousand"), 1000, text("repeated"), text("value"));
    add_ordinary(t, topic);
    set_headers(t, ebc_new_event(t, topic, "large"), 3, text("large"), text(filled(t, 'v', 65536)));
    add_ordinary(t, topic);
    send_and_compare(t, topic, EBC_SIZES_HEADERS, 0);
}

/* clang-format off */
const struct ebc_case ebc_sizes[] = {
    { .group = "sending", .name = "payloads-at-the-limits-are-kept-or-refused",
      .about = "payloads of 0 bytes to 1 MiB, around max_bytes too, come back or are refused; none beside them is lost",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = payloads_at_the_limits_are_kept_or_refused },
    { .group = "sending", .name = "keys-of-any-length-are-kept-or-refused",
      .about = "keys of 0 bytes to 64 KiB and of odd bytes come back, or are refused with EB_PERMANENT",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = keys_of_any_length_are_kept_or_refused },
    { .group = "sending", .name = "headers-of-any-kind-are-kept-or-refused",
      .about = "1000 headers, large ones and odd names come back, or are refused with EB_PERMANENT",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = headers_of_any_kind_are_kept_or_refused },
    { 0 },
};
/* clang-format on */
