/* tests/unit/help/test_link.c - the host hears each change of the link once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/link.h>

static char told[64], reason[EB_ERROR_ROOM];

static void keep(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    size_t len = strlen(told);

    (void)host;
    snprintf(told + len, sizeof told - len, "%s", up ? "up " : "down ");
    snprintf(reason, sizeof reason, "%s", why ? why->text : "none");
}

static const struct eb_host host = { .size = sizeof host, .link = keep };
static struct ebp_link link_of_test;

static void set_up(void) {
    ebp_link_init(&link_of_test, &host);
}

static bool down(const char *text) {
    struct eb_error why;

    ebp_error(&why, EB_RETRIABLE, 0, "%s", text);
    return ebp_link_down(&link_of_test, &why);
}

TestSuite(help_link, .init = set_up);

Test(help_link, nothing_is_reported_before_the_first_success_or_failure) {
    cr_assert_eq(ebp_link_state(&link_of_test), EBP_LINK_UNREPORTED);
    cr_assert_str_eq(told, "");
}

Test(help_link, a_row_of_successes_is_reported_once) {
    cr_assert(ebp_link_up(&link_of_test));
    cr_assert_not(ebp_link_up(&link_of_test));
    cr_assert_str_eq(told, "up ");
    cr_assert_str_eq(reason, "none");
    cr_assert_eq(ebp_link_state(&link_of_test), EBP_LINK_UP);
}

Test(help_link, a_first_failure_is_reported_with_its_reason_and_a_later_one_is_not) {
    cr_assert(down("refused"));
    cr_assert_not(down("timed out"));
    cr_assert_str_eq(told, "down ");
    cr_assert_str_eq(reason, "refused");
    cr_assert_eq(ebp_link_state(&link_of_test), EBP_LINK_DOWN);
}

Test(help_link, each_change_is_reported) {
    ebp_link_up(&link_of_test);
    down("a");
    down("b");
    ebp_link_up(&link_of_test);
    ebp_link_up(&link_of_test);
    down("c");
    cr_assert_str_eq(told, "up down up down ");
    cr_assert_str_eq(reason, "c");
}
