/* cli/report.c - see report.h. */
#include "cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/printable.h"

enum cli_exit cli_exit_of(const struct eb_error *err) {
    switch (err->kind) {
    case EB_KIND_CONFIG:
        return CLI_EXIT_USAGE;
    case EB_KIND_DATA:
        return CLI_EXIT_DATA;
    case EB_KIND_PLUGIN:
        return CLI_EXIT_PLUGIN;
    default:
        return CLI_EXIT_BROKER; /* broker, machine, and kinds that only a newer library knows */
    }
}

void cli_tell(const char *format, ...) {
    struct ebi_bytes text = { 0 }, line = { 0 };
    va_list args;

    va_start(args, format);
    bool made = ebi_bytes_add_vformat(&text, format, args) && ebi_bytes_add_text(&line, "eventbus: ") &&
                ebi_printable_add(&line, text.data, text.len) && ebi_bytes_add(&line, "\n", 1);
    va_end(args);
    fputs(made ? line.data : "eventbus: out of memory\n",
          stderr); /* one write, so that lines of several processes do not mix */
    ebi_bytes_free(&text);
    ebi_bytes_free(&line);
}

int cli_failed(const struct eb_error *err) {
    cli_tell("%s", err->text);
    return (int)cli_exit_of(err);
}

void cli_tally_told(struct cli_tally *tally, const struct eb_error *err) {
    if (tally->failed++ == 0)
        tally->first = cli_exit_of(err);
}

void cli_tally_failed(struct cli_tally *tally, const struct eb_error *err) {
    cli_failed(err);
    cli_tally_told(tally, err);
}

int cli_tally_exit(const struct cli_tally *tally) {
    if (tally->failed == 0)
        return CLI_EXIT_DONE;
    return (int)(tally->done > 0 ? CLI_EXIT_PARTLY : tally->first);
}
