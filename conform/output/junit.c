/* conform/output/junit.c - the results as JUnit's XML: the file is whole after each case. */
#include "output/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <eventbus/printable.h>

static void put_xml(FILE *out, const char *text) {
    while (text && *text) {
        uint32_t number;
        size_t len = ebc_character(text, &number);
        const char *special = len == 1 ? strchr("<>&\"", *text) : NULL;

        if (special)
            fprintf(out, "&#%d;", *text);
        else if (len == 0 || !eb_printable(number))
            putc('?', out);
        else
            fwrite(text, 1, len, out);
        text += len ? len : 1;
    }
}

static void put_testcase(FILE *out, const struct ebc_line *line) {
    fprintf(out, "  <testcase classname=\"conform.%s\" name=\"%s\" time=\"%.3f\"", line->group, line->name, line->seconds);
    if (line->outcome == EB_CONFORM_PASS) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, "><%s message=\"", line->outcome == EB_CONFORM_FAIL ? "failure" : "skipped");
    put_xml(out, line->why);
    fputs("\"/></testcase>\n", out);
}

static void put_suite(const struct ebc_output *o, FILE *out) {
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
    put_xml(out, o->plugin);
    fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n", o->n_lines, ebc_output_count(o, EB_CONFORM_FAIL),
            ebc_output_count(o, EB_CONFORM_SKIP));
    for (size_t i = 0; i < o->n_lines; i++)
        put_testcase(out, &o->lines[i]);
    fputs("</testsuite>\n", out);
}

static bool cannot(struct ebc_output *o, const char *what) {
    snprintf(o->why, sizeof o->why, "--junit %.1000s: %s: %s", o->junit, what, strerror(errno));
    o->stopped = true;
    return false;
}

static bool write_to(struct ebc_output *o, const char *path) {
    FILE *out = fopen(path, "we");
    bool written;

    if (!out)
        return cannot(o, "cannot be written");
    put_suite(o, out);
    written = !ferror(out);
    return (fclose(out) == 0 && written) || cannot(o, "could not be written whole");
}

/* A kill leaves the file whole: the old one, or the new one. */
static bool replace(struct ebc_output *o) {
    char *part = NULL;
    bool written;

    if (asprintf(&part, "%s.part", o->junit) < 0)
        return cannot(o, "cannot be written");
    written = write_to(o, part);
    if (written && rename(part, o->junit) != 0)
        written = cannot(o, "cannot be written");
    if (!written)
        remove(part);
    free(part);
    return written;
}

bool ebc_write_junit(struct ebc_output *o, bool last) {
    struct stat about;

    if (stat(o->junit, &about) == 0 && !S_ISREG(about.st_mode))
        return !last || write_to(o, o->junit);
    if (lstat(o->junit, &about) == 0 && S_ISLNK(about.st_mode))
        return write_to(o, o->junit);
    return replace(o);
}
