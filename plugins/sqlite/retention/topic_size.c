/* plugins/sqlite/retention/topic_size.c - see topic_size.h. The size is no column: every producer would have to write that
 * at each commit. */
#include "retention/topic_size.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/error.h>

enum { ROWS_AT_ONCE = 20000 }; /* rows read by one statement: a long read would stop checkpoints */

/* The index of the topic in the list, or where it would be inserted. */
static size_t place_of(const struct sq_sizes *sizes, int64_t topic) {
    size_t low = 0, high = sizes->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sizes->list[middle].topic < topic)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct sq_size *find(const struct sq_sizes *sizes, int64_t topic) {
    size_t at = place_of(sizes, topic);

    return at < sizes->n && sizes->list[at].topic == topic ? &sizes->list[at] : NULL;
}

static struct sq_size *add(struct sq_sizes *sizes, int64_t topic) {
    size_t at = place_of(sizes, topic);
    struct sq_size *place;

    if (!EBP_RESERVE(sizes->list, sizes->room, sizes->n + 1))
        return NULL;
    place = &sizes->list[at];
    memmove(place + 1, place, (sizes->n++ - at) * sizeof *place);
    *place = (struct sq_size){ .topic = topic };
    return place;
}

void sq_sizes_free(struct sq_sizes *sizes) {
    free(sizes->list);
    *sizes = (struct sq_sizes){ 0 };
}

int32_t sq_size_count(struct sq_sizes *sizes, struct sq_store *store, int64_t topic, const struct sq_extent *extent,
                      int64_t *bytes, struct eb_error *err) {
    sqlite3_stmt *sum = sq_sql(store, SQ_MSG_BYTES);
    struct sq_size *size = find(sizes, topic);
    int64_t upto;
    int32_t row;

    if (!size)
        size = add(sizes, topic);
    if (!size)
        return ebp_no_memory(err);
    if (size->first != extent->first) /* new, or another process has trimmed it */
        *size = (struct sq_size){ topic, extent->first, extent->first - 1, 0 };
    upto = extent->last - size->last > ROWS_AT_ONCE ? size->last + ROWS_AT_ONCE : extent->last;
    sqlite3_bind_int64(sum, 1, sq_id(topic, size->last + 1));
    sqlite3_bind_int64(sum, 2, sq_id(topic, upto));
    row = sq_row(store, sum, "i", err);
    if (row < 0)
        return row;
    size->bytes += sqlite3_column_int64(sum, 0);
    sqlite3_reset(sum);
    size->last = upto;
    *bytes = size->bytes;
    return upto < extent->last ? EB_FULL : EB_OK;
}

void sq_size_removed(struct sq_sizes *sizes, int64_t topic, const struct sq_trimmed *trimmed) {
    struct sq_size *size = find(sizes, topic);

    if (!size || trimmed->rows == 0)
        return;
    size->first = trimmed->last + 1;
    size->bytes -= trimmed->bytes;
    if (size->last < trimmed->last)
        *size = (struct sq_size){ topic, trimmed->last + 1, trimmed->last, 0 };
}

int32_t sq_size_cut(struct sq_store *store, int64_t topic, const struct sq_extent *extent, int64_t bytes, int64_t *upto,
                    struct eb_error *err) {
    sqlite3_stmt *sizes = sq_sql(store, SQ_MSG_SIZES);
    int32_t row = 0;

    *upto = extent->first - 1;
    sqlite3_bind_int64(sizes, 1, sq_id(topic, extent->first));
    sqlite3_bind_int64(sizes, 2, sq_id(topic, extent->last));
    for (int n = 0; bytes > 0 && n < ROWS_AT_ONCE && (row = sq_row(store, sizes, "mi", err)) > 0; n++) {
        *upto = sq_seq(sqlite3_column_int64(sizes, 0));
        bytes -= sqlite3_column_int64(sizes, 1);
    }
    sqlite3_reset(sizes);
    return row < 0 ? row : EB_OK;
}
