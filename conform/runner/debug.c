/* conform/runner/debug.c - the command by which a person sees one case in a debugger. */
#include "runner/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes a word as the shell takes it. */
static void put_word(FILE *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@,+-";

    if (word[0] && strspn(word, plain) == strlen(word)) {
        fputs(word, out);
        return;
    }
    putc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    putc('\'', out);
}

static void put_option(FILE *out, const char *option, const char *word) {
    fprintf(out, " %s ", option);
    put_word(out, word);
}

static void put_options(FILE *out, const struct ebc_run *r) {
    const char *const *options = r->options.options;

    for (size_t i = 0; options && options[i]; i++) {
        if (i < 64 && !(r->secret >> i & 1))
            put_option(out, "-o", options[i]);
        else
            fprintf(out, " -o %.*s=...", (int)strcspn(options[i], "="), options[i]);
    }
    if (r->options.down) {
        put_option(out, "--down", r->options.down);
        put_option(out, "--up", r->options.up);
    }
    for (size_t i = 0; r->options.unreachable && r->options.unreachable[i]; i++)
        fprintf(out, " --unreachable %.*s=...", (int)strcspn(r->options.unreachable[i], "="), r->options.unreachable[i]);
}

char *ebc_debug_command(const struct ebc_run *r, const char *name) {
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    fprintf(out, "gdb --args %s ", r->options.command);
    put_word(out, r->file);
    put_options(out, r);
    if (name[0] != '?')
        put_option(out, "--only", name);
    fprintf(out, " --seed %s --in-process; or valgrind in place of gdb --args, with --pace 10", r->seed_text);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
