/* tests/bench/bench_codec.c - how fast core's codec is beside avro-c and jansson: CPU time a call. */
#include <avro.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ratio.h"
#include "base/printable.h"
#include "json/event_data.h"
#include "signal/event.h"
#include "schema/schema.h"

enum { ROUND_MS = 30, CALLS = 256 };

/* One event in all the forms that it is brought to and from. */
struct subject {
    const char *name, *type;
    struct ebi_schema *schema;
    struct ebi_data *data;
    struct eb_event event; /* that data, for its accessors */
    struct ebi_bytes json, avro, out;
    avro_schema_t avro_schema;
    avro_value_iface_t *iface;
    avro_value_t value;
    avro_writer_t writer;
    avro_reader_t reader;
    char room[65536];
};

static void must(enum eb_status status, const struct eb_error *err) {
    if (status != EB_OK)
        bench_die("failed: %s", err->text);
}

/* ---- What is measured: ours ---- */

static void login_by_path(struct subject *s) {
    struct eb_error err;

    ebi_data_clear(s->data);
    s->out.len = 0;
    must(eb_event_set_text(&s->event, "user.pii.username", "foobob", 6, &err), &err);
    must(eb_event_set_text(&s->event, "user.pii.email", "bob@foo.example", 15, &err), &err);
    must(eb_event_set_text(&s->event, "user.pii.name", "Bob Foo", 7, &err), &err);
    must(eb_event_set_long(&s->event, "user.id", 1, &err), &err);
    must(eb_event_set_bool(&s->event, "user.is_active", 1, &err), &err);
    must(ebi_data_to_avro(s->data, &s->out, &err), &err);
}

static void json_to_bytes(struct subject *s) {
    struct eb_error err;

    s->out.len = 0;
    must(ebi_data_from_json(s->data, "data", s->json.data, s->json.len, &err), &err);
    must(ebi_data_to_avro(s->data, &s->out, &err), &err);
}

static void bytes_to_json(struct subject *s) {
    struct eb_error err;

    s->out.len = 0;
    must(ebi_data_from_avro(s->data, s->avro.data, s->avro.len, &err), &err);
    must(ebi_data_to_json(s->data, &s->out, &err), &err);
}

static void bytes_to_fields(struct subject *s) {
    struct eb_error err;

    must(ebi_data_from_avro(s->data, s->avro.data, s->avro.len, &err), &err);
}

/* ---- and theirs ---- */

static void avro_c_write(struct subject *s) {
    avro_writer_reset(s->writer);
    if (avro_value_write(s->writer, &s->value))
        bench_die("avro-c: %s", avro_strerror());
}

static void avro_c_read(struct subject *s) {
    avro_reader_reset(s->reader);
    if (avro_value_read(s->reader, &s->value))
        bench_die("avro-c: %s", avro_strerror());
}

static void avro_c_to_json(struct subject *s) {
    char *json;

    avro_c_read(s);
    if (avro_value_to_json(&s->value, 1, &json))
        bench_die("avro-c: %s", avro_strerror());
    free(json);
}

static void jansson_parse(struct subject *s) {
    json_t *json = json_loadb(s->json.data, s->json.len, JSON_ALLOW_NUL, NULL);

    if (!json)
        bench_die("jansson: %s", "cannot parse");
    json_decref(json);
}

/* ---- Measuring ---- */

/* One side of a match, at one subject. */
struct call {
    void (*run)(struct subject *);
    struct subject *subject;
};

static void run_for_a_while(void *arg, struct bench_figure *figure) {
    const struct call *call = arg;
    double until, calls = 0;

    bench_start(figure);
    until = bench_clock() + ROUND_MS / 1e3;
    while (bench_clock() < until) {
        for (int i = 0; i < CALLS; i++)
            call->run(call->subject);
        calls += CALLS;
    }
    bench_stop(figure, calls);
}

struct match {
    const char *what;
    void (*ours)(struct subject *), (*theirs)(struct subject *);
    const char *against;
    double bound; /* of ours to theirs */
};

static void compare(const struct match *match, struct subject *s) {
    struct call ours = { match->ours, s }, theirs = { match->theirs, s };
    const struct bench_side sides[] = {
        { .name = match->against, .run = run_for_a_while, .arg = &theirs },
        { .name = "core/schema", .run = run_for_a_while, .arg = &ours, .bound = match->bound },
    };
    char what[80];

    snprintf(what, sizeof what, "%s, %s", s->name, match->what);
    bench_run(what, BENCH_COST, sides, 2);
}

/* ---- Subjects ---- */

static void read_schema(struct subject *s) {
    const char *source = getenv("top_srcdir");
    struct eb_error err;
    const struct eb_schema *shown;
    char path[1024];

    snprintf(path, sizeof path, "%s/conf/schemas/%s.avsc", source ? source : ".", s->type);
    must(ebi_schema_read_file(path, 1 << 20, &s->schema, &err), &err);
    shown = ebi_schema_public(s->schema);
    if (avro_schema_from_json_length(shown->json.data, shown->json.len, &s->avro_schema))
        bench_die("%s: %s", path, avro_strerror());
    s->iface = avro_generic_class_from_schema(s->avro_schema);
    if (!s->iface || avro_generic_value_new(s->iface, &s->value))
        bench_die("%s: %s", path, avro_strerror());
}

static void prepare(struct subject *s) {
    struct eb_error err;

    read_schema(s);
    s->data = s->event.data = ebi_data_new(s->schema);
    if (!s->data)
        bench_die("%s: %s", s->name, "out of memory");
    must(ebi_data_from_json(s->data, "data", s->json.data, s->json.len, &err), &err);
    must(ebi_data_to_avro(s->data, &s->avro, &err), &err);
    s->writer = avro_writer_memory(s->room, sizeof s->room);
    s->reader = avro_reader_memory(s->avro.data, (int64_t)s->avro.len);
    if (!s->writer || !s->reader)
        bench_die("avro-c: %s", "out of memory");
    avro_c_read(s); /* the ready value */
}

static void finish(struct subject *s) {
    avro_writer_free(s->writer);
    avro_reader_free(s->reader);
    avro_value_decref(&s->value);
    avro_value_iface_decref(s->iface);
    avro_schema_decref(s->avro_schema);
    ebi_data_free(s->data);
    ebi_schema_free(s->schema);
    ebi_bytes_free(&s->json);
    ebi_bytes_free(&s->avro);
    ebi_bytes_free(&s->out);
}

/* A tracking log entry of about 2 KB, as problem_check events are: JSON as text within JSON. */
static void make_tracking(struct ebi_bytes *json) {
    struct ebi_bytes event = { 0 };
    bool good = ebi_bytes_add_text(&event, "{\"grade\": 1, \"max_grade\": 1, \"success\": \"correct\", \"answers\": {");

    for (int i = 1; i <= 9 && good; i++)
        good = ebi_bytes_add_format(&event,
                                    "%s\"0a1b2c3d4e5f60718293a4b5c6d7e8f9_%d_1\": {\"answer\": \"the second of them\","
                                    " \"correct\": true, \"input_type\": \"choicegroup\", \"question\": \"Which of "
                                    "these is a prime number?\", \"response_type\": \"multiplechoiceresponse\", "
                                    "\"variant\": \"\"}",
                                    i > 1 ? ", " : "", i);
    good = good && ebi_bytes_add_text(&event, "}}") &&
           ebi_bytes_add_text(json, "{\"tracking_log\":{\"name\":\"problem_check\",\"timestamp\":"
                                    "\"2026-01-15T09:30:00.123456+00:00\",\"data\":") &&
           ebi_bytes_add_json_string(json, event.data, event.len) &&
           ebi_bytes_add_text(json, ",\"context\":\"{\\\"course_id\\\": \\\"course-v1:edX+DemoX+Demo_Course\\\", "
                                    "\\\"org_id\\\": \\\"edX\\\", \\\"path\\\": \\\"/courses/problem_check\\\"}\"}}");
    if (!good)
        bench_die("tracking: %s", "out of memory");
    ebi_bytes_free(&event);
}

static const char login_json[] = "{\"user\":{\"id\":1,\"is_active\":true,\"pii\":{\"username\":\"foobob\","
                                 "\"email\":\"bob@foo.example\",\"name\":\"Bob Foo\"}}}";

int main(int argc, char **argv) {
    static struct subject login = { .name = "login", .type = "org.openedx.learning.auth.session.login.completed.v1" };
    static struct subject tracking = { .name = "tracking", .type = "org.openedx.analytics.tracking.event.emitted.v1" };
    static const struct match fields = { "fields to bytes", login_by_path, avro_c_write, "avro-c, ready value to bytes", 2 };
    static const struct match decode = { "bytes to fields", bytes_to_fields, avro_c_read, "avro-c, bytes to value", 1 };
    static const struct match parse = { "JSON to bytes", json_to_bytes, jansson_parse, "jansson, parsing alone", 0.2 };
    static const struct match parse_long = { "JSON to bytes", json_to_bytes, jansson_parse, "jansson, parsing alone", 0.1 };
    static const struct match print = { "bytes to JSON", bytes_to_json, avro_c_to_json, "avro-c, bytes to JSON", 0.1 };

    bench_init("codec", argc, argv);
    bench_pin(0, 0);
    if (!ebi_bytes_add_text(&login.json, login_json))
        bench_die("login: %s", "out of memory");
    make_tracking(&tracking.json);
    prepare(&login);
    prepare(&tracking);
    compare(&fields, &login);
    compare(&decode, &login);
    compare(&parse, &login);
    compare(&print, &login);
    compare(&decode, &tracking);
    compare(&parse_long, &tracking);
    compare(&print, &tracking);
    finish(&login);
    finish(&tracking);
    return bench_end();
}
