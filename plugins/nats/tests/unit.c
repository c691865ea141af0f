/* unit.c - names, points, answers and headers, without a server. Prints TAP. */
#include <stdlib.h>
#include <string.h>
#include "../api.h"
#include "../message.h"

static int n_checks, n_failed;

static void check(bool good, const char *what) {
    printf("%sok %d - %s\n", good ? "" : "not ", ++n_checks, what);
    n_failed += !good;
}

/* ---- Names ---- */

static const struct settings settings = { .subject_prefix = "eventbus" };

static void names_come_back(void) {
    static const char *const topics[] = { "user-login", "a.b", "a=2Eb",   "..", " ",           "\xC3\xBC",
                                          "*",          ">",   "$JS.API", "%",  "\x01\x7F\xFF" };
    char name[EBN_NAME_MAX + 1], text[EBN_NAME_MAX + 1], subject[EBN_SUBJECT_ROOM];

    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        check(ebn_name(topics[i], name) && ebn_name_text(name, text) && strcmp(text, topics[i]) == 0, topics[i]);
        check(!strpbrk(name, ". *>/\\%"), "and its stream has no character that JetStream refuses or formats");
        ebn_subject(&settings, topics[i], subject);
        check(!strpbrk(subject, " *>") && !strstr(subject, "..") && subject[strlen(subject) - 1] != '.', "nor has its subject");
    }
    ebn_subject(&settings, "a.b", subject);
    check(strcmp(subject, "eventbus.a.b") == 0, "a dot stays in a subject");
    check(!ebn_name("", name), "an empty name is refused");
    static const char *const wrong[] = { "%members", "=", "=2", "=2e", "=41", "a b", "a.b", "=00", "" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        check(!ebn_name_text(wrong[i], text), "a stream of others is no topic");
}

static void long_names_are_refused(void) {
    char name[EBN_NAME_MAX + 1], text[EBN_NAME_MAX + 2];
    struct eb_error err;

    memset(text, 'a', sizeof text);
    text[EBN_NAME_MAX + 1] = 0;
    check(!ebn_name(text, name) && ebn_check_name("topic", text, &err) == EB_PERMANENT && err.kind == EB_KIND_CONFIG,
          "a name that is too long is refused");
    text[EBN_NAME_MAX - 2] = 0;
    check(ebn_name(text, name), "one that fits is taken");
}

/* ---- Positions ---- */

static void positions_are_checked(void) {
    static const char *const wrong[] = { "", "0", "-1", "1 ", " 1", "0x1", "1.5", "99999999999999999999", "one" };
    static const uint64_t numbers[] = { 0, 1, 9, 10, 1234567890, UINT64_MAX };
    struct eb_error err;
    uint64_t sequence;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        check(ebn_position(ebp_text_of(wrong[i]), &sequence, &err) == EB_PERMANENT && err.kind == EB_KIND_CONFIG, wrong[i]);
    check(ebn_position(ebp_text_of("17"), &sequence, &err) == EB_OK && sequence == 17, "17 is a position");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[EBN_POSITION_ROOM], expected[EBN_POSITION_ROOM];
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)numbers[i]);
        ebn_position_text(numbers[i], text);
        check(strcmp(text, expected) == 0, expected);
    }
}

/* ---- Settings ---- */

static bool refused(struct settings given, const char *key) {
    static const char *const urls[] = { "nats://localhost", NULL };
    struct eb_error err;

    given.url = given.url ? given.url : urls;
    given.subject_prefix = given.subject_prefix ? given.subject_prefix : "eventbus";
    given.duplicate_window = given.duplicate_window ? given.duplicate_window : 120000;
    if (!key)
        return ebn_check(&given, &err) == EB_OK;
    return ebn_check(&given, &err) == EB_PERMANENT && strncmp(err.text, key, strlen(key)) == 0;
}

static void settings_are_checked_together(void) {
    static const char *const http[] = { "http://localhost", NULL }, *const none[] = { NULL };

    check(refused((struct settings){ 0 }, NULL), "the defaults are taken");
    check(refused((struct settings){ .url = http }, "url:"), "http:// is refused");
    check(refused((struct settings){ .url = none }, "url:"), "no server is refused");
    check(refused((struct settings){ .subject_prefix = "a..b" }, "subject_prefix:"), "an empty token is refused");
    check(refused((struct settings){ .subject_prefix = "a.>" }, "subject_prefix:"), "a wildcard is refused");
    check(refused((struct settings){ .domain = "a.b" }, "domain:"), "a dot in a domain is refused");
    check(refused((struct settings){ .password = "p" }, "password:"), "a password alone is refused");
    check(refused((struct settings){ .token = "t", .user = "u" }, "token:"), "two logins are refused");
    check(refused((struct settings){ .tls_cert = "c" }, "tls_cert:"), "a certificate without its key is refused");
    check(refused((struct settings){ .tls_key = "k" }, "tls_key:"), "a key without its certificate is refused");
    check(refused((struct settings){ .max_age = 10 }, "max_age:"), "a short max_age is refused");
    check(refused((struct settings){ .max_age = 60000 }, "duplicate_window:"), "a longer duplicate_window is refused");
}

/* ---- What a server answers: any bytes ---- */

static void answers_are_read(void) {
    static const struct {
        const char *text;
        int http, code;
    } cases[] = {
        { "{\"type\":\"x\"}", 0, 0 },
        { "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}", 404, EBN_STREAM_NOT_FOUND },
        { "{\"error\":17}", 500, 0 },
        { "{\"error\":{\"code\":\"404\",\"description\":[]}}", 500, 0 },
        { "[]", 502, 0 },
        { "{", 502, 0 },
        { "", 502, 0 },
    };
    struct ebn_answer answer;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        natsMsg *message = NULL;
        natsMsg_Create(&message, "s", NULL, cases[i].text, (int)strlen(cases[i].text));
        ebn_answer_read(&answer, message);
        check(answer.http == cases[i].http && answer.code == cases[i].code && (answer.http == 0 || *answer.text),
              cases[i].text);
        ebn_answer_free(&answer);
        natsMsg_Destroy(message);
    }
}

static void infos_are_read(void) {
    struct ebn_consumer_info info = { .ack_pending = 1 };
    struct ebn_stream_info stream;
    json_t *json = json_loads(
        "{\"name\":\"s\",\"created\":\"2026-11-30T12:00:00.5Z\",\"delivered\":{\"stream_seq\":9},\"ack_floor\":{\"stream_seq\":-1},"
        "\"num_ack_pending\":2,\"num_pending\":\"x\",\"config\":{\"durable_name\":\"s\",\"ack_wait\":2000000000}}",
        0, NULL);

    check(ebn_consumer_info_read(json, &info) && info.delivered == 9 && info.ack_floor == 0 && info.ack_pending == 2 &&
              info.pending == 0 && info.durable && info.ack_wait_ms == 2000 && info.created_ms == 1796040000500,
          "a consumer");
    check(!ebn_stream_info_read(json, &stream), "a consumer is no stream");
    check(!ebn_settled_to(&info, 9) && ebn_settled_to(&info, 0), "two in flight are not settled");
    json_decref(json);
    check(!ebn_consumer_info_read(NULL, &info) && !ebn_stream_info_read(NULL, &stream), "nothing is no info");
}

static void deliveries_are_read(void) {
    static const struct {
        const char *reply;
        bool good;
        uint64_t deliveries, sequence, pending;
    } cases[] = {
        { "$JS.ACK.topic.group.2.17.5.1700000000123456789.4", true, 2, 17, 4 },
        { "$JS.ACK.domain.hash.topic.group.2.17.5.1700000000123456789.4", true, 2, 17, 4 },
        { "$JS.ACK._.hash.topic.group.2.17.5.1700000000123456789.4.token", true, 2, 17, 4 },
        { "$JS.ACK.topic.group.2.17.5.1700000000123456789", false, 0, 0, 0 },
        { "$JS.ACK.topic.group.2.x.5.1700000000123456789.4", false, 0, 0, 0 },
        { "$JS.ACK.", false, 0, 0, 0 },
        { "_INBOX.1", false, 0, 0, 0 },
    };
    struct ebn_delivered delivered;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        natsMsg *message = NULL;
        natsMsg_Create(&message, "s", cases[i].reply, NULL, 0);
        bool good = ebn_delivered_read(message, &delivered);
        check(good == cases[i].good &&
                  (!good || (delivered.deliveries == cases[i].deliveries && delivered.sequence == cases[i].sequence &&
                             delivered.pending == cases[i].pending && delivered.time_ms == 1700000000123 &&
                             ebp_text_is(delivered.stream, "topic"))),
              cases[i].reply);
        natsMsg_Destroy(message);
    }
}

static void confirmations_are_read(void) {
    static const struct {
        const char *text;
        uint64_t sequence;
    } cases[] = {
        { "{\"stream\":\"s\",\"seq\":17}", 17 },
        { "{\"stream\":\"s\", \"seq\":17,\"duplicate\":true}", 17 },
        { "{\"stream\":\"s\",\"domain\":\"d\",\"seq\":17}", 17 },
        { "{\"stream\":\"s\", \"domain\":\"d\", \"seq\":17}", 17 },
        { "{\"stream\":\"s\",\"domain\":\"d\"}", 0 },
        { "{\"stream\":\"s\",\"domain\":\"d", 0 },
        { "{\"stream\":\"t\",\"seq\":17}", 0 },
        { "{\"stream\":\"s\",\"seq\":17", 0 },
        { "{\"stream\":\"s\",\"seq\":99999999999999999999}", 0 },
        { "", 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        natsMsg *message = NULL;
        natsMsg_Create(&message, "s", NULL, cases[i].text, (int)strlen(cases[i].text));
        check(ebn_stored_read(message, "s") == cases[i].sequence, *cases[i].text ? cases[i].text : "nothing");
        natsMsg_Destroy(message);
    }
}

/* ---- Headers ---- */

/* A message as libnats keeps it: subject, reply, headers, data, each with a NUL behind it. */
static void headers_are_found_where_libnats_keeps_them(void) {
    static const char whole[] = "s.t\0r.1\0NATS/1.0\r\na: b\r\n\r\n\0data";
    static const char status[] = "s.t\0r.1\0NATS/1.0 100\r\na: b\r\n\r\n\0data";
    static const char cut[] = "s.t\0r.1\0NATS/1.0\r\na: b\r\n\0data";
    static const char none[] = "s.t\0r.1\0data";
    struct eb_text lines = ebn_header_lines(whole, whole + 4, whole + sizeof whole - 5);

    check(ebp_text_is(lines, "a: b\r\n"), "the lines between the first one and the last");
    check(!ebn_header_lines(status, status + 4, status + sizeof status - 5).data, "not behind a status");
    check(!ebn_header_lines(cut, cut + 4, cut + sizeof cut - 5).data, "not without their end");
    check(!ebn_header_lines(none, none + 4, none + sizeof none - 5).data, "not where there are none");
    check(!ebn_header_lines(whole, NULL, whole + sizeof whole - 5).data, "not in a message without a reply");
    check(!ebn_header_lines(whole, whole + 5, whole + sizeof whole - 5).data, "not where the reply is elsewhere");
    check(!ebn_header_lines(whole, whole + 4, whole).data, "not where the data is elsewhere");
    check(!ebn_header_lines(whole, whole + 4, NULL).data, "not where there is no data");
}

static void plain_headers_are_split(void) {
    static const char *const odd[] = {
        "a:b\r\n",        "a: \r\n", "a:  b\r\n", "a: b \r\n", " a: b\r\n",   ": b\r\n",
        "a: b\r\n c\r\n", "a\r\n",   "a: b",      "a: b\r",    "a: b\rc\r\n",
    };
    static const char nul[] = "a: b\0c\r\n";
    struct ebn_reading r = { 0 };

    check(ebn_headers_split(&r, ebp_text_of("a: b\r\nNats-Msg-Id: 1\r\nc: d\r\n")) && r.n == 2 &&
              ebp_text_is(r.list[1].name, "c"),
          "the headers of NATS are left out");
    check(ebn_headers_split(&r, ebp_text_of("a: b: c d\r\na: e\r\n")) && r.n == 2 && ebp_text_is(r.list[0].name, "a") &&
              ebp_text_is(r.list[0].value, "b: c d") && ebp_text_is(r.list[1].value, "e"),
          "values may have colons and blanks, and names may come twice");
    check(ebn_headers_split(&r, ebp_text_of("")) && r.n == 0, "no lines are no headers");
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        check(!ebn_headers_split(&r, ebp_text_of(odd[i])), "what is not plain is left to libnats");
    check(!ebn_headers_split(&r, ebp_text(nul, sizeof nul - 1)), "and so is a NUL");
    ebn_reading_free(&r);
}

static void what_passes_is_no_mistake(void) {
    static const struct ebn_answer passing[] = {
        { .http = 503 }, { .http = 408 }, { .http = 400, .code = 10005 }, { .http = 400, .code = 10002 }
    };

    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        check(ebn_answer_may_change(&passing[i]), "it may change by itself");
    check(!ebn_answer_may_change(&(struct ebn_answer){ .http = 400, .code = 10025 }), "a request that is wrong stays wrong");
}

int main(void) {
    nats_Open(-1);
    names_come_back();
    long_names_are_refused();
    positions_are_checked();
    settings_are_checked_together();
    answers_are_read();
    infos_are_read();
    deliveries_are_read();
    confirmations_are_read();
    headers_are_found_where_libnats_keeps_them();
    plain_headers_are_split();
    what_passes_is_no_mistake();
    printf("1..%d\n", n_checks);
    nats_Close();
    return n_failed > 0;
}
