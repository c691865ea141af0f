/* cli/report.c - see report.h. */
#include "cli/report.h"

#include <stdarg.h>
#include <stdio.h>

enum cli_exit cli_exit_of(const struct eb_error *err) {
    switch (err->kind) {
    case EB_KIND_CONFIG:
        return CLI_EXIT_USAGE;
    case EB_KIND_DATA:
        return CLI_EXIT_DATA;
    case EB_KIND_PLUGIN:
        return CLI_EXIT_PLUGIN;
    default:
        return CLI_EXIT_BROKER; /* broker, machine, and kinds of a newer library */
    }
}

/* Texts may hold what stood in a file or a message: nothing in them reaches a terminal as a control character. */
static void defuse(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = '?';
}

void cli_tell(const char *format, ...) {
    char text[EB_ERROR_ROOM + 256], line[sizeof text + 16];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    defuse(text);
    snprintf(line, sizeof line, "eventbus: %s\n", text);
    fputs(line, stderr); /* one piece, so that lines of several processes do not mix */
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
