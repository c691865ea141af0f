/* plugins/redis/tests/unit_reply.c */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection/reply.h"

enum { LIMIT = 1 << 20 };

static struct rd_arena arena;
static struct rd_reader reader;

static void begin(void) {
    cr_assert(rd_reader_open(&reader, &arena, LIMIT));
}

static void end(void) {
    rd_reader_close(&reader);
    rd_arena_free(&arena);
}

TestSuite(reply, .init = begin, .fini = end);

static int32_t feed(const char *text, struct rd_node **node, struct eb_error *err) {
    int32_t status = rd_reader_feed(&reader, text, strlen(text), err);

    return status == EB_OK ? rd_reader_next(&reader, node, err) : status;
}

Test(reply, every_type_is_read) {
    struct rd_node *node;

    cr_assert_eq(feed("*6\r\n$3\r\na\r\n\r\n:-7\r\n+OK\r\n-ERR no\r\n$-1\r\n*1\r\n$0\r\n\r\n", &node, NULL), EB_OK);
    cr_assert(node && rd_is_array(node, 6));
    cr_expect(rd_is_text(&node->items[0]) && node->items[0].n == 3 && memcmp(node->items[0].text, "a\r\n", 4) == 0);
    cr_expect(rd_is_integer(&node->items[1]) && node->items[1].number == -7);
    cr_expect_str_eq(node->items[2].text, "OK");
    cr_expect(rd_is_error(&node->items[3]));
    cr_expect_eq(node->items[4].type, REDIS_REPLY_NIL);
    cr_expect(rd_is_array(&node->items[5], 1) && node->items[5].items[0].n == 0);
}

Test(reply, byte_by_byte_makes_the_same) {
    static const char text[] = "*2\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\ntype\r\n$1\r\nx\r\n:5\r\n";
    struct rd_node *node = NULL;

    for (size_t i = 0; i + 1 < sizeof text; i++) {
        cr_assert_null(node, "an answer after %zu bytes", i);
        cr_assert_eq(rd_reader_feed(&reader, text + i, 1, NULL), EB_OK);
        cr_assert_eq(rd_reader_next(&reader, &node, NULL), EB_OK);
    }
    cr_assert(node && rd_is_array(node, 2));
    cr_expect_str_eq(node->items[0].items[1].items[1].text, "x");
    cr_expect_eq(node->items[1].number, 5);
}

Test(reply, replies_in_a_row_are_each_whole) {
    struct rd_node *node;

    cr_assert_eq(feed("+a\r\n:1\r\n", &node, NULL), EB_OK);
    cr_expect_str_eq(node->text, "a");
    cr_assert_eq(rd_reader_next(&reader, &node, NULL), EB_OK);
    cr_expect_eq(node->number, 1);
    cr_assert_eq(rd_reader_next(&reader, &node, NULL), EB_OK);
    cr_expect_null(node);
}

static void expect_refused(const char *text, const char *why) {
    struct eb_error err = { 0 };
    struct rd_node *node;

    cr_expect_lt(feed(text, &node, &err), 0, "%s", text);
    cr_expect(strstr(err.text, why), "%s: %s", text, err.text);
}

Test(reply, no_protocol_is_refused) {
    expect_refused("HTTP/1.1 400 Bad Request\r\n", "not a reply of Redis");
}

Test(reply, deep_nesting_is_refused) {
    expect_refused("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "not a reply of Redis");
}

Test(reply, an_array_beyond_the_limit_is_refused_before_it_comes) {
    expect_refused("*2000000000\r\n", "reply_limit");
    cr_expect_lt(arena.held, 2 * (size_t)LIMIT + 1);
}

Test(reply, many_arrays_beyond_the_limit_are_refused) {
    struct eb_error err = { 0 };
    struct rd_node *node;
    int32_t status = feed("*1000\r\n", &node, &err);

    for (int i = 0; i < 1000 && status == EB_OK; i++)
        status = feed("*10000\r\n", &node, &err); /* each begun inside the one before: too deep, or too much */
    cr_expect_lt(status, 0);
}

Test(reply, a_text_beyond_the_limit_is_refused) {
    static char some[65536];
    struct eb_error err = { 0 };
    struct rd_node *node;
    int32_t status = feed("$1073741824\r\n", &node, &err);

    for (size_t sent = 0; sent < 4 * (size_t)LIMIT && status == EB_OK; sent += sizeof some) {
        status = rd_reader_feed(&reader, some, sizeof some, &err);
        if (status == EB_OK)
            status = rd_reader_next(&reader, &node, &err);
    }
    cr_expect_lt(status, 0);
    cr_expect(strstr(err.text, "reply_limit"), "%s", err.text);
    cr_expect(reader.too_large);
}

Test(reply, a_text_below_the_limit_is_taken) {
    size_t n = LIMIT - 100;
    char head[32], *text = malloc(n + 3);
    struct rd_node *node;

    snprintf(head, sizeof head, "$%zu\r\n", n);
    memset(text, 'x', n);
    strcpy(text + n, "\r\n");
    cr_assert_eq(feed(head, &node, NULL), EB_OK);
    cr_assert_eq(rd_reader_feed(&reader, text, n + 2, NULL), EB_OK);
    cr_assert_eq(rd_reader_next(&reader, &node, NULL), EB_OK);
    cr_assert(node && node->n == n);
    free(text);
}

Test(reply, a_reset_gives_all_but_the_first_chunk_back) {
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 10; i++)
            cr_assert(rd_arena_get(&arena, 100000), "round %d", round);
        rd_arena_reset(&arena);
        cr_assert_lt(arena.held, 200000);
    }
    cr_expect_null(rd_arena_get(&arena, 3 * (size_t)LIMIT));
}
