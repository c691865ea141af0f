/* plugins/kafka/position.c - see position.h. */
#include "position.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "error.h"

/* Reads digits only, up to a limit. Returns false if there are none, or the number is too large. */
static bool read_number(const char **at, int64_t most, int64_t *value) {
    char *end;

    if (!isdigit((unsigned char)**at))
        return false;
    errno = 0;
    *value = strtoll(*at, &end, 10);
    *at = end;
    return errno == 0 && *value <= most;
}

/* Reads the next P:OFFSET and the comma behind it. */
static bool next_pair(const char **at, int64_t *partition, int64_t *offset) {
    if (!read_number(at, INT32_MAX, partition) || *(*at)++ != ':' || !read_number(at, INT64_MAX - 1, offset))
        return false;
    if (**at == ',')
        return *++*at != '\0';
    return **at == '\0';
}

static bool is_named_before(const char *position, const char *until, int64_t partition) {
    int64_t other, offset;

    while (position < until && next_pair(&position, &other, &offset))
        if (other == partition)
            return true;
    return false;
}

int32_t kf_position_check(const struct eb_point *point, struct eb_error *err) {
    const char *all = point->position.data, *at = all;
    int64_t partition, offset;

    if (point->kind < EB_EARLIEST || point->kind > EB_POSITION)
        return kf_misconfigured(err, "a point of kind %d is not known here", point->kind);
    if (point->kind != EB_POSITION)
        return EB_OK;
    do {
        const char *begin = at;
        if (!at || !next_pair(&at, &partition, &offset))
            return kf_misconfigured(err,
                                    "\"%.100s\" is not a position in a topic of Kafka: write P:OFFSET[,P:OFFSET...], a "
                                    "partition's number and an offset there",
                                    all ? all : "");
        if (is_named_before(all, begin, partition))
            return kf_misconfigured(err, "\"%.100s\" names partition %" PRId64 " twice", all, partition);
    } while (*at);
    return EB_OK;
}

bool kf_position_offset(const char *position, int32_t partition, int64_t *offset) {
    int64_t named;

    while (*position && next_pair(&position, &named, offset))
        if (named == partition)
            return true;
    return false;
}

static char *print_number(char *to, uint64_t read_number) {
    char digits[20];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + read_number % 10);
    while (read_number /= 10);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

/* Called for each event: snprintf took longer than all else that the plugin does with a report. */
size_t kf_position_print(char room[KF_POSITION_ROOM], int32_t partition, int64_t offset) {
    assert(partition >= 0 && offset >= 0);
    char *end = print_number(room, (uint64_t)partition);

    *end++ = ':';
    end = print_number(end, (uint64_t)offset);
    *end = '\0';
    return (size_t)(end - room);
}
