/* plugins/sqlite/format/owned_slots.c - see owned_slots.h. A version byte; the number of runs, each as its slots (8 bytes,
 * lowest first) and its cursor; the number of positions, each as the zigzag difference to the one before. */
#include "format/owned_slots.h"

enum { FORMAT = 1 };

bool sq_owned_slots_write(struct ebp_bytes *out, const struct sq_runs *runs, size_t n_out) {
    static const unsigned char version = FORMAT;

    if (!ebp_bytes_reserve(out, 1 + 2 * EBP_NUMBER_MAX + runs->n * (8 + EBP_NUMBER_MAX) + n_out * EBP_NUMBER_MAX))
        return false;
    ebp_put_bytes(out, &version, 1);
    ebp_put_number(out, runs->n);
    for (unsigned i = 0; i < runs->n; i++) {
        unsigned char slots[8];
        for (unsigned byte = 0; byte < 8; byte++)
            slots[byte] = (unsigned char)(runs->run[i].slots >> 8 * byte);
        ebp_put_bytes(out, slots, sizeof slots);
        ebp_put_number(out, (uint64_t)runs->run[i].cursor);
    }
    ebp_put_number(out, n_out);
    return true;
}

void sq_owned_slots_write_inflight(struct ebp_bytes *out, int64_t seq, int64_t *last) {
    int64_t step = seq - *last;

    ebp_put_number(out, (uint64_t)step << 1 ^ (uint64_t)(step >> 63));
    *last = seq;
}

static bool read_run(struct ebp_reader *in, struct sq_runs *runs) {
    struct eb_text bytes;
    uint64_t slots = 0, cursor;

    if (!ebp_get_bytes(in, 8, &bytes) || !ebp_get_number(in, &cursor))
        return false;
    for (unsigned byte = 0; byte < 8; byte++)
        slots |= (uint64_t)(unsigned char)bytes.data[byte] << 8 * byte;
    return slots != 0 && cursor <= (uint64_t)SQ_SEQ_MAX && sq_runs_add(runs, slots, (int64_t)cursor);
}

static bool next_out(struct sq_owned_slots *owned) {
    uint64_t step;

    return ebp_get_number(&owned->outs, &step) &&
           !__builtin_add_overflow(owned->last, (int64_t)(step >> 1 ^ (0 - (step & 1))), &owned->last) && owned->last > 0 &&
           owned->last <= SQ_SEQ_MAX;
}

/* Whether all that is left are positions. */
static bool are_positions(struct sq_owned_slots owned) {
    while (owned.n_out > 0 && next_out(&owned))
        owned.n_out--;
    return owned.n_out == 0;
}

bool sq_owned_slots_read(struct sq_owned_slots *owned, struct eb_text bytes) {
    struct ebp_reader in = { (const unsigned char *)bytes.data, (const unsigned char *)bytes.data + bytes.len };
    uint64_t runs, outs;

    *owned = (struct sq_owned_slots){ 0 };
    if (bytes.len < 1 || *in.at++ != FORMAT || !ebp_get_number(&in, &runs) || runs > SQ_SLOTS)
        return false;
    while (runs-- > 0)
        if (!read_run(&in, &owned->runs))
            return false;
    if (!ebp_get_number(&in, &outs) || outs > (uint64_t)(in.end - in.at))
        return false;
    owned->n_out = outs;
    owned->outs = in;
    return are_positions(*owned);
}

bool sq_owned_slots_next(struct sq_owned_slots *owned, int64_t *seq) {
    if (owned->n_out == 0 || !next_out(owned))
        return false;
    owned->n_out--;
    *seq = owned->last;
    return true;
}
