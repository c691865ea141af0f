/* conform/output/output.h - prints the results of a run as they come: on standard output, into a file, as JUnit's XML. */
#ifndef EBC_OUTPUT_H
#define EBC_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <eventbus/conform.h>

enum ebc_format { EBC_TEXT, EBC_JSON, EBC_TAP };
enum { EBC_OUTPUT_WHY_ROOM = 1200 };

/* A result as it stands now; it owns its texts. */
struct ebc_line {
    char *name, *group, *why;
    int32_t outcome;
    double seconds;
};

/* Used by one thread. The caller fills the first four fields, whose texts are borrowed, and zeroes the rest. */
struct ebc_output {
    enum ebc_format format;
    const char *file;                            /* what standard output gets goes there too; NULL: no file */
    const char *junit;                           /* JUnit's XML; NULL: none */
    bool (*write)(const char *text, size_t len); /* writes to standard output, at once; false: no more can be written */

    FILE *copy; /* of `file` */
    char *plugin;
    uint64_t seed;
    size_t n_cases, n_points; /* selected; TAP's test points so far */
    struct ebc_line *lines;
    size_t n_lines;
    char group[64]; /* the one whose heading was printed last */
    bool started, stopped;
    char why[EBC_OUTPUT_WHY_ROOM]; /* why a file could not be written; "": it could */
};

/* Opens the files. Returns false, with `why`. ebc_output_close in either case. */
bool ebc_output_open(struct ebc_output *);
/* Ends the output: prints the summary, if the run started. Returns false, with `why`, if a file could not be written. */
bool ebc_output_end(struct ebc_output *);
void ebc_output_close(struct ebc_output *);

/* The callbacks of struct eb_conform; arg: the struct ebc_output. Each result is written before they return. */
int32_t ebc_output_started(void *arg, const struct eb_conform_start *);
void ebc_output_begins(void *arg, const char *name, size_t number);
int32_t ebc_output_result(void *arg, const struct eb_conform_result *);

/* Prints the cases that `only` selects, in this format. */
void ebc_output_list(struct ebc_output *, const char *only);

size_t ebc_output_count(const struct ebc_output *, int32_t outcome);

/* ---- formats ---- */

/* Print in the format of the output; TAP counts its points. `revised`: the case had another result before. */
void ebc_format_start(struct ebc_output *, FILE *);
void ebc_format_line(struct ebc_output *, FILE *, const struct ebc_line *, bool revised);
void ebc_format_end(struct ebc_output *, FILE *);
void ebc_format_case(const struct ebc_output *, FILE *, const struct eb_conform_case *);

/* Writes the XML of what is known in place of what the file holds; to a pipe or a device only the last. false, with `why`. */
bool ebc_write_junit(struct ebc_output *, bool last);

/* Prints at most so many bytes on one line: a plugin's text must not end the line, nor control a terminal. */
void ebc_put_line(FILE *, const char *text, size_t most);
/* Reads the UTF-8 character that `text` starts with. Returns its number of bytes; 0: it is not UTF-8. */
size_t ebc_character(const char *text, uint32_t *number);

/* Prints "program: text" on standard error, as one line of printable characters only (eventbus/printable.h). */
void ebc_print_error(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
