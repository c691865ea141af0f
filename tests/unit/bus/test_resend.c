/* tests/unit/bus/test_resend.c - sending the file of undelivered events again: no line is lost, whatever fails meanwhile. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../calls.h"
#include "../memory.h"
#include "produce/resend.h"
#include "produce/undelivered.h"

static char folder[] = "/tmp/eb-test-resend-XXXXXX", path[64];
static struct eb_error err;

/* What one run found. */
struct found {
    size_t one, two, three, four, others;
};

static const char *beside(const char *suffix) {
    static char name[80];

    snprintf(name, sizeof name, "%s.%s", path, suffix);
    return name;
}

static void clear(void) {
    static const char *const suffixes[] = { "lock", "sending", "new", "torn" };

    unlink(path);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        unlink(beside(suffixes[i]));
}

static void begin(void) {
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/undelivered.jsonl", folder);
}

static void end(void) {
    clear();
    rmdir(folder);
}

TestSuite(resend, .init = begin, .fini = end, .timeout = 120);

static void write_lines(const char *text) {
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static bool line_is(const struct ebi_resend_line *line, const char *text) {
    return line->len == strlen(text) && memcmp(line->text, text, line->len) == 0;
}

/* Sends "one" alone, moves a part of the third line aside, and adds a fourth meanwhile. *added: it was. */
static enum eb_status send_first(bool *added) {
    struct ebi_resend *resend;
    struct ebi_resend_line line;
    uint64_t kept;
    enum eb_status status = ebi_resend_open(path, &resend, &err), closed;

    *added = false;
    if (status != EB_OK)
        return status;
    while ((status = ebi_resend_next(resend, &line, &err)) == EB_OK) {
        if (line.number == 1)
            ebi_resend_delivered(resend, line.offset);
        else if (line.number == 3 && (status = ebi_resend_put_aside(resend, &line, 1, &err)) != EB_OK)
            break;
    }
    *added = ebi_undelivered_append(path, "four", 4, &err) == EB_OK;
    closed = ebi_resend_close(resend, &kept, &err);
    return status == EB_END ? closed : status;
}

/* Sends all that is left, with nothing that fails. */
static struct found send_rest(void) {
    struct found found = { 0 };
    struct ebi_resend *resend;
    struct ebi_resend_line line;
    uint64_t kept;
    enum eb_status status = ebi_resend_open(path, &resend, &err);

    cr_assert_eq(status, EB_OK, "%s", err.text);
    while ((status = ebi_resend_next(resend, &line, &err)) == EB_OK) {
        *(line_is(&line, "one")                                                             ? &found.one
          : line_is(&line, "two")                                                           ? &found.two
          : line_is(&line, "xthree") || line_is(&line, " three") || line_is(&line, "three") ? &found.three
          : line_is(&line, "four")                                                          ? &found.four
                                                                                            : &found.others) += 1;
        ebi_resend_delivered(resend, line.offset);
    }
    cr_assert_eq(status, EB_END, "%s", err.text);
    cr_assert_eq(ebi_resend_close(resend, &kept, &err), EB_OK, "%s", err.text);
    cr_assert_eq(kept, 0);
    return found;
}

/* One run in which something fails, and one in which nothing does. went_well: no line may then have come twice. */
static void check_found(const char *what, unsigned n, bool added, bool went_well) {
    struct found found = send_rest();

    cr_assert_geq(found.two, 1, "%s %u: %s", what, n, err.text);
    cr_assert_geq(found.three, 1, "%s %u", what, n);
    cr_assert_geq(found.four, added ? 1 : 0, "%s %u", what, n);
    cr_assert_eq(found.others, 0, "%s %u", what, n);
    if (went_well) {
        cr_assert_eq(found.two, 1, "%s %u", what, n);
        cr_assert_eq(found.three, 1, "%s %u", what, n);
        cr_assert_leq(found.four, 1, "%s %u", what, n);
    }
    clear();
}

Test(resend, no_line_is_lost_whichever_call_of_the_system_fails) {
    for (const char *const *call = failing_calls; *call; call++) {
        bool failed = true;

        for (unsigned n = 1; failed; n++) {
            bool added;

            write_lines("one\ntwo\nxthree\n");
            fail_call(*call, n, EIO);
            enum eb_status status = send_first(&added);
            failed = call_failed();
            cr_assert(status == EB_OK || status == EB_FATAL || status == EB_RETRIABLE, "%s %u: %d", *call, n, (int)status);
            cr_assert(failed || status == EB_OK, "%s %u: %s", *call, n, err.text);
            check_found(*call, n, added, status == EB_OK);
        }
    }
}

Test(resend, a_call_that_a_signal_cuts_short_is_made_again) {
    static const char *const calls[] = { "pread", "pwrite", "write" };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        bool failed = true;

        for (unsigned n = 1; failed; n++) {
            bool added;

            write_lines("one\ntwo\nxthree\n");
            fail_call(calls[i], n, EINTR);
            enum eb_status status = send_first(&added);
            failed = call_failed();
            cr_assert_eq(status, EB_OK, "%s %u: %s", calls[i], n, err.text);
            cr_assert(added, "%s %u", calls[i], n);
            check_found(calls[i], n, added, true);
        }
    }
}

Test(resend, no_line_is_lost_wherever_memory_runs_out) {
    bool failed = true;

    for (unsigned n = 1; failed; n++) {
        bool added;

        write_lines("one\ntwo\nxthree\n");
        fail_allocation(n);
        enum eb_status status = send_first(&added);
        failed = allocation_failed();
        cr_assert(failed || status == EB_OK, "allocation %u: %s", n, err.text);
        check_found("allocation", n, added, status == EB_OK);
    }
}

Test(resend, what_killed_runs_left_is_put_in_front_of_what_was_added_since) {
    bool added;

    write_lines("one\ntwo\n");
    cr_assert_eq(rename(path, beside("sending")), 0);
    write_lines("\nxthree"); /* an empty line is none, and the last one need not end */
    cr_assert_eq(send_first(&added), EB_OK, "%s", err.text);
    check_found("a killed run", 0, added, true);
}

Test(resend, a_file_that_cannot_be_taken_over_stays_and_is_named) {
    static const struct { const char *suffix, *told; } cases[] = { { "lock", "cannot open" }, { "sending", "cannot open" } };
    struct ebi_resend *resend;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stat st;

        write_lines("one\n");
        cr_assert_eq(mkdir(beside(cases[i].suffix), 0700), 0);
        cr_assert_eq(ebi_resend_open(path, &resend, &err), EB_FATAL);
        cr_assert(strstr(err.text, cases[i].told) && strstr(err.text, beside(cases[i].suffix)), "%s", err.text);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_size, 4);
        cr_assert_eq(rmdir(beside(cases[i].suffix)), 0);
    }
    clear();
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(ebi_resend_open(path, &resend, &err), EB_FATAL);
    cr_assert(strstr(err.text, "is not a regular file"), "%s", err.text);
    clear();
    write_lines("");
    cr_assert_eq(ebi_resend_open(path, &resend, &err), EB_EMPTY);
}

Test(resend, a_link_is_followed_also_one_to_nothing) {
    struct ebi_resend *resend;
    uint64_t kept;

    write_lines("one\n");
    cr_assert_eq(rename(path, beside("torn")), 0);
    cr_assert_eq(symlink("undelivered.jsonl.torn", path), 0);
    cr_assert_eq(ebi_resend_open(path, &resend, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(ebi_resend_path(resend), beside("torn"));
    cr_assert_eq(ebi_resend_close(resend, &kept, &err), EB_OK, "%s", err.text);
    cr_assert_eq(kept, 1);
    unlink(beside("torn.lock"));
    unlink(beside("torn"));
    cr_assert_eq(ebi_resend_open(path, &resend, &err), EB_EMPTY);
    unlink(beside("torn.lock"));
    unlink(path);
    cr_assert_eq(symlink(beside("torn"), path), 0);
    cr_assert_eq(ebi_resend_open(path, &resend, &err), EB_EMPTY);
    unlink(beside("torn.lock"));
}

Test(undelivered_calls, a_line_is_whole_or_not_there_whichever_call_fails, .init = begin, .fini = end) {
    for (const char *const *call = failing_calls; *call; call++) {
        bool failed = true;

        for (unsigned n = 1; failed; n++) {
            char text[64] = "";

            fail_call(*call, n, EIO);
            enum eb_status status = ebi_undelivered_append(path, "four", 4, &err);
            failed = call_failed();
            cr_assert(status == EB_OK || status == EB_FATAL, "%s %u", *call, n);
            cr_assert(failed || status == EB_OK, "%s %u: %s", *call, n, err.text);
            FILE *file = fopen(path, "r");
            size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
            if (file)
                fclose(file);
            cr_assert(len == 0 || strcmp(text, "four\n") == 0, "%s %u: %s", *call, n, text);
            cr_assert(status != EB_OK || len > 0, "%s %u", *call, n);
            clear();
        }
    }
}
