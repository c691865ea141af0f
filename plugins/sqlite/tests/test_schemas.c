/* plugins/sqlite/tests/test_schemas.c - more writers' schemas than are remembered: each message keeps its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "topic/schemas.h"

enum { SCHEMAS = 3 * SQ_SCHEMAS_MOST };

static const char *text_of(long number) {
    static char text[64];

    snprintf(text, sizeof text, "\"schema %ld\"", number);
    return text;
}

/* Message number `number`, with a schema of its own and a key's. */
static void send(struct kit_host *p, long number) {
    const char *text = text_of(number);
    struct eb_schema schema = { sizeof schema, (uint64_t)number * 2 + 1, { "CloudEvent", 10 }, { text, strlen(text) } };
    struct eb_schema key = { sizeof key, (uint64_t)number * 2 + 2, { "string", 6 }, { text, strlen(text) } };
    struct eb_message m = { .size = sizeof m,
                            .token = (uint64_t)number,
                            .topic = { "t", 1 },
                            .payload = { "1", 1 },
                            .schema = &schema,
                            .key = { "k", 1 },
                            .key_schema = &key };
    const struct eb_message *one = &m;
    struct eb_error err;
    size_t before = p->stored;

    kit_producer_ops()->submit(p->self, &one, 1, &err);
    for (int64_t until_ms = kit_now_ms() + KIT_PATIENCE_MS; p->stored == before;) {
        kit_check(kit_now_ms() < until_ms, "message %ld is not stored", number);
        kit_producer_ops()->poll(p->self, 50, &err);
    }
}

static void each_message_keeps_its_own(void) {
    const char *path = kit_file("bus.db");
    struct kit_host *p = kit_producer(path);
    struct kit_consumer *c;
    uint64_t last = 0;

    for (long i = 0; i < SCHEMAS; i++)
        send(p, i);
    send(p, 0); /* its schema is in the file still, though it is not remembered any more */
    kit_close_producer(p, 1000);
    kit_check(kit_number(path, "SELECT count(*) FROM schema") == 2 * SCHEMAS, "%lld schemas in the file",
              (long long)kit_number(path, "SELECT count(*) FROM schema"));
    c = kit_consumer(&(struct kit_wish){ .path = path, .topic = "t", .group = "g" });
    kit_take_and_ack(c, SCHEMAS + 1);
    for (long i = 0; i <= SCHEMAS; i++) {
        const struct kit_got *got = c->host->got[i];

        kit_check(strcmp(got->schema, text_of(i % SCHEMAS)) == 0, "message %ld came with %s", i, got->schema);
        kit_check(got->schema_id != last, "message %ld has the schema id of the one before", i);
        last = got->schema_id;
    }
    kit_close_consumer(c);
}

int main(int argc, char **argv) {
    static const struct kit_test tests[] = {
        { "each message keeps its own", each_message_keeps_its_own },
        { NULL, NULL },
    };
    static const struct kit_role none[] = { { NULL, NULL } };

    return kit_main(argc, argv, tests, none);
}
