/* tests/bench/bench_core.c - what the core takes of an event's time, with a broker that takes none: null.c. */
#include "bus.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_NS = 700 }; /* of CPU an event: what leaves room for a broker's client at 300,000 a second */

static char null_file[600];

static void full_path(const char *what, void (*run)(void *, struct bench_figure *)) {
    struct bus_work quiet = { .plugin = null_file, .count = bench_size(300000) }, told = quiet, many = quiet;
    const struct bench_side sides[] = {
        { .name = "core alone", .run = run, .arg = &quiet, .most_ns = MOST_NS },
        { .name = "with audit lines", .run = run, .arg = &told },
        { .name = "concurrency 4", .run = run, .arg = &many },
    };

    told.audit = true;
    many.more = "concurrency = 4\n";
    bench_run(what, BENCH_RATE, sides, run == bus_consume ? 3 : 2);
}

static void send_alone(void) {
    struct bus_work nobody = { .count = bench_size(2000000) }, one = nobody;
    struct bus_work memory = { .plugin = "memory",
                               .count = bench_size(20000), /* kept by each round */
                               .settings = "max_messages = 1000000000\nmax_bytes = 100G\n" };
    const struct bench_side sides[] = {
        { .name = "no route, no receiver", .run = bus_send, .arg = &nobody },
        { .name = "one receiver", .run = bus_send, .arg = &one },
        { .name = "a route to memory, to confirmed", .run = bus_send, .arg = &memory },
    };

    one.receivers = 1;
    if (!bench_wants("eb_send"))
        return;
    bench_run("eb_send of a ready event", BENCH_COST, sides, 3);
    bench_value("  of that last in the caller's thread", "ns", memory.caller_ns, -1);
}

int main(int argc, char **argv) {
    const char *build = getenv("top_builddir");

    bench_init("core", argc, argv);
    bench_pin(0, 0);
    snprintf(null_file, sizeof null_file, "%s/tests/bench/null.so", build ? build : ".");
    full_path("produce, from fields to confirmed", bus_produce);
    full_path("consume, from the plugin to settled", bus_consume);
    send_alone();
    return bench_end();
}
