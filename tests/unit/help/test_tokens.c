/* tests/unit/help/test_tokens.c */
#include <criterion/criterion.h>
#include <eventbus/plugin-help/tokens.h>

#include "../memory.h"

struct inflight {
    struct ebp_token_slot slot;
    size_t what;
};

enum { MANY = 1000 };

static struct ebp_token_table table;

static struct inflight *make(size_t what) {
    struct inflight *one = (struct inflight *)ebp_token_slot_new(&table, sizeof *one);

    cr_assert(one);
    *one = (struct inflight){ .slot = one->slot, .what = what };
    return one;
}

static struct inflight *find(uint64_t token) {
    return (struct inflight *)ebp_token_find(&table, token);
}

Test(help_tokens, each_token_finds_its_record) {
    uint64_t tokens[MANY];

    for (size_t i = 0; i < MANY; i++)
        tokens[i] = ebp_token(&make(i)->slot);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(find(tokens[i])->what, i);
    ebp_token_table_free(&table);
    cr_assert_null(find(tokens[0]));
}

Test(help_tokens, the_token_of_an_earlier_use_is_unknown) {
    struct inflight *one = make(1);
    uint64_t token = ebp_token(&one->slot);

    ebp_token_slot_free(&table, &one->slot);
    cr_assert_null(find(token));
    cr_assert_eq(make(2), one, "a free record is used before a new one is made");
    cr_assert_null(find(token));
    cr_assert_neq(ebp_token(&one->slot), token);
    cr_assert_eq(find(ebp_token(&one->slot)), one);
    ebp_token_table_free(&table);
}

Test(help_tokens, tokens_that_were_never_given_out_are_unknown) {
    cr_assert_null(find(0));
    cr_assert_null(find(1));
    uint64_t token = ebp_token(&make(1)->slot);
    cr_assert_neq(token, 0);
    cr_assert_null(find(0));
    cr_assert_null(find(token + 1));
    cr_assert_null(find(token | (uint64_t)1 << 63));
    cr_assert_null(find(UINT64_MAX));
    ebp_token_table_free(&table);
}

Test(help_tokens, a_record_keeps_its_address) {
    struct inflight *first = make(0);

    for (size_t i = 1; i < MANY; i++)
        make(i);
    cr_assert_eq(find(ebp_token(&first->slot)), first);
    cr_assert_eq(first->what, 0);
    ebp_token_table_free(&table);
}

Test(help_tokens, without_memory_there_is_no_record) {
    for (unsigned n = 1; n <= 2; n++) { /* the table, then the record */
        fail_allocation(n);
        cr_assert_null(ebp_token_slot_new(&table, sizeof(struct inflight)));
        cr_assert(allocation_failed());
    }
    cr_assert_eq(find(ebp_token(&make(7)->slot))->what, 7);
    ebp_token_table_free(&table);
}
