/* conform/output/output.c - see output.h. */
#include "output/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files ---- */

static bool cannot(struct ebc_output *o, const char *what, const char *file) {
    snprintf(o->why, sizeof o->why, "--output %.1000s: %s: %s", file, what, strerror(errno));
    o->stopped = true;
    return false;
}

bool ebc_output_open(struct ebc_output *o) {
    if (o->file && !(o->copy = fopen(o->file, "we")))
        return cannot(o, "cannot be written", o->file);
    return true;
}

static void free_line(struct ebc_line *line) {
    free(line->name);
    free(line->group);
    free(line->why);
}

void ebc_output_close(struct ebc_output *o) {
    for (size_t i = 0; i < o->n_lines; i++)
        free_line(&o->lines[i]);
    free(o->lines);
    free(o->plugin);
    if (o->copy)
        fclose(o->copy);
    o->copy = NULL;
}

/* Hands a text on, to standard output and the file, at once: who kills the run finds all that was done. */
static void put(struct ebc_output *o, const char *text, size_t len) {
    if (o->copy && (fwrite(text, 1, len, o->copy) != len || fflush(o->copy) != 0))
        cannot(o, "could not be written whole", o->file);
    if (!o->write(text, len))
        o->stopped = true;
}

/* A text that is being printed; NULL file: no memory. */
struct draft {
    FILE *file;
    char *text;
    size_t len;
};

static void begin_draft(struct draft *draft) {
    draft->file = open_memstream(&draft->text, &draft->len);
}

static void put_draft(struct ebc_output *o, struct draft *draft) {
    if (draft->file && fclose(draft->file) == 0)
        put(o, draft->text, draft->len);
    else
        o->stopped = true;
    free(draft->text);
}

/* ---- the run ---- */

int32_t ebc_output_started(void *arg, const struct eb_conform_start *start) {
    struct ebc_output *o = arg;
    struct draft d = { 0 };

    o->started = true;
    o->plugin = strdup(start->plugin);
    o->seed = start->seed;
    o->n_cases = start->n_cases;
    begin_draft(&d);
    if (d.file)
        ebc_format_start(o, d.file);
    put_draft(o, &d);
    if (o->junit)
        ebc_write_junit(o, false);
    return o->stopped;
}

static bool shows_progress(void) {
    return isatty(STDERR_FILENO);
}

void ebc_output_begins(void *arg, const char *name, size_t number) {
    const struct ebc_output *o = arg;

    if (shows_progress())
        fprintf(stderr, "\r\033[K%zu/%zu %s", number, o->n_cases, name);
}

static struct ebc_line *line_named(struct ebc_output *o, const char *name) {
    for (size_t i = 0; i < o->n_lines; i++)
        if (strcmp(o->lines[i].name, name) == 0)
            return &o->lines[i];
    return NULL;
}

static struct ebc_line *new_line(struct ebc_output *o) {
    struct ebc_line *more = realloc(o->lines, (o->n_lines + 1) * sizeof *more);

    if (!more)
        return NULL;
    o->lines = more;
    return &o->lines[o->n_lines++];
}

/* Keeps the result in place of an earlier one of its case. NULL: no memory. */
static const struct ebc_line *keep(struct ebc_output *o, const struct eb_conform_result *result, bool *revised) {
    struct ebc_line *line = line_named(o, result->name);

    *revised = line != NULL;
    if (line)
        free_line(line);
    else if (!(line = new_line(o)))
        return NULL;
    *line = (struct ebc_line){ .name = strdup(result->name),
                               .group = strdup(result->group),
                               .why = strdup(result->why),
                               .outcome = result->outcome,
                               .seconds = result->seconds };
    return line->name && line->group && line->why ? line : NULL;
}

int32_t ebc_output_result(void *arg, const struct eb_conform_result *result) {
    struct ebc_output *o = arg;
    struct draft d = { 0 };
    bool revised;
    const struct ebc_line *line = keep(o, result, &revised);

    if (shows_progress())
        fputs("\r\033[K", stderr);
    if (line)
        begin_draft(&d);
    if (d.file)
        ebc_format_line(o, d.file, line, revised);
    put_draft(o, &d);
    if (o->junit)
        ebc_write_junit(o, false);
    return o->stopped;
}

size_t ebc_output_count(const struct ebc_output *o, int32_t outcome) {
    size_t n = 0;

    for (size_t i = 0; i < o->n_lines; i++)
        n += o->lines[i].outcome == outcome;
    return n;
}

bool ebc_output_end(struct ebc_output *o) {
    struct draft d = { 0 };

    if (shows_progress())
        fputs("\r\033[K", stderr);
    if (o->started && !o->stopped) {
        begin_draft(&d);
        if (d.file)
            ebc_format_end(o, d.file);
        put_draft(o, &d);
        if (o->junit)
            ebc_write_junit(o, true);
    }
    if (o->copy && fclose(o->copy) != 0)
        cannot(o, "could not be written whole", o->file);
    o->copy = NULL;
    return !o->why[0];
}

/* ---- the list ---- */

struct listing {
    struct ebc_output *o;
    FILE *file;
};

static void list_one(void *arg, const struct eb_conform_case *of) {
    struct listing *listing = arg;

    ebc_format_case(listing->o, listing->file, of);
}

void ebc_output_list(struct ebc_output *o, const char *only) {
    struct draft d = { 0 };

    begin_draft(&d);
    if (d.file)
        eb_conform_cases(only, list_one, &(struct listing){ o, d.file });
    put_draft(o, &d);
}
