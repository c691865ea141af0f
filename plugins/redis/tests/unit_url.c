/* plugins/redis/tests/unit_url.c */
#include <criterion/criterion.h>
#include <string.h>

#include "connection/url.h"

static const struct right {
    const char *text, *host, *port, *user, *password, *shown;
    bool tls, local;
    int32_t db;
} right[] = {
    { "redis://localhost", "localhost", "6379", "", NULL, "localhost:6379", false, false, 0 },
    { "redis://127.0.0.1:7000/3", "127.0.0.1", "7000", "", NULL, "127.0.0.1:7000", false, false, 3 },
    { "redis://h/", "h", "6379", "", NULL, "h:6379", false, false, 0 },
    { "rediss://h:6380/1", "h", "6380", "", NULL, "h:6380", true, false, 1 },
    { "redis://:secret@h", "h", "6379", "", "secret", "h:6379", false, false, 0 },
    { "redis://lms:secret@h/2", "h", "6379", "lms", "secret", "h:6379", false, false, 2 },
    { "redis://lms:a@b:c@h", "h", "6379", "lms", "a@b:c", "h:6379", false, false, 0 },
    { "redis://l%6Ds:p%40%2f%25@h", "h", "6379", "lms", "p@/%", "h:6379", false, false, 0 },
    { "redis://u:@h", "h", "6379", "u", "", "h:6379", false, false, 0 },
    { "redis://[::1]:7000/1", "::1", "7000", "", NULL, "[::1]:7000", false, false, 1 },
    { "redis://[fe80::1]", "fe80::1", "6379", "", NULL, "[fe80::1]:6379", false, false, 0 },
    { "unix:///run/redis.sock", "/run/redis.sock", "", "", NULL, "/run/redis.sock", false, true, 0 },
    { "unix:///run/a%20b.sock?db=4", "/run/a b.sock", "", "", NULL, "/run/a b.sock", false, true, 4 },
    { "unix://u:p@/run/redis.sock", "/run/redis.sock", "", "u", "p", "/run/redis.sock", false, true, 0 },
};

Test(url, says_where_and_who) {
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        const struct right *want = &right[i];
        struct rd_url url;
        struct eb_error err = { 0 };

        cr_assert_eq(rd_url_parse(want->text, &url, &err), EB_OK, "%s: %s", want->text, err.text);
        cr_expect_str_eq(url.host, want->host, "%s", want->text);
        cr_expect_str_eq(url.port, want->port, "%s", want->text);
        cr_expect_str_eq(url.user, want->user, "%s", want->text);
        cr_expect_eq(url.has_password, want->password != NULL, "%s", want->text);
        cr_expect_str_eq(url.password, want->password ? want->password : "", "%s", want->text);
        cr_expect_str_eq(url.shown, want->shown, "%s", want->text);
        cr_expect(url.tls == want->tls && url.local == want->local && url.db == want->db, "%s", want->text);
    }
}

/* clang-format off */
static const char *const wrong[] = {
    "", "localhost", "http://h", "redis:/h", "redis://", "redis://:SECRET@", "redis://h:0", "redis://h:65536",
    "redis://h:x", "redis://h:1x", "redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://h/9999999",
        "redis://h?db=1",
    "redis://[::1", "redis://[::1]x", "redis://u:SECRET%4@h", "redis://u:SECRET%00@h", "redis://SECRET@h", "unix://",
        "unix://x",
    "unix:///",
    "unix:///s?x=1", "unix:///s?db=x",
};
/* clang-format on */

Test(url, refuses_what_is_none_and_shows_no_password) {
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rd_url url;
        struct eb_error err = { 0 };

        cr_expect_eq(rd_url_parse(wrong[i], &url, &err), EB_PERMANENT, "%s", wrong[i]);
        cr_expect_eq(err.kind, EB_KIND_CONFIG, "%s", wrong[i]);
        cr_expect_null(strstr(err.text, "SECRET"), "%s", err.text);
    }
}

Test(url, refuses_what_has_no_room) {
    char text[2000] = "redis://";
    struct rd_url url;

    memset(text + 8, 'h', 300);
    cr_expect_eq(rd_url_parse(text, &url, NULL), EB_PERMANENT);
    memcpy(text, "unix:///", 8);
    cr_expect_eq(rd_url_parse(text, &url, NULL), EB_PERMANENT);
    memset(text, 'p', sizeof text - 1);
    memcpy(text, "redis://:", 9);
    memcpy(text + 1900, "@h", 3);
    cr_expect_eq(rd_url_parse(text, &url, NULL), EB_PERMANENT);
}
