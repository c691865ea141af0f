/* tests/fuzz/kafka.c - what may stand in a record of Kafka and is read by us, not by librdkafka: frames in front of Avro,
 * keys, positions. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "record/frame.h"
#include "position.h"

static void take_frame(struct eb_text framed) {
    struct eb_text inside = { 0 };
    char again[KF_FRAME];
    uint32_t id = 0;

    if (!kf_frame_take(framed, &id, &inside))
        return;
    kf_frame_put(again, id);
    fuzz_promise(memcmp(again, framed.data, KF_FRAME) == 0, "the frame of %u is another", id);
    fuzz_promise(inside.data + inside.len == framed.data + framed.len && inside.len + KF_FRAME == framed.len,
                 "not all behind the frame");
}

/* The text of a key is within what it is borrowed from. */
static void take_key(const char *type, struct eb_text avro) {
    struct eb_text name = { type, type ? strlen(type) : 0 }, text = { 0 };
    char room[KF_KEY_ROOM];

    if (!kf_key_text(name, avro, room, &text))
        return;
    if (text.data == room)
        fuzz_promise(text.len > 0 && text.len < KF_KEY_ROOM && strlen(room) == text.len, "a number of %zu", text.len);
    else if (type && strcmp(type, "boolean") == 0)
        fuzz_promise(text.len == 4 || text.len == 5, "neither true nor false");
    else if (text.len > 0)
        fuzz_promise(text.data >= avro.data && text.data + text.len == avro.data + avro.len, "a text from elsewhere");
}

static void take_position(const char *text) {
    struct eb_point point = { .size = sizeof point, .kind = EB_POSITION, .position = { text, strlen(text) } };
    struct eb_error err = { 0 };
    int32_t status = kf_position_check(&point, &err);
    int64_t offset;

    if (status != EB_OK) {
        fuzz_promise(status == err.status && err.text[0], "status %d, and %d in the error", status, err.status);
        return;
    }
    for (const char *at = text; at; at = strchr(at, ',')) {
        char *end;
        at += *at == ',';
        long partition = strtol(at, &end, 10);
        fuzz_promise(kf_position_offset(text, (int32_t)partition, &offset) && offset == strtoll(end + 1, NULL, 10),
                     "%s is taken, and names another place at %s", text, at);
    }
    fuzz_promise(!kf_position_offset(text, -1, &offset), "%s names partition -1", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    static const char *const types[] = { NULL, "string", "bytes", "long", "int", "boolean", "org.example.Key" };
    struct fuzz_in in = { bytes, len };
    struct eb_text rest = fuzz_rest(&in);
    char *text = strndup(rest.data ? rest.data : "", rest.len);

    fuzz_promise(text != NULL, "memory");
    take_frame(rest);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        take_key(types[i], rest);
    take_position(text);
    free(text);
    return 0;
}
