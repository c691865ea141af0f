/* tests/unit/help/test_log.c */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/log.h>

static char line[4096];
static int32_t level;

static void keep(const struct eb_host *host, int32_t at, const char *text) {
    (void)host;
    level = at;
    snprintf(line, sizeof line, "%s", text);
}

static const struct eb_host host = { .size = sizeof host, .log = keep };

Test(help_log, a_line_is_formatted_for_the_host) {
    ebp_log(&host, EBP_LOG_WARNING, "topic %s: %d", "logins", 7);
    cr_assert_str_eq(line, "topic logins: 7");
    cr_assert_eq(level, 4);
}

Test(help_log, a_line_has_room_for_an_error_and_more) {
    char text[3000];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ebp_log(&host, EBP_LOG_ERROR, "%s", text);
    cr_assert_gt(strlen(line), EB_ERROR_ROOM + 300);
}
