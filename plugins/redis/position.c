/* plugins/redis/position.c - see position.h. */
#include "position.h"

#include <stdio.h>
#include <eventbus/plugin-help/error.h>

int32_t rd_point_check(const struct eb_point *point, struct eb_error *err) {
    struct rd_id id;

    if (point->kind < EB_EARLIEST || point->kind > EB_POSITION)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "the plugin does not know points of kind %d",
                                 point->kind);
    if (point->kind != EB_POSITION || (point->position.data && rd_id_parse(point->position.data, &id)))
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                             "\"%.60s\" is not a position: on Redis a position is the id of an entry, such as 1795466583599-0",
                             point->position.data ? point->position.data : "");
}

struct rd_id rd_point_first(const struct eb_point *point) {
    struct rd_id id = { 0 };

    if (point->kind == EB_LATEST)
        return (struct rd_id){ UINT64_MAX, UINT64_MAX };
    if (point->kind == EB_TIME && point->time_ms > 0)
        id.ms = (uint64_t)point->time_ms;
    if (point->kind == EB_POSITION)
        rd_id_parse(point->position.data, &id);
    return id;
}

void rd_point_start(const struct eb_point *point, char text[RD_ID_ROOM]) {
    if (point && point->kind == EB_LATEST)
        snprintf(text, RD_ID_ROOM, "$");
    else
        rd_id_print(rd_id_before(point ? rd_point_first(point) : (struct rd_id){ 0 }), text);
}
