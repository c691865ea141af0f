/* core/json/lexer.h - reads the pieces of JSON text: blanks, words, strings, numbers. The caller decides what they
 * mean.
 *
 * A function that returns false leaves in `reason` what is wrong at `at`. */
#ifndef EBI_JSON_LEXER_H
#define EBI_JSON_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* JSON text being read. It belongs to one thread. */
struct ebi_lexer {
    const char *start, *at, *end;
    const char *reason;
};

static inline void ebi_lex_skip_blanks(struct ebi_lexer *lex) {
    while (lex->at < lex->end && (*lex->at == ' ' || *lex->at == '\n' || *lex->at == '\t' || *lex->at == '\r'))
        lex->at++;
}

/* Skips blanks and returns the character that follows; 0: the end of the text, or a NUL. */
static inline char ebi_lex_peek(struct ebi_lexer *lex) {
    if (lex->at < lex->end && (unsigned char)*lex->at > ' ')
        return *lex->at;
    ebi_lex_skip_blanks(lex);
    return lex->at < lex->end ? *lex->at : 0;
}

/* Takes the character `ch` behind blanks; `reason` says that it should be here. */
static inline bool ebi_lex_take(struct ebi_lexer *lex, char ch, const char *reason) {
    if (ebi_lex_peek(lex) != ch) {
        lex->reason = reason;
        return false;
    }
    lex->at++;
    return true;
}

/* Takes a word: "true". */
bool ebi_lex_word(struct ebi_lexer *, const char *word);

/* Takes the rest of a string whose first quote has been taken, and unescapes it to `text`, with a NUL behind it; *end
 * is that NUL's place. `text` has room for as many bytes as the rest of the JSON has and EBI_LEX_SLACK more. */
enum { EBI_LEX_SLACK = 8 };
bool ebi_lex_string(struct ebi_lexer *, char *text, char **end);

static inline bool ebi_is_digit(const char *at, const char *end) {
    return at < end && *at >= '0' && *at <= '9';
}

/* Returns whether a number begins here: with a digit, perhaps behind a '-', and without a 0 in front of other digits.
 * */
bool ebi_lex_begins_number(struct ebi_lexer *);

/* Returns whether the number here has the form of a whole one. */
bool ebi_lex_looks_whole(const struct ebi_lexer *);

/* A number without its sign: digits * 10^exponent. */
struct ebi_lexed_number {
    const char *end;
    uint64_t digits;
    int exponent;
    bool exact; /* `digits` has room for all of its digits */
};

/* Splits the number here into its parts, but does not take it. */
bool ebi_lex_number(struct ebi_lexer *, struct ebi_lexed_number *);

/* Returns whether the text here names a number that is not finite, as some writers of JSON do, Python's among them:
 * NaN, -Infinity. */
bool ebi_lex_names_non_finite(const struct ebi_lexer *);

#endif
