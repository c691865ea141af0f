/* plugins/redis/position.c - see position.h. */
#include "position.h"

#include <stdio.h>

#include "error.h"

int32_t rd_point_check(const struct eb_point *point, struct eb_error *err) {
    struct rd_id id;
    int32_t status = EB_OK;

    if (point->kind == EB_POSITION && (!point->position.data || !rd_id_parse(point->position.data, &id)))
        status = rd_error(err, EB_PERMANENT, 0,
                          "\"%.60s\" is no position: here it is an entry's id, as 1795466583599-0",
                          point->position.data ? point->position.data : "");
    else if (point->kind < EB_EARLIEST || point->kind > EB_POSITION)
        status = rd_error(err, EB_PERMANENT, 0, "%d is no kind of point that this plugin knows", point->kind);
    if (status != EB_OK && err)
        err->kind = EB_KIND_CONFIG;
    return status;
}

void rd_point_start(const struct eb_point *point, char text[RD_ID_ROOM]) {
    struct rd_id id = {0};

    if (point && point->kind == EB_LATEST) {
        snprintf(text, RD_ID_ROOM, "$");
        return;
    }
    if (point && point->kind == EB_TIME && point->time_ms > 0)
        id.ms = (uint64_t)point->time_ms;
    if (point && point->kind == EB_POSITION)
        rd_id_parse(point->position.data, &id);
    rd_id_print(rd_id_before(id), text);
}
