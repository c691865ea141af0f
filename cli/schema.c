/* cli/schema.c - eventbus schema: checks whether a schema may follow another; encodes and decodes data on pipes. */
#include "cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "base/printable.h"
#include "cli/bus.h"
#include "cli/lines.h"
#include "json/event_data.h"
#include "schema/schema.h"

/* ---- check ------------------------------------------------------------------------------------------------------- */

enum { LARGEST_SCHEMA = 1 << 20 };

static void tell_problem(void *arg, const char *problem) {
    (void)arg;
    cli_put(problem);
    cli_outf("\n");
}

static bool same_text(const struct ebi_schema *a, const struct ebi_schema *b) {
    struct eb_text one = ebi_schema_public(a)->json, other = ebi_schema_public(b)->json;

    return one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
}

static void tell_history(const char *older, const char *type) {
    cli_tell("both directions decode where the broker carries the writer's schema (sqlite, kafka, memory); on redis, which "
             "carries none, keep %s as history/%s.N.avsc in a folder of schema_path",
             older, type);
}

static int check(const struct cli_call *call) {
    struct ebi_schema *older = NULL, *newer = NULL;
    struct eb_error err;
    int problems = -1;

    if (ebi_schema_read_file(call->operands[0], LARGEST_SCHEMA, &older, &err) == EB_OK &&
        ebi_schema_read_file(call->operands[1], LARGEST_SCHEMA, &newer, &err) == EB_OK)
        problems = ebi_schema_evolution(older, newer, tell_problem, NULL, &err);
    if (problems == 0 && !same_text(older, newer))
        tell_history(call->operands[0], ebi_schema_type(older));
    ebi_schema_free(older);
    ebi_schema_free(newer);
    if (problems < 0)
        return cli_failed(&err);
    return problems ? CLI_EXIT_DATA : CLI_EXIT_DONE;
}

/* ---- encode and decode ------------------------------------------------------------------------------------------- */

struct ask {
    const char *signal;
    bool hex;
};

/* One run of encode or decode. */
struct job {
    const struct ask *ask;
    struct eb_bus *bus;
    struct cli_lines lines;
    struct ebi_data *data;
    struct ebi_bytes body, text;
    struct cli_tally tally;
};

static enum eb_status job_open(struct job *job, const struct cli_call *call, struct eb_error *err) {
    const struct eb_signal *signal;

    job->ask = call->settings;
    if (!job->ask->signal)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: --signal TYPE is missing; see eventbus %s --help", call->name,
                         call->name);
    if (cli_bus_open(call, NULL, false, &job->bus, err) != EB_OK ||
        cli_bus_signal(job->bus, job->ask->signal, &signal, err) != EB_OK || cli_lines_open(&job->lines, "-", err) != EB_OK)
        return EB_PERMANENT;
    job->data = ebi_data_new(signal->schema);
    return job->data ? EB_OK : ebi_error_memory(err);
}

static void job_close(struct job *job) {
    ebi_data_free(job->data);
    ebi_bytes_free(&job->body);
    ebi_bytes_free(&job->text);
    cli_lines_close(&job->lines);
    eb_bus_close(job->bus, 0, NULL);
}

static enum eb_status to_hex(const struct ebi_bytes *bytes, struct ebi_bytes *text, struct eb_error *err) {
    static const char digits[] = "0123456789abcdef";

    if (!ebi_bytes_reserve(text, 2 * bytes->len + 1))
        return ebi_error_memory(err);
    for (size_t i = 0; i < bytes->len; i++) {
        const char pair[] = { digits[(unsigned char)bytes->data[i] >> 4], digits[bytes->data[i] & 15] };
        ebi_bytes_add(text, pair, sizeof pair);
    }
    return EB_OK;
}

static int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum eb_status from_hex(const char *text, size_t len, struct ebi_bytes *bytes, struct eb_error *err) {
    while (len > 0 && strchr(" \t\r", text[len - 1]))
        len--;
    if (len % 2)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "an odd number of hex digits");
    if (!ebi_bytes_reserve(bytes, len / 2))
        return ebi_error_memory(err);
    for (size_t i = 0; i < len; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0)
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "character %zu is not a hex digit", high < 0 ? i + 1 : i + 2);
        ebi_bytes_add(bytes, &(char){ (char)(high << 4 | low) }, 1);
    }
    return EB_OK;
}

static enum eb_status encode_line(struct job *job, const char *line, size_t len, struct eb_error *err) {
    enum eb_status status = ebi_data_from_printed_json(job->data, "data", line, len, err);

    if (status == EB_OK)
        status = ebi_data_to_avro(job->data, &job->body, err);
    if (status == EB_OK && job->ask->hex)
        status = to_hex(&job->body, &job->text, err);
    if (status != EB_OK)
        return status;
    if (job->ask->hex)
        cli_out_line(job->text.data, job->text.len);
    else
        cli_out(job->body.data, job->body.len);
    return EB_OK;
}

static enum eb_status print_data(struct job *job, struct eb_error *err) {
    enum eb_status status = ebi_data_to_json(job->data, &job->text, err);

    if (status == EB_OK && !ebi_printable_json(&job->text, 0))
        status = ebi_error_memory(err);
    if (status == EB_OK)
        cli_out_line(job->text.data, job->text.len);
    return status;
}

static enum eb_status decode_line(struct job *job, const char *line, size_t len, struct eb_error *err) {
    enum eb_status status = from_hex(line, len, &job->body, err);

    if (status == EB_OK)
        status = ebi_data_from_avro(job->data, job->body.data, job->body.len, err);
    return status == EB_OK ? print_data(job, err) : status;
}

/* Encodes each line by itself; a wrong line is named, and the others go on. */
static int each_line(const struct cli_call *call,
                     enum eb_status (*convert)(struct job *, const char *line, size_t len, struct eb_error *)) {
    struct job job = { 0 };
    struct eb_error err;
    const char *line;
    size_t len;
    enum eb_status status;

    if (job_open(&job, call, &err) != EB_OK) {
        job_close(&job);
        return cli_failed(&err);
    }
    while ((status = cli_lines_next(&job.lines, &line, &len, &err)) != EB_END) {
        ebi_bytes_clear(&job.body);
        ebi_bytes_clear(&job.text);
        enum eb_status done = status == EB_OK ? convert(&job, line, len, &err) : status;
        if (done == EB_OK) {
            job.tally.done++;
        } else {
            cli_lines_context(&job.lines, &err);
            cli_tally_failed(&job.tally, &err);
        }
        if (status == EB_FATAL || !cli_out_event())
            break;
    }
    job_close(&job);
    return cli_tally_exit(&job.tally);
}

static int encode(const struct cli_call *call) {
    return each_line(call, encode_line);
}

/* The bytes of standard input that are not decoded yet. */
struct stream {
    struct ebi_bytes bytes;
    size_t start;    /* the bytes before it are decoded */
    uint64_t passed; /* bytes that were removed from the front */
    bool over;       /* the end of the input was reached */
};

enum { PIECE = 1 << 16 };

/* Reads what is available now. */
static enum eb_status read_on(struct stream *stream, struct eb_error *err) {
    struct ebi_bytes *bytes = &stream->bytes;
    ssize_t got;

    if (stream->start > 0)
        memmove(bytes->data, bytes->data + stream->start, bytes->len - stream->start);
    bytes->len -= stream->start;
    stream->passed += stream->start;
    stream->start = 0;
    if (bytes->len >= CLI_LONGEST_EVENT)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "no end of an event within %d MiB", CLI_LONGEST_EVENT >> 20);
    if (!ebi_bytes_reserve(bytes, PIECE))
        return ebi_error_memory(err);
    do
        got = read(STDIN_FILENO, bytes->data + bytes->len, PIECE);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read standard input");
    bytes->len += (size_t)got;
    stream->over = got == 0;
    return EB_OK;
}

/* Decodes the next event into job->data. EB_END: no event is left. */
static enum eb_status next_body(struct job *job, struct stream *stream, struct eb_error *err) {
    for (;;) {
        size_t left = stream->bytes.len - stream->start, used;
        enum eb_status status = EB_END;

        if (left > 0)
            status = ebi_data_from_avro_first(job->data, stream->bytes.data + stream->start, left, &used, err);
        if (status == EB_OK && used == 0)
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "an event of %s has no bytes; use --hex", job->ask->signal);
        if (status == EB_OK)
            stream->start += used;
        if (status == EB_OK || stream->over)
            return status;
        status = read_on(stream, err); /* the rest may still come */
        if (status != EB_OK)
            return status;
    }
}

/* Decodes Avro bodies one after the other, as encode writes them without --hex. After a wrong body the start of the
 * next one is unknown, so decoding ends. */
static int decode_stream(const struct cli_call *call) {
    struct job job = { 0 };
    struct stream stream = { 0 };
    struct eb_error err;
    enum eb_status status = job_open(&job, call, &err);

    if (status != EB_OK) {
        cli_tally_failed(&job.tally, &err);
        goto done;
    }
    do {
        ebi_bytes_clear(&job.text);
        status = next_body(&job, &stream, &err);
        if (status == EB_OK)
            status = print_data(&job, &err);
        if (status == EB_OK)
            job.tally.done++;
    } while (status == EB_OK && cli_out_event());
    if (status != EB_OK && status != EB_END) {
        ebi_error_context(&err, "standard input: event %" PRIu64 ", at byte %" PRIu64, job.tally.done + 1,
                          stream.passed + stream.start);
        cli_tally_failed(&job.tally, &err);
    }
done:
    ebi_bytes_free(&stream.bytes);
    job_close(&job);
    return cli_tally_exit(&job.tally);
}

static int decode(const struct cli_call *call) {
    return ((const struct ask *)call->settings)->hex ? each_line(call, decode_line) : decode_stream(call);
}

/* ---- The verb ---------------------------------------------------------------------------------------------------- */

static const struct cli_option options[] = {
    { .name = "signal",
      .type = CLI_TEXT,
      .offset = offsetof(struct ask, signal),
      .value = "TYPE",
      .help = "the event type whose data it is" },
    { .name = "hex", .type = CLI_FLAG, .offset = offsetof(struct ask, hex), .help = "one hex string a line for the bytes" },
};

static const struct cli_verb cli_schema_check = {
    .name = "check",
    .summary = "Tells whether the schema file NEW may follow OLD",
    .usage = (const char *const[]){ "OLD NEW", NULL },
    .about = "Checks the rules of Open edX: only new fields of the outermost record are allowed, and each side "
             "must be able to read what the other wrote. Each breach is a line on standard output; the exit "
             "status is then 4.",
    .examples = (const char *const[]){ "eventbus schema check old.avsc new.avsc", NULL },
    .operand = "FILE",
    .min_operands = 2,
    .max_operands = 2,
    .run = check,
};

static const struct cli_verb cli_schema_encode = {
    .name = "encode",
    .summary = "Turns data, one JSON object a line, into Avro bytes",
    .usage = (const char *const[]){ "--signal TYPE [--hex]", NULL },
    .about = "Reads standard input. A wrong line is named, and the others go on; the exit status is then 1, or 4 "
             "if all lines were wrong.",
    .examples =
        (const char *const[]){
            "eventbus schema encode --signal org.openedx.learning.auth.session.login.completed.v1 --hex < data.jsonl", NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = encode,
};

static const struct cli_verb cli_schema_decode = {
    .name = "decode",
    .summary = "Turns Avro bytes into data, one JSON object a line",
    .usage = (const char *const[]){ "--signal TYPE [--hex]", NULL },
    .about = "Reads standard input: bodies one after the other, as encode writes them, or with --hex one hex "
             "string a line.",
    .examples =
        (const char *const[]){
            "echo f601010c666f6f626f621e626f6240666f6f2e6578616d706c650e426f6220466f6f | eventbus schema decode --hex "
            "--signal org.openedx.learning.auth.session.login.completed.v1",
            NULL },
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct ask),
    .run = decode,
};

const struct cli_verb cli_schema = {
    .name = "schema",
    .summary = "Checks schema files, and turns data into Avro bytes and back",
    .parts = (const struct cli_verb *const[]){ &cli_schema_check, &cli_schema_encode, &cli_schema_decode, NULL },
};
