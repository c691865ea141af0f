/* tests/unit/consume/test_writer_schemas.c - the schemas that messages were written with: how many are kept, what one costs that
 * does not fit, and how a body is read that came without one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/bytes.h"
#include "consume/decode.h"
#include "consume/oldest.h"
#include "consume/writer_schemas.h"
#include "json/event_data.h"

#define TYPE "org.example.thing.v1"
#define RECORD(fields) "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"" TYPE "\",\"fields\":[" fields "]}"
#define A "{\"name\":\"a\",\"type\":\"string\"}"
#define B "{\"name\":\"b\",\"type\":[\"null\",\"string\"],\"default\":null}"
#define C "{\"name\":\"c\",\"type\":[\"null\",\"long\"],\"default\":null}"

static char folder[] = "/tmp/eventbus-writers-XXXXXX";
static char said[4096];
static struct ebi_log *log_;
static struct ebi_signals *signals;
static const struct eb_signal *thing;
static struct ebi_writer_schemas *writers;
static struct ebi_decoder *decoder;
static struct eb_error err;

static void hear(void *arg, int level, const char *line) {
    (void)arg;
    (void)level;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", line);
}

static void put(const char *name, const char *text) {
    char path[200];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static void load(void) {
    log_ = ebi_log_new(EBI_INFO, false, hear, NULL);
    cr_assert_eq(ebi_signals_load(folder, 1 << 20, "test", log_, &signals, &err), EB_OK, "%s", err.text);
    thing = ebi_signals_get(signals, TYPE, strlen(TYPE));
    cr_assert_not_null(thing);
    decoder = ebi_decoder_new();
}

static void begin(void) {
    char path[200];

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/history", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
}

static void end(void) {
    char command[200];

    ebi_decoder_free(decoder);
    ebi_writer_schemas_free(writers);
    ebi_signals_free(signals);
    ebi_log_free(log_);
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(writers, .init = begin, .fini = end);

/* ---- How many are kept ---- */

/* The plugin's schema number i, of a text of its own. Borrowed until the next call. */
static const struct eb_schema *theirs(uint64_t i) {
    static struct eb_schema schema;
    static char text[300];

    int len = snprintf(text, sizeof text, RECORD("{\"name\":\"n%llu\",\"type\":\"int\"}"), (unsigned long long)i);
    schema = (struct eb_schema){ .size = sizeof schema, .id = i, .name = { "CloudEvent", 10 }, .json = { text, (size_t)len } };
    return &schema;
}

static const struct eb_schema *take(uint64_t i, size_t *copied) {
    const struct eb_schema *copy = NULL;

    cr_assert_eq(ebi_writer_schemas_take(writers, theirs(i), &copy, copied, &err), EB_OK, "schema %llu: %s",
                 (unsigned long long)i, err.text);
    cr_assert_eq(copy->json.len, theirs(i)->json.len);
    cr_assert_arr_eq(copy->json.data, theirs(i)->json.data, copy->json.len);
    return copy;
}

static const struct eb_schema *held[3];

static void keep_held(void *arg, struct ebi_writer_schemas *of) {
    (void)arg;
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        ebi_writer_schemas_keep(of, held[i]);
}

Test(writers, any_number_of_them_is_taken_and_what_a_message_refers_to_stays) {
    size_t copied = 0, again = 0;

    put(TYPE ".avsc", RECORD(A));
    load();
    writers = ebi_writer_schemas_new(signals, keep_held, NULL);
    for (size_t i = 0; i < 3; i++)
        held[i] = take(i + 1, &copied);
    for (uint64_t i = 4; i < 25000; i++)
        take(i, &copied);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(take(i + 1, &again), held[i], "schema %zu was copied anew", i + 1);
    take(24999, &again);
    cr_assert_eq(again, 0, "the last one is not copied again");
    take(5, &again);
    cr_assert_gt(again, 0, "one that was not used for long is forgotten");
}

Test(writers, what_is_used_again_and_again_stays) {
    size_t copied = 0, again = 0;

    put(TYPE ".avsc", RECORD(A));
    load();
    writers = ebi_writer_schemas_new(signals, NULL, NULL);
    for (uint64_t i = 1; i < 25000; i++) {
        take(i, &copied);
        if (i > 1)
            take(1, &again);
    }
    cr_assert_eq(again, 0, "it was dropped although it was in use all the time");
}

Test(writers, ids_that_name_one_text_share_one_copy) {
    const struct eb_schema *first, *second;
    struct eb_schema other;
    size_t copied = 0, again = 0;

    put(TYPE ".avsc", RECORD(A));
    load();
    writers = ebi_writer_schemas_new(signals, NULL, NULL);
    first = take(1, &copied);
    other = *theirs(1);
    other.id = 2;
    cr_assert_eq(ebi_writer_schemas_take(writers, &other, &second, &again, &err), EB_OK);
    cr_assert_eq(first, second);
    cr_assert_eq(again, 0);
    ebi_writer_schemas_forget_ids(writers);
    other.id = 1;
    cr_assert_eq(ebi_writer_schemas_take(writers, &other, &second, &again, &err), EB_OK);
    cr_assert_eq(first, second, "the copy outlives the ids");
}

/* ---- What one costs that does not fit ---- */

static double cpu_seconds(void) {
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

Test(writers, a_schema_that_does_not_fit_is_compiled_once) {
    struct ebi_bytes text = { 0 };
    struct ebi_data *data;
    struct eb_schema writer = { .size = sizeof writer, .id = 900000 };

    put(TYPE ".avsc", RECORD(A));
    load();
    data = ebi_data_new(thing->schema);
    cr_assert(
        ebi_bytes_add_text(&text, "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"" TYPE "\",\"fields\":["));
    for (int i = 0; i < 4000; i++)
        cr_assert(ebi_bytes_add_format(&text, "{\"name\":\"x%d\",\"type\":\"int\"},", i));
    cr_assert(ebi_bytes_add_text(&text, "{\"name\":\"a\",\"type\":\"int\"}]}"));
    writer.json = (struct eb_text){ text.data, text.len };
    double start = cpu_seconds();
    cr_assert_eq(ebi_decoder_read(decoder, thing, data, &writer, (struct eb_text){ "", 0 }, &err), EB_PERMANENT);
    double once = cpu_seconds() - start;
    cr_assert(strstr(err.text, "the writer's schema: a: the writer's int cannot be read as string"), "%s", err.text);
    start = cpu_seconds();
    for (int i = 0; i < 300; i++) {
        err.text[0] = '\0';
        cr_assert_eq(ebi_decoder_read(decoder, thing, data, &writer, (struct eb_text){ "", 0 }, &err), EB_PERMANENT);
        cr_assert(strstr(err.text, "cannot be read as string"), "%s", err.text);
    }
    double others = cpu_seconds() - start;
    cr_assert_lt(others, once, "the first took %.6f s, 300 more %.6f s", once, others);
    ebi_data_free(data);
    ebi_bytes_free(&text);
}

/* ---- Bodies without a writer's schema ---- */

/* What a body of these bytes is, as JSON; NULL: refused, see err. */
static const char *read_body(const char *body, size_t len) {
    static struct ebi_bytes json;
    struct ebi_data *data = ebi_data_new(thing->schema);
    enum eb_status status = ebi_decoder_read(decoder, thing, data, NULL, (struct eb_text){ body, len }, &err);

    ebi_bytes_clear(&json);
    if (status == EB_OK)
        cr_assert_eq(ebi_data_to_json(data, &json, &err), EB_OK, "%s", err.text);
    else
        cr_assert_eq(status, EB_PERMANENT);
    ebi_data_free(data);
    return status == EB_OK ? json.data : NULL;
}
#define READ(body) read_body(body, sizeof body - 1)

#define A_BODY                                                                                                                 \
    "\x02"                                                                                                                     \
    "x"
#define B_BODY                                                                                                                 \
    "\x02\x02"                                                                                                                 \
    "y"
#define C_BODY "\x02\x0e"

Test(writers, an_earlier_versions_body_is_read_by_that_version) {
    put(TYPE ".avsc", RECORD(A "," B "," C));
    put("history/" TYPE ".1.avsc", RECORD(A));
    put("history/" TYPE ".2.avsc", RECORD(A "," B));
    load();
    cr_assert_eq(thing->n_versions, 2);
    cr_expect_str_eq(READ(A_BODY B_BODY C_BODY), "{\"a\":\"x\",\"b\":\"y\",\"c\":7}");
    cr_expect_str_eq(READ(A_BODY B_BODY), "{\"a\":\"x\",\"b\":\"y\",\"c\":null}");
    cr_expect_str_eq(READ(A_BODY), "{\"a\":\"x\",\"b\":null,\"c\":null}");
    cr_assert_str_empty(said);
}

Test(writers, the_newest_version_that_fits_is_the_one) {
    put(TYPE ".avsc", RECORD(A "," B "," C));
    put("history/" TYPE ".9.avsc", RECORD(A ",{\"name\":\"old\",\"type\":\"string\"}"));
    put("history/" TYPE ".10.avsc", RECORD(A ",{\"name\":\"b\",\"type\":\"string\"}"));
    load();
    cr_expect_str_eq(READ(A_BODY "\x02"
                                 "z"),
                     "{\"a\":\"x\",\"b\":\"z\",\"c\":null}");
}

Test(writers, what_a_newer_version_added_is_left_out_and_said_once) {
    put(TYPE ".avsc", RECORD(A));
    load();
    cr_expect_str_eq(READ(A_BODY B_BODY), "{\"a\":\"x\"}");
    cr_expect_str_eq(READ(A_BODY B_BODY C_BODY), "{\"a\":\"x\"}");
    cr_assert(strstr(said, TYPE), "%s", said);
    cr_assert(strstr(said, "2 of 5 bytes"), "%s", said);
    cr_assert_eq(strchr(said, '\n') + 1, said + strlen(said), "said more than once: %s", said);
}

Test(writers, a_body_that_no_version_fits_is_refused) {
    put(TYPE ".avsc", RECORD(A "," B));
    put("history/" TYPE ".1.avsc", RECORD(A));
    load();
    cr_assert_null(READ("\x04"
                        "x"));
    cr_assert(strstr(err.text, "neither this schema nor 1 earlier version(s) of it fit: data.a"), "%s", err.text);
}

Test(writers, a_writers_schema_that_the_broker_names_is_the_only_one_tried) {
    struct ebi_data *data;
    const struct eb_schema *own;

    put(TYPE ".avsc", RECORD(A));
    load();
    data = ebi_data_new(thing->schema);
    own = ebi_schema_public(thing->schema);
    cr_assert_eq(ebi_decoder_read(decoder, thing, data, own, (struct eb_text){ A_BODY B_BODY, 5 }, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "left over"), "%s", err.text);
    ebi_data_free(data);
}

Test(writers, the_oldest_eighth_is_one_at_least) {
    uint64_t few[] = { 30, 10, 20 }, many[16];

    for (uint64_t i = 0; i < 16; i++)
        many[i] = 16 - i;
    cr_assert_eq(ebi_oldest_eighth(few, 3), 10);
    cr_assert_eq(ebi_oldest_eighth(many, 16), 2);
}
