/* admin/admin.c - the admin instance, and requests about topics; see admin.h. */
#include "admin/admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The instance ---- */

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct pl_admin *a = calloc(1, sizeof *a);
    int32_t status = a ? pl_http_open(settings, &a->http, err) : ebp_no_memory(err);

    if (status != EB_OK) {
        free(a);
        return status;
    }
    a->host = host;
    a->set = settings;
    *self = a;
    return EB_OK;
}

static void admin_close(void *self) {
    struct pl_admin *a = self;

    pl_browse_free(a->browse);
    pl_http_close(a->http);
    free(a);
}

/* ---- Requests ---- */

/* "/admin/v2/persistent/TENANT/NAMESPACE", and "/TOPIC[-partition-N]" if there is one; to be freed. NULL: no memory. */
static char *path_of(const struct pl_admin *a, const char *topic, int partition) {
    char *tenant = pl_escaped(a->set->tenant), *space = pl_escaped(a->set->name_space), *path = NULL;
    char *name = pl_escaped(topic ? topic : ""), part[32] = "";

    if (partition >= 0)
        snprintf(part, sizeof part, "-partition-%d", partition);
    if (!tenant || !space || !name ||
        asprintf(&path, "/admin/v2/persistent/%s/%s%s%s%s", tenant, space, topic ? "/" : "", name, part) < 0)
        path = NULL;
    free(tenant);
    free(space);
    free(name);
    return path;
}

/* Takes front and rest over. */
static int32_t ask(struct pl_admin *a, const char *method, char *front, char *rest, const char *what, const char *body,
                   int64_t until, struct pl_answer *answer, struct eb_error *err) {
    char *path = NULL;
    int32_t status;

    *answer = (struct pl_answer){ 0 };
    if (!front || !rest || asprintf(&path, "%s%s", front, rest) < 0)
        status = ebp_no_memory(err);
    else
        status = pl_http_ask(a->http, method, path, body, until, what, answer, err);
    free(path);
    free(front);
    free(rest);
    return status;
}

static void say_topic(char out[300], const char *topic, int partition) {
    if (partition >= 0)
        snprintf(out, 300, "partition %d of topic %.200s", partition, topic);
    else
        snprintf(out, 300, "topic %.200s", topic);
}

int32_t pl_ask_topic(struct pl_admin *a, const char *method, const char *topic, int partition, const char *body, int64_t until,
                     struct pl_answer *answer, struct eb_error *err, const char *format, ...) {
    char *rest = NULL, what[300];
    va_list args;

    va_start(args, format);
    if (vasprintf(&rest, format, args) < 0)
        rest = NULL;
    va_end(args);
    say_topic(what, topic, partition);
    return ask(a, method, path_of(a, topic, partition), rest, what, body, until, answer, err);
}

int32_t pl_ask_group(struct pl_admin *a, const char *method, const char *topic, int partition, const char *group,
                     const char *body, int64_t until, struct pl_answer *answer, struct eb_error *err, const char *rest) {
    char *name = pl_escaped(group), *whole = NULL, what[600];

    say_topic(what, topic, partition);
    snprintf(what + strlen(what), sizeof what - strlen(what), ", group %.250s", group);
    if (!name || asprintf(&whole, "/subscription/%s%s", name, rest) < 0)
        whole = NULL;
    free(name);
    return ask(a, method, path_of(a, topic, partition), whole, what, body, until, answer, err);
}

int32_t pl_ask_namespace(struct pl_admin *a, const char *rest, int64_t until, struct pl_answer *answer, struct eb_error *err) {
    char what[500];

    snprintf(what, sizeof what, "namespace %.200s/%.200s", a->set->tenant, a->set->name_space);
    return ask(a, "GET", path_of(a, NULL, -1), strdup(rest), what, NULL, until, answer, err);
}

int32_t pl_odd_answer(const char *topic, const char *what, struct eb_error *err) {
    return ebp_error(err, EB_PERMANENT, 0, "topic %s: the answer about its %s is not one of Pulsar's; is admin_url right?",
                     topic, what);
}

int64_t pl_number(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .traits = EB_T_HISTORY | EB_T_PROCESSES,
    .open = admin_open,
    .topics = pl_admin_topics,
    .groups = pl_admin_groups,
    .browse = pl_admin_browse,
    .seek = pl_admin_seek,
    .trim = NULL, /* Pulsar removes whole ledgers alone: see eventbus-pulsar(5) */
    .create = pl_admin_create,
    .remove = pl_admin_remove,
    .close = admin_close,
};
