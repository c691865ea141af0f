/* tests/unit/base/test_log.c */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../memory.h"
#include "base/clock.h"
#include "base/log.h"

struct heard {
    char text[4096];
    int level;
    unsigned lines;
};

static void hear(void *arg, int level, const char *text) {
    struct heard *heard = arg;

    snprintf(heard->text, sizeof heard->text, "%s", text);
    heard->level = level;
    heard->lines++;
}

Test(log, takes_its_level_and_what_is_graver) {
    struct heard heard = { 0 };
    struct ebi_log *log = ebi_log_new(EBI_WARNING, false, hear, &heard);

    ebi_log_line(log, EBI_INFO, "not this");
    cr_assert_eq(heard.lines, 0);
    cr_assert_not(ebi_log_takes(log, EBI_INFO));
    ebi_log_line(log, EBI_WARNING, "but %s", "this");
    cr_assert_str_eq(heard.text, "but this");
    cr_assert_eq(heard.level, 4);
    ebi_log_set(log, EBI_DEBUG, false);
    ebi_log_line(log, EBI_DEBUG, "%s", "");
    cr_assert_str_eq(heard.text, "");
    cr_assert_eq(heard.level, 7);
    ebi_log_free(log);
}

Test(log, without_one_nothing_happens) {
    cr_assert_not(ebi_log_takes(NULL, EBI_ERROR));
    ebi_log_line(NULL, EBI_ERROR, "x");
    ebi_log_fields(NULL, EBI_ERROR, "x", NULL, 0);
    ebi_log_free(NULL);
}

static const struct {
    const char *text, *value, *want;
    /* clang-format off */
} texts[] = {
    { "delivered", "user-login", "delivered name=user-login" },
    { "delivered", "", "delivered name=\"\"" },
    { "delivered", "a b", "delivered name=\"a b\"" },
    { "delivered", "a=b", "delivered name=\"a=b\"" },
    { "delivered", "say \"x\\y\"", "delivered name=\"say \\\"x\\\\y\\\"\"" },
    { "delivered", NULL, "delivered" },
    { "two\nlines\r\t\x1b[31m", NULL, "two\\nlines\\x0d\\t\\x1b[31m" },
    { "\xc2\x9b" "31m caf\xc3\xa9 \xff.", NULL, "\\x9b31m caf\xc3\xa9 \xef\xbf\xbd." },
    { "x", "a\nforged: line", "x name=\"a\\nforged: line\"" },
};
/* clang-format on */

Test(log, a_line_of_text_stays_a_line) {
    struct heard heard = { 0 };
    struct ebi_log *log = ebi_log_new(EBI_INFO, false, hear, &heard);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ebi_log_fields(log, EBI_INFO, texts[i].text, &(struct ebi_log_field){ "name", texts[i].value }, 1);
        cr_assert_str_eq(heard.text, texts[i].want, "case %zu: %s", i, heard.text);
    }
    ebi_log_free(log);
}

Test(log, a_json_line_is_an_object_with_its_fields) {
    static const struct ebi_log_field fields[] = { { "topic", "a\"\n\x01\xff" }, { "key", NULL }, { "id", "7" } };
    struct heard heard = { 0 };
    struct ebi_log *log = ebi_log_new(EBI_INFO, true, hear, &heard);

    ebi_log_fields(log, EBI_WARNING, "not\ndelivered", fields, 3);
    json_t *line = json_loads(heard.text, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(line, "%s", heard.text);
    cr_assert_str_eq(json_string_value(json_object_get(line, "level")), "warning");
    cr_assert_str_eq(json_string_value(json_object_get(line, "text")), "not\ndelivered");
    cr_assert_str_eq(json_string_value(json_object_get(line, "topic")), "a\"\n\x01\xef\xbf\xbd");
    cr_assert_null(json_object_get(line, "key"));
    cr_assert_str_eq(json_string_value(json_object_get(line, "id")), "7");
    cr_assert_eq(strlen(json_string_value(json_object_get(line, "time"))), 32);
    cr_assert_null(strchr(heard.text, '\n'));
    json_decref(line);
    ebi_log_free(log);
}

Test(log, a_long_value_is_cut_between_characters) {
    struct heard heard = { 0 };
    char value[100001], want[600];

    for (int json = 0; json <= 1; json++) {
        struct ebi_log *log = ebi_log_new(EBI_INFO, json, hear, &heard);
        for (size_t before = 497; before <= 501; before++) { /* the euro sign has 3 bytes */
            size_t kept = before <= 497 ? before + 3 : before < 500 ? before : 500;
            memset(value, 'x', sizeof value - 1);
            value[sizeof value - 1] = '\0';
            memcpy(value + before, "€", 3);
            snprintf(want, sizeof want, json ? "\"name\":\"%.*s…\"}" : "text name=%.*s…", (int)kept, value);
            ebi_log_fields(log, EBI_INFO, "text", &(struct ebi_log_field){ "name", value }, 1);
            cr_assert(strstr(heard.text, want), "%zu: %s", before, heard.text);
        }
        ebi_log_line(log, EBI_INFO, "%s", value);
        cr_assert_lt(strlen(heard.text), 4095);
        value[500] = '\0';
        ebi_log_fields(log, EBI_INFO, "text", &(struct ebi_log_field){ "name", value }, 1);
        cr_assert(strstr(heard.text, value), "what fits is whole");
        cr_assert_null(strstr(heard.text, "…"));
        ebi_log_free(log);
    }
}

Test(log, errno_is_left_alone) {
    struct heard heard = { 0 };
    char text[1000] = { 0 };
    struct ebi_log *log = ebi_log_new(EBI_INFO, true, hear, &heard);

    errno = ENOSPC;
    ebi_log_line(log, EBI_INFO, "x");
    cr_assert_eq(errno, ENOSPC);
    memset(text, 'a', sizeof text - 1);
    fail_allocation(2); /* the line grows, which would set it */
    ebi_log_fields(log, EBI_INFO, text, NULL, 0);
    cr_assert(allocation_failed());
    cr_assert_eq(errno, ENOSPC);
    ebi_log_free(log);
}

Test(log, without_memory_a_line_is_lost_and_no_more) {
    struct heard heard = { 0 };

    fail_allocation(1);
    cr_assert_null(ebi_log_new(EBI_INFO, false, hear, &heard));
    struct ebi_log *log = ebi_log_new(EBI_INFO, false, hear, &heard);
    fail_allocation(1);
    ebi_log_fields(log, EBI_INFO, "x", NULL, 0);
    cr_assert(allocation_failed());
    cr_assert_eq(heard.lines, 0);
    ebi_log_line(log, EBI_INFO, "%s", "y");
    cr_assert_str_eq(heard.text, "y");
    ebi_log_free(log);
}

/* Standard error becomes a file; what was written there is given back, to be freed. */
static char *written(bool json, bool journal, enum ebi_log_time time) {
    char path[] = "/tmp/eb-test-log-XXXXXX", told[64];
    int fd = mkstemp(path);
    char *text = calloc(1, 4096);
    struct stat st;

    cr_assert_geq(fd, 0);
    unlink(path);
    dup2(fd, STDERR_FILENO);
    fstat(fd, &st);
    snprintf(told, sizeof told, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + (journal ? 0 : 1));
    setenv("JOURNAL_STREAM", told, 1);
    struct ebi_log *log = ebi_log_new(EBI_INFO, json, NULL, NULL);
    ebi_log_set_time(log, time);
    ebi_log_line(log, EBI_ERROR, "cannot reach broker %s", "main");
    ebi_log_free(log);
    cr_assert_geq(pread(fd, text, 4095, 0), 1);
    close(fd);
    return text;
}

Test(log, on_standard_error_the_level_stands_in_front) {
    char *text = written(false, false, EBI_LOG_NO_TIME);

    cr_assert_str_eq(text, "eventbus: error: cannot reach broker main\n");
    free(text);
}

/* Where the digits of a time stand; then the rest is compared. */
static void begins_with_now(const char *text, int64_t before_us, const char *zone, int64_t offset_s) {
    char utc[64];
    int64_t us;

    cr_assert_eq(strlen(text) > 23, true);
    snprintf(utc, sizeof utc, "%.23sZ", text);
    cr_assert_eq(ebi_iso_read(utc, strlen(utc), &us, NULL), EB_OK, "%s", utc);
    us -= offset_s * 1000000;
    cr_assert(us >= before_us - 1000 && us <= ebi_now_us(), "%s", text);
    cr_assert_eq(strncmp(text + 23, zone, strlen(zone)), 0, "%s", text);
    cr_assert_str_eq(text + 23 + strlen(zone), " eventbus: error: cannot reach broker main\n");
}

Test(log, a_line_begins_with_its_time) {
    int64_t before = ebi_now_us();
    char *text = written(false, false, EBI_LOG_UTC);

    begins_with_now(text, before, "Z", 0);
    free(text);
    setenv("TZ", "XXX-05:30", 1);
    tzset();
    text = written(false, false, EBI_LOG_LOCAL);
    begins_with_now(text, before, "+05:30", 19800);
    free(text);
}

Test(log, the_journal_gets_the_level_as_a_number) {
    char *text = written(false, true, EBI_LOG_UTC);

    cr_assert_str_eq(text, "<3>cannot reach broker main\n");
    free(text);
}

Test(log, json_on_standard_error_is_one_line) {
    char *text = written(true, false, EBI_LOG_LOCAL);
    size_t len = strlen(text);

    cr_assert_eq(text[len - 1], '\n');
    cr_assert_eq(strchr(text, '\n'), text + len - 1);
    json_t *line = json_loads(text, 0, NULL);
    cr_assert_str_eq(json_string_value(json_object_get(line, "text")), "cannot reach broker main");
    json_decref(line);
    free(text);
}
