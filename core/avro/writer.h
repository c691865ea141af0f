/* core/avro/writer.h - writes Avro's numbers. The caller has made room for them in the appender. For the rooms avro and
 * schema. */
#ifndef EBI_AVRO_WRITER_H
#define EBI_AVRO_WRITER_H

#include <endian.h>
#include "base/appender.h"

enum { EBI_AVRO_LONG_MOST = 10 }; /* bytes of a long */

static inline void ebi_avro_put_long(struct ebi_appender *out, int64_t value) {
    uint64_t bits = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);

    while (bits > 0x7F) {
        *out->at++ = (char)(0x80 | (bits & 0x7F));
        bits >>= 7;
    }
    *out->at++ = (char)bits;
}

static inline void ebi_avro_put_double(struct ebi_appender *out, double value) {
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    bits = htole64(bits);
    memcpy(out->at, &bits, sizeof bits);
    out->at += sizeof bits;
}

static inline void ebi_avro_put_float(struct ebi_appender *out, float value) {
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    bits = htole32(bits);
    memcpy(out->at, &bits, sizeof bits);
    out->at += sizeof bits;
}

#endif
