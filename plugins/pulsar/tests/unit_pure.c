/* tests/unit_pure.c - what needs no broker: options, names, positions, times, the log. A program of its own, without a
 * framework: it prints each check that fails, and ends with 1 then. */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/plugin-help.h>

#include "client/log_bridge.h"
#include "client/message.h"
#include "client/position.h"
#include "client/result.h"
#include "client/topic_name.h"
#include "options.h"

static int failed;

static void check(bool holds, const char *what, const char *of) {
    if (holds)
        return;
    printf("FAIL %s: %s\n", what, of);
    failed++;
}

static struct pl_settings defaults(void) {
    return (struct pl_settings){
        .url = "pulsar://localhost:6650", .tenant = "public", .name_space = "default", .batch_index_ack = 1
    };
}

/* ---- options ---- */

static void service_urls_are_checked(void) {
    static const struct {
        const char *url;
        bool valid;
    } urls[] = {
        { "pulsar://localhost:6650", true },
        { "pulsar://localhost", true },
        { "pulsar+ssl://a.b:6651/", true },
        { "pulsar://a:1,b:2,[::1]:3", true },
        { "pulsar://[::1]", true },
        { "http://localhost:8080", false },
        { "pulsar://", false },
        { "pulsar://a:0", false },
        { "pulsar://a:65536", false },
        { "pulsar://a,", false },
        { "pulsar://a:b", false },
        { "pulsar://[::1", false },
        { "pulsar://user:pw@a", false },
        { "pulsar://a/topic", false },
        { "pulsar://a:1x", false },
    };

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct pl_settings set = defaults();
        struct eb_error err = { 0 };
        set.url = urls[i].url;
        bool ok = pl_options_check(&set, &err) == EB_OK;
        check(ok == urls[i].valid, "check of url", urls[i].url);
        check(ok || (strncmp(err.text, "url", 3) == 0 && err.kind == EB_KIND_CONFIG), "its error names the key", err.text);
        check(!strstr(err.text, "pw@"), "its error shows no password", err.text);
    }
}

static void the_admin_url_follows_the_url(void) {
    static const struct {
        const char *url, *admin_url, *expected;
    } urls[] = {
        { "pulsar://a.b:6650", NULL, "http://a.b:8080" },
        { "pulsar+ssl://a.b:6651,c:1", NULL, "https://a.b:8443" },
        { "pulsar://[::1]:6650", NULL, "http://[::1]:8080" },
        { "pulsar://a", "https://proxy/pulsar//", "https://proxy/pulsar" },
    };
    char out[100];

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct pl_settings set = defaults();
        set.url = urls[i].url;
        set.admin_url = urls[i].admin_url;
        check(pl_admin_url(&set, out, sizeof out) && strcmp(out, urls[i].expected) == 0, "admin url", urls[i].expected);
        check(!pl_admin_url(&set, out, 8), "admin url in too little room", urls[i].url);
    }
}

static void options_that_exclude_each_other_are_refused(void) {
    struct pl_settings set = defaults();
    struct eb_error err;

    set.token = "t";
    set.token_file = "f";
    check(pl_options_check(&set, &err) == EB_PERMANENT && strncmp(err.text, "token", 5) == 0, "two tokens", err.text);
    set = defaults();
    set.tls_ca = "/ca";
    check(pl_options_check(&set, &err) == EB_PERMANENT, "tls_ca without TLS", err.text);
    set.url = "pulsar+ssl://a";
    check(pl_options_check(&set, &err) == EB_OK, "tls_ca with TLS", err.text);
    set.tls_cert = "/cert";
    check(pl_options_check(&set, &err) == EB_PERMANENT && strncmp(err.text, "tls_cert", 8) == 0, "tls_cert alone", err.text);
    set = defaults();
    set.name_space = "public/default";
    check(pl_options_check(&set, &err) == EB_PERMANENT && strncmp(err.text, "namespace", 9) == 0, "a slash", err.text);
}

static void a_token_is_read_anew_and_without_its_newline(void) {
    char path[] = "/tmp/unit_pure.XXXXXX", *token;
    struct pl_settings set = defaults();
    struct eb_error err;
    int fd = mkstemp(path);

    set.token_file = path;
    check(fd >= 0 && write(fd, "first\n", 6) == 6, "a file for the token", path);
    check(pl_token(&set, &token, &err) == EB_OK && strcmp(token, "first") == 0, "token of a file", "first");
    free(token);
    check(pwrite(fd, "second \r\n", 9, 0) == 9, "another token", path);
    check(pl_token(&set, &token, &err) == EB_OK && strcmp(token, "second") == 0, "token of a file, renewed", "second");
    free(token);
    close(fd);
    unlink(path);
    check(pl_token(&set, &token, &err) == EB_RETRIABLE && strstr(err.text, path), "a token's file that is missing", path);
    set = defaults();
    set.token_env = "UNIT_PURE_TOKEN";
    check(pl_token(&set, &token, &err) == EB_RETRIABLE && strstr(err.text, "UNIT_PURE_TOKEN"), "a missing variable", err.text);
    setenv("UNIT_PURE_TOKEN", "third", 1);
    check(pl_token(&set, &token, &err) == EB_OK && strcmp(token, "third") == 0, "token of a variable", "third");
    free(token);
}

static void a_copy_of_settings_has_texts_of_its_own(void) {
    struct pl_settings set = defaults(), *copy = pl_settings_copy(&set);

    check(copy && copy->url != set.url && strcmp(copy->url, set.url) == 0 && !copy->token && copy->batch_index_ack == 1, "copy",
          set.url);
    pl_settings_free(copy);
    pl_settings_free(NULL);
}

/* ---- names ---- */

static void topics_have_names_in_pulsar(void) {
    static const char *const refused[] = { "", "a/b", "a b", "a%b", "caf\xc3\xa9", "x-partition-3", "a?b", "a#b" };
    struct pl_settings set = defaults();
    char name[PL_TOPIC_ROOM], topic[PL_TOPIC_ROOM], longest[PL_TOPIC_ROOM + 1];
    int partition;

    check(pl_topic_name(&set, "user-login", name, NULL) == EB_OK && strcmp(name, "persistent://public/default/user-login") == 0,
          "name of a topic", name);
    check(pl_topic_of(&set, name, topic, &partition) && strcmp(topic, "user-login") == 0 && partition == -1, "and back", topic);
    check(pl_topic_of(&set, "persistent://public/default/a-partition-b-partition-12", topic, &partition) &&
              strcmp(topic, "a-partition-b") == 0 && partition == 12,
          "a partition's topic", topic);
    check(pl_topic_of(&set, "persistent://public/default/x-partition-", topic, &partition) && partition == -1,
          "a name that only looks like a partition's", topic);
    check(!pl_topic_of(&set, "persistent://public/other/a", topic, &partition), "another namespace", topic);
    check(!pl_topic_of(&set, "non-persistent://public/default/a", topic, &partition), "not persistent", topic);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check(pl_topic_name(&set, refused[i], name, NULL) == EB_PERMANENT, "refused topic", refused[i]);
    memset(longest, 'x', sizeof longest);
    longest[PL_TOPIC_ROOM] = '\0';
    check(pl_topic_name(&set, longest, name, NULL) == EB_PERMANENT, "a name that is too long", "x...");
    check(pl_group_check("credentials", NULL) == EB_OK && pl_group_check("a/b", NULL) == EB_PERMANENT, "groups", "a/b");
}

/* ---- positions ---- */

static void positions_are_read_as_they_are_written(void) {
    static const struct {
        const char *text;
        struct pl_position position;
    } all[] = {
        { "12:345", { 12, 345, -1, -1, 0 } },
        { "12:345:0", { 12, 345, 0, -1, 0 } },
        { "12:345:-1:7", { 12, 345, -1, 7, 0 } },
        { "9223372036854775807:0:2147483647:2147483647", { INT64_MAX, 0, INT32_MAX, INT32_MAX, 0 } },
    };
    static const char *const wrong[] = { "",
                                         "12",
                                         ":",
                                         "12:",
                                         "12:3:",
                                         "12:3:4:5:6",
                                         "a:b",
                                         "12:-2",
                                         "-1:3",
                                         "12:-1",
                                         "1 2:3",
                                         "12:3:4:5:",
                                         "0x1:2",
                                         "12:3:2147483648",
                                         "9223372036854775808:0",
                                         "12:3 " };
    char text[PL_POSITION_ROOM];
    struct pl_position read;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t len = pl_position_text(&all[i].position, text);
        check(strcmp(text, all[i].text) == 0 && len == strlen(text), "text of a position", all[i].text);
        check(pl_position_parse(ebp_text_of(text), &read, NULL) == EB_OK && pl_position_compare(&read, &all[i].position) == 0 &&
                  read.partition == all[i].position.partition,
              "position of a text", text);
        pulsar_message_id_t *id = pl_position_id(&all[i].position);
        check(id && pl_position_of_id(id, &read) && pl_position_compare(&read, &all[i].position) == 0 &&
                  read.partition == all[i].position.partition,
              "position of a message id", text);
        if (id)
            pulsar_message_id_free(id);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check(pl_position_parse(ebp_text_of(wrong[i]), &read, NULL) == EB_PERMANENT, "malformed position", wrong[i]);
    check(pl_position_parse(ebp_text(NULL, 0), &read, NULL) == EB_PERMANENT, "absent position", "");
}

static void positions_have_an_order(void) {
    static const char *const order[] = { "1:5", "1:5:-1:0", "1:5:-1:1", "1:6", "2:0", "2:0:3:9" };
    struct pl_position a, b;

    for (size_t i = 0; i + 1 < sizeof order / sizeof *order; i++) {
        pl_position_parse(ebp_text_of(order[i]), &a, NULL);
        pl_position_parse(ebp_text_of(order[i + 1]), &b, NULL);
        check(pl_position_compare(&a, &b) < 0 && pl_position_compare(&b, &a) > 0, "order of positions", order[i]);
    }
}

static void bytes_of_an_id_may_be_anything(void) {
    static const struct {
        const char *bytes;
        size_t len;
        bool valid;
    } all[] = {
        { "", 0, true },                     /* an id without fields */
        { "\x08\x05\x10\x07", 4, true },     /* 5:7 */
        { "\x08", 1, false },                /* a tag alone */
        { "\x08\xff\xff", 3, false },        /* a number that goes on */
        { "\x2a\x02\x01", 3, false },        /* a field that is longer than the bytes */
        { "\x2a\x01\x01\x08\x05", 5, true }, /* a field that is skipped */
        { "\x0b", 1, false },                /* a group, which there is none of */
    };
    struct pl_position p;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check(pl_position_of_bytes(all[i].bytes, all[i].len, &p) == all[i].valid, "bytes of an id", i == 0 ? "none" : "some");
    pl_position_of_bytes("\x08\x05\x10\x07\x20\x03\x30\x09", 8, &p);
    check(p.ledger == 5 && p.entry == 7 && p.partition == -1 && p.index == 3 && p.batch_size == 9, "fields of an id",
          "5:7:-1:3");
}

/* ---- messages, the log ---- */

static void times_of_events_are_read(void) {
    static const struct {
        const char *text;
        int64_t ms; /* -1: it is none */
    } all[] = {
        { "1970-01-01T00:00:00+00:00", 0 },
        { "2026-11-23T20:00:00.123456+00:00", 1795464000123 },
        { "2026-11-23T20:00:00Z", 1795464000000 },
        { "2026-11-23T20:00:00.5+00:00", 1795464000500 },
        { "2026-11-23 20:00:00+00:00", -1 },
        { "2026-11-23T20:00:00", -1 },
        { "2026-11-23T20:00:00+01:00", -1 },
        { "1969-12-31T23:59:59+00:00", -1 },
        { "", -1 },
    };
    int64_t ms;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool is_one = pl_event_time(ebp_text_of(all[i].text), &ms);
        check(is_one == (all[i].ms >= 0) && (!is_one || ms == all[i].ms), "time", all[i].text);
    }
    check(!pl_event_time(ebp_text(NULL, 0), &ms), "absent time", "");
}

static void the_log_shows_no_token(void) {
    char out[200], small[20];

    pl_log_clean("auth with eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl failed\nnext", out, sizeof out);
    check(strcmp(out, "auth with *** failed next") == 0, "a token in the log", out);
    pl_log_clean("nothing to hide here, and it is long", small, sizeof small);
    check(strlen(small) < sizeof small && strstr(small, "..."), "a long line", small);
}

static void note_line(void *arg, const char *line) {
    snprintf(arg, 80, "%s", line);
}

static void log_line(const char *line) {
    pulsar_logger_t logger = pl_log_bridge();

    logger.log(pulsar_INFO, "HandlerBase.cc", 1, line, logger.ctx);
}

static void *log_elsewhere(void *arg) {
    log_line(arg);
    return NULL;
}

static void a_listener_hears_its_thread_alone(void) {
    char heard[80] = "", not_heard[80] = "";
    struct pl_log_listener listener = { .line = note_line, .arg = heard }, other = { .line = note_line, .arg = not_heard };
    pthread_t thread;

    pl_log_listen(&listener);
    pl_log_listen(&other);
    log_line("before");
    check(!*heard, "heard by a thread that is nobody's", heard);
    pl_log_heard_here(&listener);
    log_line("one");
    check(strcmp(heard, "one") == 0, "heard", heard);
    if (pthread_create(&thread, NULL, log_elsewhere, "two") == 0)
        pthread_join(thread, NULL);
    check(strcmp(heard, "one") == 0, "heard of another thread", heard);
    pl_log_unlisten(&listener);
    log_line("three");
    check(strcmp(heard, "one") == 0, "heard by one that listens no more", heard);
    check(!*not_heard, "heard by another listener", not_heard);
    pl_log_unlisten(&other);
}

static void a_copy_of_a_message_is_the_same(void) {
    struct eb_header attrs[] = { { .name = ebp_text_of("type"), .value = ebp_text_of("t.v1") } };
    struct eb_header headers[] = { { .name = ebp_text_of("x"), .value = ebp_text(NULL, 0) },
                                   { .name = ebp_text_of("x"), .value = ebp_text_of("") } };
    struct eb_message from = { .size = sizeof from,
                               .id = ebp_text_of("1"),
                               .payload = ebp_text("a\0b", 3),
                               .time_ms = 7,
                               .deliveries = 2,
                               .attrs = attrs,
                               .n_attrs = 1,
                               .headers = headers,
                               .n_headers = 2 };
    const struct pl_position position = { .ledger = 5, .entry = 6, .partition = 1, .index = 2 };
    struct pl_message_reading reading = { 0 };
    struct pl_message_copy copy = { 0 };
    struct eb_message to;
    struct eb_error err;

    check(pl_message_copy_of(&copy, &from) && pl_message_read_copy(&reading, &copy, &position, "a", &to, &err) == EB_OK, "copy",
          "");
    check(ebp_text_is(to.topic, "a") && ebp_text_is(to.position, "5:6:1:2") && to.partition == 1 && to.time_ms == 7 &&
              to.deliveries == 2,
          "place of a copy", "5:6:1:2");
    check(ebp_text_equal(to.payload, from.payload) && ebp_text_is(to.id, "1") && !to.key.data && !to.decode_error.data, "copy",
          "texts");
    check(to.n_attrs == 1 && ebp_text_is(to.attrs[0].value, "t.v1") && to.n_headers == 2 && !to.headers[0].value.data &&
              to.headers[1].value.data && to.headers[1].value.len == 0,
          "copy", "attributes and headers");
    ebp_bytes_free(&copy.bytes);
    from.decode_error = ebp_text_of("damaged");
    check(!pl_message_copy_of(&copy, &from), "copy", "of what cannot be read");
    pl_message_reading_free(&reading);
}

static void results_have_their_class(void) {
    struct eb_error err;

    check(pl_result_status(pulsar_result_Ok) == EB_OK, "class of", "Ok");
    check(pl_result_status(pulsar_result_MessageTooBig) == EB_PERMANENT, "class of", "MessageTooBig");
    check(pl_result_status(pulsar_result_Timeout) == EB_RETRIABLE, "class of", "Timeout");
    check(pl_result_status((pulsar_result)99) == EB_RETRIABLE, "class of", "a result of a later libpulsar");
    check(pl_result_error(&err, pulsar_result_TopicTerminated, "cannot send to topic %s", "a") == EB_PERMANENT &&
              strcmp(err.text, "cannot send to topic a: the topic was terminated") == 0,
          "text of a result", err.text);
}

int main(void) {
    service_urls_are_checked();
    the_admin_url_follows_the_url();
    options_that_exclude_each_other_are_refused();
    a_token_is_read_anew_and_without_its_newline();
    a_copy_of_settings_has_texts_of_its_own();
    topics_have_names_in_pulsar();
    for (int i = 0; i < 4; i++) /* first by the bytes of ids and by their numbers, then by the numbers alone */
        positions_are_read_as_they_are_written();
    positions_have_an_order();
    bytes_of_an_id_may_be_anything();
    times_of_events_are_read();
    the_log_shows_no_token();
    a_listener_hears_its_thread_alone();
    a_copy_of_a_message_is_the_same();
    results_have_their_class();
    printf("%s\n", failed ? "failed" : "passed");
    return failed != 0;
}
