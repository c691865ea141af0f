/* tests/unit/help/test_text_headers.c - what is written as headers of text comes back as it was, whatever a broker does to
 * their order and case. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/text_headers.h>

#include "../memory.h"
#include "messages.h"

enum { SEEDS = 5000, MOST = 64 };

static struct random_message random_message;
static struct ebp_text_headers written, read_back;
static struct eb_header carried[MOST];
static size_t n_carried;

static void tear_down(void) {
    ebp_text_headers_free(&written);
    ebp_text_headers_free(&read_back);
}

TestSuite(help_text_headers, .fini = tear_down);

static void carry(const struct eb_message *message) {
    cr_assert(ebp_text_headers_write(&written, message));
    cr_assert_leq(written.n, MOST);
    n_carried = written.n;
    for (size_t i = 0; i < n_carried; i++)
        carried[i] = written.list[i];
}

static struct eb_message read_with(struct eb_text payload) {
    struct eb_message message = { .size = sizeof message, .payload = payload };
    struct eb_error err;

    cr_assert_eq(ebp_text_headers_read(&read_back, carried, n_carried, &message, &err), EB_OK);
    return message;
}

static bool is_printable_without_blanks(struct eb_text text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7F)
            return false;
    return text.len > 0 && text.data[text.len] == '\0';
}

Test(help_text_headers, each_message_comes_out_as_it_was_by_headers_that_any_broker_takes) {
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        make_message(&random_message, seed);
        carry(&random_message.message);
        for (size_t i = 0; i < n_carried; i++) {
            cr_assert(is_printable_without_blanks(carried[i].name), "seed %u: %s", seed, carried[i].name.data);
            cr_assert(is_printable_without_blanks(carried[i].value), "seed %u: %s", seed, carried[i].value.data);
            for (size_t k = 0; k < i; k++)
                cr_assert_not(ebp_text_equal(carried[i].name, carried[k].name), "seed %u: %s", seed, carried[i].name.data);
        }
        struct eb_text payload = random_message.message.payload;
        struct eb_message message = read_with(payload.data ? payload : ebp_text_of(""));
        cr_assert_null(message.decode_error.data, "seed %u: %s", seed, message.decode_error.data);
        const char *what = difference(&message, &random_message.message);
        cr_assert_null(what, "seed %u: %s", seed, what);
    }
}

static int by_name(const void *a, const void *b) {
    const struct eb_header *one = a, *other = b;

    return ebp_text_compare(other->name, one->name);
}

/* A map from names to values, with names as MIME writes them: Eb-H0-Name. */
Test(help_text_headers, the_plain_bytes_at_the_beginning_of_a_value_are_counted_right_wherever_they_end) {
    char value[24];

    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < sizeof value; at++)
            for (size_t len = at + 1; len <= sizeof value; len++) {
                memset(value, 'a', sizeof value);
                value[at] = (char)c;
                cr_assert_eq(ebp_plain_length(ebp_text(value, len)), ebp_value_is_plain((unsigned char)c) ? len : at,
                             "byte %02x at %zu of %zu", c, at, len);
            }
}

Test(help_text_headers, another_order_and_another_case_of_names_change_nothing) {
    static char names[MOST][256];

    for (unsigned seed = 0; seed < SEEDS / 10; seed++) {
        make_message(&random_message, seed);
        carry(&random_message.message);
        qsort(carried, n_carried, sizeof *carried, by_name);
        for (size_t i = 0; i < n_carried; i++) {
            for (size_t k = 0; k <= carried[i].name.len; k++)
                names[i][k] = (char)(seed % 2 || k == 0 || names[i][k - 1] == '-' ? toupper(carried[i].name.data[k])
                                                                                  : carried[i].name.data[k]);
            carried[i].name.data = names[i];
        }
        struct eb_text payload = random_message.message.payload;
        struct eb_message message = read_with(payload.data ? payload : ebp_text_of(""));
        const char *what = difference(&message, &random_message.message);
        cr_assert_null(what, "seed %u: %s, %s", seed, what, message.decode_error.data);
    }
}

static void set(size_t i, const char *name, const char *value) {
    carried[i] = (struct eb_header){ ebp_text_of(name), ebp_text_of(value) };
    n_carried = i + 1;
}

static void has(size_t i, const char *name, const char *value) {
    cr_assert(ebp_text_is(carried[i].name, name), "header %zu is %s, not %s", i, carried[i].name.data, name);
    cr_assert(ebp_text_is(carried[i].value, value), "%s is %s, not %s", name, carried[i].value.data, value);
}

Test(help_text_headers, an_event_has_these_headers) {
    struct eb_header attrs[] = { { ebp_text_of("type"), ebp_text_of("x.v1") },
                                 { ebp_text_of("id"), ebp_text_of("7") },
                                 { ebp_text_of("source"), ebp_text_of("a \"b\" 5%") } };
    struct eb_header headers[] = { { ebp_text_of("X-Trace"), ebp_text_of("") }, { ebp_text(NULL, 0), ebp_text(NULL, 0) } };
    struct eb_message message = { .size = sizeof message,
                                  .id = ebp_text_of("7"),
                                  .key = ebp_text_of("ada"),
                                  .key_avro = ebp_text_of("\6ada"),
                                  .attrs = attrs,
                                  .n_attrs = 3,
                                  .headers = headers,
                                  .n_headers = 2 };

    carry(&message);
    cr_assert_eq(n_carried, 10);
    has(0, "eb-pack", "1");
    has(1, "ce-specversion", "1.0");
    has(2, "ce-type", "x.v1");
    has(3, "ce-id", "7");
    has(4, "ce-source", "a%20%22b%22%205%25");
    has(5, "eb-key", "ada");
    has(6, "eb-key-avro", "%06ada");
    has(7, "eb-payload", "%-");
    has(8, "eb-h0-.58-.54race", "%.");
    has(9, "eb-h1", "%-");
}

Test(help_text_headers, a_message_from_elsewhere_has_its_attributes_and_its_headers_unchanged) {
    set(0, "CE-Source", "/a%20b");
    set(1, "x-other", "%zz");
    set(2, "eb-h0-x", "1");
    set(3, "ce-type", "x.v1");
    set(4, "x-other", "again");
    struct eb_message message = read_with(ebp_text_of("data"));
    cr_assert_null(message.decode_error.data);
    cr_assert_eq(message.n_attrs, 2);
    cr_assert(ebp_text_is(message.attrs[0].name, "type") && ebp_text_is(message.attrs[0].value, "x.v1"));
    cr_assert(ebp_text_is(message.attrs[1].name, "source") && ebp_text_is(message.attrs[1].value, "/a b"));
    cr_assert_eq(message.n_headers, 3);
    cr_assert(ebp_text_is(message.headers[0].name, "x-other") && ebp_text_is(message.headers[0].value, "%zz"));
    cr_assert(ebp_text_is(message.headers[1].name, "eb-h0-x"));
    cr_assert(ebp_text_is(message.headers[2].value, "again"));
    cr_assert(ebp_text_is(message.payload, "data"));
}

/* With the headers that were set; all of them are kept for the dead letter. */
static void refused(const char *why) {
    struct eb_message message = read_with(ebp_text_of("data"));

    cr_assert(message.decode_error.data, "taken, not refused: %s", why);
    cr_assert(strstr(message.decode_error.data, why), "\"%s\" does not say \"%s\"", message.decode_error.data, why);
    cr_assert_eq(message.n_attrs, 0);
    cr_assert_eq(message.n_headers, n_carried);
    cr_assert(ebp_text_equal(message.headers[n_carried - 1].name, carried[n_carried - 1].name));
    cr_assert(ebp_text_is(message.payload, "data"));
}

Test(help_text_headers, headers_that_are_wrong_are_refused_with_their_name) {
    static const struct {
        const char *name, *value, *why;
    } wrong[] = {
        { "eb-pack", "1", "eb-pack is there twice" },
        { "eb-id", "%4", "eb-id has a % that is no escape" },
        { "eb-key", "a%G0", "eb-key has a % that is no escape" },
        { "eb-h0-x.2", "1", "eb-h0-x.2 has a . in its name that is no escape" },
        { "eb-h1-x", "1", "eb-h0 is missing" },
        { "eb-h2-x", "1", "larger than there are headers" },
        { "eb-h99999-x", "1", "larger than there are headers" },
        { "eb-a1-x", "1", "eb-a0 is missing" },
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        set(0, "eb-pack", "1");
        set(1, wrong[i].name, wrong[i].value);
        refused(wrong[i].why);
    }
    set(0, "eb-pack", "2");
    refused("later version");
    set(0, "ce-type", "a");
    set(1, "Ce-Type", "b");
    refused("Ce-Type is there twice");
    set(0, "eb-pack", "1");
    set(1, "eb-h0-x", "1");
    set(2, "eb-h0-y", "1");
    refused("eb-h0-y has the number of another header");
    set(1, "ce-type", "x.v1");
    set(2, "eb-a0-x", "1");
    refused("beside attributes");
}

Test(help_text_headers, what_only_looks_like_a_header_of_ours_is_one_of_the_event) {
    set(0, "eb-pack", "1");
    set(1, "eb-h00-x", "%");
    set(2, "eb-hx", "%");
    set(3, "eb-h1234567", "%");
    set(4, "eb-", "%");
    set(5, "", "%");
    set(6, "ce-", "%");
    struct eb_message message = read_with(ebp_text_of(""));
    cr_assert_null(message.decode_error.data, "%s", message.decode_error.data);
    cr_assert_eq(message.n_headers, 6);
}

Test(help_text_headers, more_headers_than_a_message_may_have_are_refused) {
    static struct eb_header many[2 * EBP_PAIRS_MAX];
    struct eb_message message = { .size = sizeof message };

    for (size_t i = 0; i < 2 * EBP_PAIRS_MAX; i++)
        many[i] = (struct eb_header){ ebp_text_of("x"), ebp_text_of("y") };
    cr_assert_eq(ebp_text_headers_read(&read_back, many, 2 * EBP_PAIRS_MAX, &message, NULL), EB_OK);
    cr_assert(strstr(message.decode_error.data, "8192 headers"), "%s", message.decode_error.data);
    cr_assert_leq(message.n_headers, EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX + EBP_OWN_HEADERS_MAX);
}

Test(help_text_headers, without_memory_nothing_is_written_and_the_message_may_come_again) {
    struct eb_message message = { .size = sizeof message };
    struct eb_error err;

    make_message(&random_message, 3);
    for (unsigned n = 1; n <= 2; n++) {
        fail_allocation(n);
        cr_assert_not(ebp_text_headers_write(&written, &random_message.message));
        cr_assert(allocation_failed());
    }
    carry(&random_message.message);
    for (unsigned n = 1; n <= 2; n++) {
        fail_allocation(n);
        cr_assert_eq(ebp_text_headers_read(&read_back, carried, n_carried, &message, &err), EB_RETRIABLE);
        cr_assert(allocation_failed());
    }
}
