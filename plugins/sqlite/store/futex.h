/* plugins/sqlite/store/futex.h - waiting for words in memory to change: those of the side file, and one of this instance's own
 * that wake() changes from other threads. */
#ifndef SQ_FUTEX_H
#define SQ_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Rung from any thread, heard by the one at work. Remembered until taken. */
struct sq_bell {
    _Atomic uint32_t rung;
};

void sq_bell_ring(struct sq_bell *);

/* Whether it was rung since the last time; forgets it. */
bool sq_bell_take(struct sq_bell *);

bool sq_bell_rung(const struct sq_bell *);

/* Waits until the bell is rung or the time (sq_ticks_ms) has come. */
void sq_bell_wait(struct sq_bell *, int64_t until_ms);

enum { SQ_WORDS_MAX = 100 };            /* the kernel takes 128 at once */

/* Words shared between processes, each with the value that it had before we looked at what it stands for. */
struct sq_words {
    unsigned n;
    _Atomic uint32_t *word[SQ_WORDS_MAX];
    uint32_t value[SQ_WORDS_MAX];
};

/* Whether this kernel can wait for several words at once (Linux 5.16). */
bool sq_words_supported(void);

/* Waits until one of the words has another value, the bell is rung, or the time has come; may return early. Where the
 * kernel cannot wait for several, it waits for `any` alone, which everybody then changes as well. */
void sq_words_wait(const struct sq_words *, _Atomic uint32_t *any, uint32_t any_value, struct sq_bell *, int64_t until_ms);

/* Waits for one word, for a short time at most; may return early. */
void sq_word_wait(_Atomic uint32_t *, uint32_t value, int64_t until_ms);

/* Changes a word and wakes all that wait for it, in every process; or only one of them. The word may lie in a file that has
 * lost its end. */
void sq_word_change(_Atomic uint32_t *);
void sq_word_pass_on(_Atomic uint32_t *);

#endif
