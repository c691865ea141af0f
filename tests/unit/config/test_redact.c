/* tests/unit/config/test_redact.c - what is shown of values that may hold a password. */
#include <criterion/criterion.h>

#include "config/redact.h"

static const struct {
    const char *given, *url, *text; /* shown as one URL; in any text */
} cases[] = {
    { "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0" },
    { "redis://bob:hush@host:6379/0", "redis://bob:***@host:6379/0", "redis://bob:***@host:6379/0" },
    { "redis://:hush@host", "redis://:***@host", "redis://:***@host" },
    { "https://hush@host/path", "https://***@host/path", "https://***@host/path" },
    { "redis://bob:hu/sh@host", "redis://bob:***@host", "redis://bob:***@host" },
    { "redis://bob:hu@sh?#@host", "redis://bob:***@host", "redis://bob:***@host" },
    { "redis://hush/:more@host", "redis://***@host", "redis://***@host" },
    { "https://host/path?token=hush&x=1", "https://host/path?***", "https://host/path?token=hush&x=1" },
    { "https://host/path#hush", "https://host/path#***", "https://host/path#hush" },
    { "unix:///run/redis.sock", "unix:///run/redis.sock", "unix:///run/redis.sock" },
    { "redis://bob:${file:/run/secrets/redis}@host", "redis://bob:***@host", "redis://bob:***@host" },
    { "redis://${file:/run/secrets/redis}@host", "redis://***@host", "redis://***@host" },
    { "bob:hush@host", "***", "bob:hush@host" },
    { "hush", "***", "hush" },
    { "", "***", "" },
};

Test(redact, a_url_is_shown_without_its_password) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ebi_bytes shown = { 0 };

        cr_assert(ebi_redact_url(&shown, cases[i].given));
        cr_expect_str_eq(shown.data, cases[i].url, "%s: %s", cases[i].given, shown.data);
        ebi_bytes_clear(&shown);
        cr_assert(ebi_redact_text(&shown, cases[i].given));
        cr_expect_str_eq(shown.data, cases[i].text, "%s: %s", cases[i].given, shown.data);
        ebi_bytes_free(&shown);
    }
}

Test(redact, each_url_of_a_text_loses_its_password) {
    struct ebi_bytes shown = { 0 };

    cr_assert(ebi_redact_text(&shown, "curl http://a:hush@b/c | mail -s x root@d, http://e:hush@f,http://g:hush@h i@j"));
    cr_assert_str_eq(shown.data, "curl http://a:***@b/c | mail -s x root@d, http://e:***@f,http://g:***@h i@j");
    ebi_bytes_free(&shown);
}
