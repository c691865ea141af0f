/* tests/fuzz/fuzz.h - what the fuzz targets share. A target gets bytes from libFuzzer, hands them to one room of the
 * core as it might get them from outside, and checks the promises that hold whatever they are. The sanitizers check the
 * rest. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "avro/event_data.h"
#include "signal/registry.h"

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The bytes of one input that are not used yet. */
struct fuzz_in {
    const uint8_t *at;
    size_t left;
};

uint64_t fuzz_number(struct fuzz_in *, size_t bytes);   /* the lowest first; where they run out: zeros */
struct eb_text fuzz_take(struct fuzz_in *, size_t len); /* so many, or all that are left */
struct eb_text fuzz_rest(struct fuzz_in *);

/* Ends the process, for libFuzzer to keep the input, where a promise is not kept. */
void fuzz_promise(bool kept, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What every call that failed promises: a class, the same in the error, whose text is one line of UTF-8. */
void fuzz_refused(enum eb_status, const struct eb_error *);

/* For what cannot fail on these bytes. */
void fuzz_done(enum eb_status, const struct eb_error *, const char *what);

/* The signals of conf/schemas, loaded once. */
const struct ebi_signals *fuzz_signals(void);

/* One of them, by two bytes. */
const struct eb_signal *fuzz_signal(struct fuzz_in *);

/* A file that holds these bytes until the next call; answers its path. */
const char *fuzz_file(const void *bytes, size_t len);

bool fuzz_same(const struct ebi_bytes *, const struct ebi_bytes *);

/* Both forms of data that is complete, each turned back into data, say the same again: what every event that the core
 * takes promises. Of NaN and the infinite, which JSON has not, the Avro form alone. Answers false where
 * the data is not complete, which both forms must agree on. */
bool fuzz_round_trip(const struct ebi_data *);

#endif
