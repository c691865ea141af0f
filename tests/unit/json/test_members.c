/* tests/unit/json/test_members.c - walking over the members of an object. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "json/members.h"

/* The text at the very end of memory: what reads on dies. */
static const char *at_the_edge(const char *text, size_t len) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
    return memcpy(pages + page - len, text, len);
}

static enum eb_status read_both(void *arg, const char *name, const char *value, size_t len, struct eb_error *err) {
    int64_t *number = arg;
    char *text = NULL;

    cr_assert_eq(ebi_json_text(name, value, len, &text, err), EB_PERMANENT);
    return ebi_json_long(name, value, len, number, err);
}

Test(members, a_number_is_not_read_beyond_its_text) {
    struct eb_error err;
    int64_t number = 0;

    cr_assert_eq(ebi_json_long("n", at_the_edge("42", 2), 2, &number, &err), EB_OK);
    cr_assert_eq(number, 42);
    cr_assert_eq(ebi_json_members(at_the_edge("{\"n\":7", 6), 6, read_both, &number, &err), EB_PERMANENT);
    cr_assert_eq(number, 7);
}
