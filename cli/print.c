/* cli/print.c - see print.h. */
#include "cli/print.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <jansson.h>
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/printable.h"
#include "base/thread.h"
#include "cli/report.h"
#include "json/event_data.h"
#include "signal/event.h"

/* ---- For people ---- */

/* Adds " name value", or nothing if the value is NULL. A value with a blank is quoted, so that it is not read as
 * further words. */
static bool add_text(struct ebi_bytes *out, const char *before, const char *value, size_t len) {
    if (!value)
        return true;
    if (!ebi_bytes_add_text(out, before))
        return false;
    if (len > 0 && !memchr(value, ' ', len) && value[0] != '"')
        return ebi_printable_add(out, value, len);
    return ebi_bytes_add(out, "\"", 1) && ebi_printable_add_quoted(out, value, len) && ebi_bytes_add(out, "\"", 1);
}

static bool add_word(struct ebi_bytes *out, const char *before, const char *value) {
    return add_text(out, before, value, value ? strlen(value) : 0);
}

static bool add_heading(struct ebi_bytes *out, const struct eb_metadata *meta) {
    char time[EBI_ISO_ROOM];

    ebi_iso_print_micros(meta->time_us, time);
    return add_word(out, "", time) && add_word(out, "  ", meta->topic ? meta->topic : "-") &&
           add_word(out, " ", meta->position ? meta->position : "-") && add_word(out, "  ", meta->type) &&
           add_word(out, "  id ", meta->id) && add_text(out, "  key ", meta->key, meta->key_len) &&
           (meta->attempt <= 1 || ebi_bytes_add_format(out, "  (attempt %" PRId32 ")", meta->attempt)) &&
           ebi_bytes_add_text(out, "\n");
}

static bool add_origin(struct ebi_bytes *out, const struct eb_metadata *meta) {
    return add_word(out, "  from ", meta->source) && add_word(out, " on ", meta->sourcehost) &&
           add_word(out, ", sourcelib ", meta->sourcelib) &&
           ebi_bytes_add_format(out, ", minorversion %" PRId32 "\n", meta->minorversion);
}

/* "  dlqreason: text", a line each. */
static bool add_dead_letter(struct ebi_bytes *out, const struct eb_event *event) {
    const struct eb_header *shown[EBI_DLQ_MOST];
    size_t n = ebi_dead_letter_headers(event, shown);

    for (size_t i = 0; i < n; i++)
        if (!ebi_bytes_add_text(out, "  ") || !ebi_dead_letter_name(out, shown[i]->name) || !ebi_bytes_add_text(out, ": ") ||
            !ebi_printable_add(out, shown[i]->value.data, shown[i]->value.len) || !ebi_bytes_add_text(out, "\n"))
            return false;
    return true;
}

static enum eb_status add_indented(const struct eb_event *event, struct ebi_bytes *out, struct eb_error *err) {
    struct ebi_bytes data = { 0 };
    size_t before = out->len;
    char *indented = NULL;
    enum eb_status status = ebi_data_to_json(event->data, &data, err);

    if (status == EB_OK) {
        json_t *tree = json_loadb(data.data, data.len, JSON_ALLOW_NUL, NULL);
        indented = tree ? json_dumps(tree, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17)) : NULL;
        json_decref(tree);
        if (!indented || !ebi_bytes_add_format(out, "%s\n", indented) || !ebi_printable_json(out, before))
            status = ebi_error_memory(err);
    }
    free(indented);
    ebi_bytes_free(&data);
    return status;
}

static enum eb_status add_pretty(const struct eb_event *event, struct ebi_bytes *out, struct eb_error *err) {
    if (!add_heading(out, &event->meta) || !add_origin(out, &event->meta) || !add_dead_letter(out, event))
        return ebi_error_memory(err);
    return add_indented(event, out, err);
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

/* Called without the lock. The first caller counts. */
static void set_broken(struct cli_printer *printer, int reason) {
    pthread_mutex_lock(&printer->lock);
    bool first = !printer->broken;
    if (first) {
        printer->broken = true;
        printer->reason = reason;
    }
    pthread_mutex_unlock(&printer->lock);
    if (first && printer->on_broken)
        printer->on_broken(printer->arg);
}

enum eb_status cli_print_event(struct cli_printer *printer, const struct eb_event *event, struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    int reason = 0;
    enum eb_status status = add(printer, event, &text, err);

    if (status != EB_OK)
        goto done;
    pthread_mutex_lock(&printer->lock);
    if (!printer->broken && !write_all(&text))
        reason = errno;
    if (printer->broken || reason)
        status = EB_GONE;
    pthread_mutex_unlock(&printer->lock);
    if (reason)
        set_broken(printer, reason);
done:
    ebi_bytes_free(&text);
    return status;
}

/* ---- A reader that closes the pipe while there is nothing to print ---- */

/* Waits for ms (-1: without limit) until the reader has closed the pipe or `stop` (-1: none) becomes readable. It asks
 * poll for no events, so that only a pipe without a reader or a closed terminal wakes it. */
static bool reader_goes(int stop, int ms) {
    struct pollfd fds[] = { { .fd = STDOUT_FILENO }, { .fd = stop, .events = POLLIN } };

    return poll(fds, 2, ms) > 0 && (fds[0].revents & (POLLERR | POLLHUP));
}

void cli_print_pause(struct cli_printer *printer, int ms) {
    if (reader_goes(-1, ms))
        set_broken(printer, EPIPE);
}

static void *watch(void *arg) {
    struct cli_printer *printer = arg;

    if (reader_goes(printer->stop_watcher, -1))
        set_broken(printer, EPIPE);
    return NULL;
}

enum eb_status cli_print_watch(struct cli_printer *printer, struct eb_error *err) {
    enum eb_status status = EB_OK;

    if (printer->watched)
        return EB_OK;
    printer->stop_watcher = eventfd(0, EFD_CLOEXEC);
    if (printer->stop_watcher < 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot watch standard output");
    status = ebi_thread_start(&printer->watcher, "eb-print", watch, printer, err);
    printer->watched = status == EB_OK;
    if (status != EB_OK)
        close(printer->stop_watcher);
    return status;
}

static void end_watch(struct cli_printer *printer) {
    if (!printer->watched)
        return;
    eventfd_write(printer->stop_watcher, 1);
    pthread_join(printer->watcher, NULL);
    close(printer->stop_watcher);
    printer->watched = false;
}

int cli_print_end(struct cli_printer *printer, int status) {
    end_watch(printer);
    if (!printer->broken)
        return status;
    if (printer->reason == EPIPE)
        return CLI_EXIT_DONE;
    cli_tell("cannot write to standard output: %s; the event was handed back", strerror(printer->reason));
    return CLI_EXIT_BROKER;
}
