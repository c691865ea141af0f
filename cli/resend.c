/* cli/resend.c - see resend.h. */
#include "cli/resend.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "cli/bus.h"
#include "cli/interrupt.h"
#include "cli/receipt.h"
#include "produce/resend.h"
#include "produce/send_id.h"
#include "json/members.h"
#include "signal/event.h"

enum { CLOSE_AFTER_SIGNAL_MS = 5000 };

/* One run. The lock guards what the producer's thread changes too. */
struct run {
    struct eb_bus *bus;
    struct ebi_resend *resend;
    bool json, quiet;
    pthread_mutex_t lock;
    struct cli_tally tally;
    uint64_t put_aside;
    bool broker_gone; /* one event failed because the broker is away; the others stay in the file without waiting */
};

/* A line that is being sent. */
struct sent {
    struct run *run;
    int64_t offset;
};

static void on_delivery(void *arg, const struct eb_receipt *receipt) {
    struct sent *sent = arg;
    struct run *run = sent->run;

    if (!receipt->error)
        ebi_resend_delivered(run->resend, sent->offset);
    pthread_mutex_lock(&run->lock);
    if (receipt->error) {
        cli_tally_told(&run->tally, receipt->error); /* the log printed its id and topic */
        run->broker_gone |= receipt->error->status == EB_RETRIABLE;
    } else {
        run->tally.done++;
        if (run->json)
            cli_print_receipt(receipt);
    }
    pthread_mutex_unlock(&run->lock);
    free(sent);
}

static void note(struct run *run, const struct ebi_resend_line *line, struct eb_error *err) {
    ebi_error_context(err, "%s:%" PRIu64, ebi_resend_path(run->resend), line->number);
    pthread_mutex_lock(&run->lock);
    cli_tally_failed(&run->tally, err);
    pthread_mutex_unlock(&run->lock);
}

/* ---- Incomplete lines ---- */

static enum eb_status pass(void *arg, const char *name, const char *value, size_t len, struct eb_error *err) {
    (void)arg, (void)name, (void)value, (void)len, (void)err;
    return EB_OK;
}

static bool is_object(const char *text, size_t len, struct eb_error *err) {
    return ebi_json_members(text, len, pass, NULL, err) != EB_PERMANENT;
}

/* Returns where a whole event starts in a line that begins with a part of another event; len: nowhere. Inside a JSON
 * string the quotes of this text would be escaped. */
static size_t whole_event(const char *text, size_t len) {
    static const char start[] = "{\"specversion\"";
    size_t found = len;

    for (const char *at = text; (at = memmem(at, len - (size_t)(at - text), start, sizeof start - 1)); at++)
        found = (size_t)(at - text);
    return found < len && is_object(text + found, len - found, NULL) ? found : len;
}

/* Puts aside the part of the line that is not an event; *skip: its length. */
static enum eb_status put_torn_aside(struct run *run, const struct ebi_resend_line *line, size_t *skip, struct eb_error *err) {
    struct eb_error why;

    *skip = 0;
    if (is_object(line->text, line->len, &why))
        return EB_OK;
    *skip = whole_event(line->text, line->len);
    enum eb_status status = ebi_resend_put_aside(run->resend, line, *skip, err);
    if (status != EB_OK)
        return status;
    run->put_aside++;
    ebi_error_context(&why, "%zu bytes that are no whole event are put aside in %s.torn", *skip, ebi_resend_path(run->resend));
    note(run, line, &why);
    return EB_OK;
}

/* ---- Sending ---- */

static enum eb_status send(struct run *run, const struct ebi_resend_line *line, const struct eb_event *event,
                           const struct ebi_address *address, struct eb_error *err) {
    const struct ebi_key key = { address->key_field, { address->key, address->key_len } };
    const struct eb_text send_id = { address->send_id, address->send_id ? strlen(address->send_id) : 0 };
    struct sent *sent;

    if (!address->topic || !*address->topic)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                         "the line names no topic; eventbus produce - sends it by the "
                         "routes");
    if (send_id.data && !ebi_send_id_valid(send_id))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                         "sendid: expected 1 to %d printable characters without blanks; take it out of the line to send the "
                         "event as a new one",
                         EBI_SEND_ID_LONGEST);
    sent = malloc(sizeof *sent);
    if (!sent)
        return ebi_error_memory(err);
    *sent = (struct sent){ run, line->offset };
    enum eb_status status = ebi_produce_kept(run->bus->producer, event, address->topic, &key, send_id, on_delivery, sent, err);
    if (status != EB_OK)
        free(sent);
    return status;
}

/* EB_FATAL: stop. */
static enum eb_status take_line(struct run *run, const struct ebi_resend_line *line) {
    struct eb_event *event = NULL;
    struct ebi_address address = { 0 };
    struct eb_error err;
    size_t skip;
    enum eb_status status = put_torn_aside(run, line, &skip, &err);

    if (status == EB_OK && skip == line->len)
        return EB_OK;
    if (status == EB_OK)
        status = ebi_event_from_cloudevent(run->bus->signals, NULL, line->text + skip, line->len - skip, &event, &address,
                                           &err);
    if (status == EB_OK)
        status = send(run, line, event, &address, &err);
    if (status != EB_OK)
        note(run, line, &err);
    eb_event_free(event);
    ebi_address_free(&address);
    return status;
}

static bool goes_on(struct run *run) {
    pthread_mutex_lock(&run->lock);
    bool gone = run->broker_gone;
    pthread_mutex_unlock(&run->lock);
    return !gone && !cli_signal_caught();
}

static void take_lines(struct run *run) {
    struct ebi_resend_line line;
    struct eb_error err;
    enum eb_status status = EB_OK;

    while (status != EB_FATAL && status != EB_END && goes_on(run)) {
        status = ebi_resend_next(run->resend, &line, &err);
        if (status == EB_OK)
            status = take_line(run, &line);
        else if (status != EB_END)
            note(run, &line, &err);
    }
}

/* ---- The run ---- */

/* A given name must be the name of a file, or of a file that an earlier run left partly sent. */
static enum eb_status look_for(const char *file, struct eb_error *err) {
    struct ebi_bytes sending = { 0 };
    enum eb_status status = EB_OK;

    if (!ebi_bytes_add_format(&sending, "%s.sending", file))
        return ebi_error_memory(err);
    if (access(file, F_OK) != 0 && access(sending.data, F_OK) != 0) {
        errno = ENOENT;
        status = ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot read %s", file);
    }
    ebi_bytes_free(&sending);
    return status;
}

/* Waits for the events that the queue took, puts the rest back into the file, and returns the exit status. */
static int finish(struct run *run) {
    int number = cli_signal_caught();
    char *path = strdup(ebi_resend_path(run->resend));
    struct eb_error err;
    uint64_t kept;

    if (!number)
        cli_bus_flush(run->bus, NULL);
    number = cli_signal_caught();
    eb_bus_close(run->bus, CLOSE_AFTER_SIGNAL_MS, NULL); /* events that it gives up are still in the file */
    if (ebi_resend_close(run->resend, &kept, &err) != EB_OK)
        cli_tally_failed(&run->tally, &err);
    if (!run->quiet || kept || run->put_aside)
        cli_tell("%s: %" PRIu64 " sent again, %" PRIu64 " kept, %" PRIu64 " put aside", path ? path : "", run->tally.done, kept,
                 run->put_aside);
    free(path);
    if (number && kept)
        return 128 + number;
    return kept && run->tally.failed == 0 ? (int)CLI_EXIT_PARTLY : cli_tally_exit(&run->tally);
}

int cli_resend(struct eb_bus *bus, const char *file, bool json, bool quiet) {
    struct run run = { .bus = bus, .json = json, .quiet = quiet, .lock = PTHREAD_MUTEX_INITIALIZER };
    const char *path = file ? file : bus->undelivered;
    struct eb_error err;
    enum eb_status status = file ? look_for(file, &err) : EB_OK;

    cli_catch_signals(NULL, NULL);
    cli_bus_wait_for_room(bus);
    if (status == EB_OK)
        status = cli_bus_wait_for_producer(bus, &err); /* before the file is moved, in case the broker is away */
    if (status == EB_OK)
        status = ebi_resend_open(path, &run.resend, &err);
    if (status == EB_OK) {
        take_lines(&run);
        return finish(&run);
    }
    if (status == EB_EMPTY && !quiet)
        cli_tell("%s: nothing to send", path);
    eb_bus_close(bus, 0, NULL);
    return status == EB_EMPTY ? (int)CLI_EXIT_DONE : cli_failed(&err);
}
