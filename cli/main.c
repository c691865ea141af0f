/* cli/main.c - the eventbus command: a table of its verbs. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "cli/interrupt.h"
#include "cli/cli.h"
#include "cli/conform.h"
#include "cli/probe.h"
#include "cli/verbs.h"

static const struct cli_verb *const verbs[] = {&cli_produce, &cli_consume, &cli_signals, &cli_schema, &cli_plugins, &cli_config,
                                               &cli_topics,  &cli_groups,  &cli_seek,    &cli_conform, &cli_bench, NULL};

/* A file opened later must not become standard input, output or error because one of these was closed: what is written
 * there fails instead. */
static void hold_standard_streams(void) {
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv) {
    cli_take_signals();
    hold_standard_streams();
    if (argc == CLI_PROBE_ARGUMENTS && strcmp(argv[1], cli_probe_word) == 0)
        cli_probe_child(argv);
    if (argc > 1 && strcmp(argv[1], cli_conform_word) == 0)
        return cli_conform_child(argc, argv);
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of write(2) */
    cli_catch_stops();
    cli_out_start();
    return cli_out_end(cli_main(verbs, argc, argv));
}
