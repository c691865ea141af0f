/* cli/print.c - see print.h. */
#include "cli/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/report.h"
#include "signal/event.h"

/* For people: a line that says what, where and when, then the data, indented. */
static enum eb_status add_pretty(const struct eb_event *event, struct ebi_bytes *out, struct eb_error *err) {
    const struct eb_metadata *meta = &event->meta;
    struct ebi_bytes data = {0};
    char time[EBI_ISO_ROOM];
    char *indented = NULL;
    enum eb_status status = ebi_data_to_json(event->data, &data, err);

    if (status != EB_OK)
        goto done;
    ebi_iso_print_micros(meta->time_us, time);
    json_t *tree = json_loadb(data.data, data.len, JSON_ALLOW_NUL, NULL);
    indented = tree ? json_dumps(tree, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(tree);
    if (!indented ||
        !ebi_bytes_add_format(out, "%s  %s %s  %s  id %s%s%s%s", time, meta->topic ? meta->topic : "-",
                              meta->position ? meta->position : "-", meta->type, meta->id, meta->key ? "  key " : "",
                              meta->key ? meta->key : "", meta->attempt > 1 ? "  (not its first attempt)" : "") ||
        !ebi_bytes_add_format(out, "\n%s\n", indented))
        status = ebi_error_memory(err);
done:
    free(indented);
    ebi_bytes_free(&data);
    return status;
}

static enum eb_status add(const struct cli_printer *printer, const struct eb_event *event, struct ebi_bytes *out,
                          struct eb_error *err) {
    if (printer->format == CLI_PRETTY)
        return add_pretty(event, out, err);
    enum eb_status status = ebi_event_to_cloudevent(event, out, err);
    if (status == EB_OK && !ebi_bytes_add(out, "\n", 1))
        status = ebi_error_memory(err);
    return status;
}

static bool write_all(const struct ebi_bytes *text) {
    size_t done = 0;

    while (done < text->len) {
        ssize_t n = write(STDOUT_FILENO, text->data + done, text->len - done);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            done += (size_t)n;
    }
    return true;
}

enum eb_status cli_print_event(struct cli_printer *printer, const struct eb_event *event, struct eb_error *err) {
    struct ebi_bytes text = {0};
    bool broke = false;
    enum eb_status status = add(printer, event, &text, err);

    if (status != EB_OK)
        goto done;
    pthread_mutex_lock(&printer->lock);
    if (!printer->broken && !write_all(&text)) {
        broke = printer->broken = true;
        printer->reason = errno;
    }
    if (printer->broken)
        status = EB_GONE;
    pthread_mutex_unlock(&printer->lock);
    if (broke && printer->on_broken)
        printer->on_broken(printer->arg);
done:
    ebi_bytes_free(&text);
    return status;
}

int cli_print_end(const struct cli_printer *printer, int status) {
    if (!printer->broken)
        return status;
    if (printer->reason == EPIPE)
        return CLI_EXIT_DONE;
    cli_tell("cannot write to standard output: %s; the event was handed back", strerror(printer->reason));
    return CLI_EXIT_BROKER;
}
