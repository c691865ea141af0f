/* cli/completion.c - eventbus completion: prints the script that completes this command in a shell, and for that script the words
 * that may stand next. */
#include "cli/verbs.h"

#include <string.h>
#include "base/error.h"
#include "cli/candidates.h"
#include "cli/completion_scripts.h"

static const char words_for_a_script[] = "words";

static int print_words(const struct cli_call *call) {
    struct cli_typed line;
    struct cli_call typed = *call;
    struct eb_error err;

    if (call->n_operands < 2)
        return cli_usage(call->name, "the words of a command line are missing: eventbus completion words -- WORD...");
    cli_typed_read(&line, call->verbs, call->operands + 1, call->n_operands - 1);
    typed.verb = line.verb ? line.verb : call->verb;
    typed.files = line.files;
    typed.overrides = line.overrides;
    typed.loudness = CLI_QUIET;
    if (cli_candidates_print(&typed, &line))
        return CLI_EXIT_DONE;
    ebi_error_memory(&err);
    return cli_failed(&err);
}

static int run(const struct cli_call *call) {
    if (strcmp(call->operands[0], words_for_a_script) == 0)
        return print_words(call);
    if (call->n_operands > 1)
        return cli_usage(call->name, "\"%s\" is one word too many", call->operands[1]);
    for (size_t i = 0; i < cli_n_completion_scripts; i++)
        if (strcmp(cli_completion_scripts[i].shell, call->operands[0]) == 0) {
            cli_out(cli_completion_scripts[i].text, strlen(cli_completion_scripts[i].text));
            return CLI_EXIT_DONE;
        }
    return cli_usage(call->name, "no completion for \"%s\"; there is one for bash, zsh and fish", call->operands[0]);
}

const struct cli_verb cli_completion = {
    .name = "completion",
    .summary = "Prints the script that completes this command in a shell",
    .usage = (const char *const[]){ "bash|zsh|fish", "words -- WORD...", NULL },
    .about =
        "An installed package has these scripts where the shells look for them; without one, load it as the examples show. "
        "Verbs, options, sections, brokers, event types and keys are completed from the configuration that the line "
        "names by -c and -o, topics and groups from the running broker.\n\n"
        "The scripts call the second form: it prints the words that may stand in place of the last WORD, one a line, "
        "each with its meaning behind a tab. A line :files stands for the names of files. A broker that does not answer "
        "within 4 s has no topics or groups.",
    .examples = (const char *const[]){ "source <(eventbus completion bash)",
                                       "eventbus completion zsh >\"${fpath[1]}/_eventbus\"",
                                       "eventbus completion fish >~/.config/fish/completions/eventbus.fish", NULL },
    .operand = "bash|zsh|fish",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};
