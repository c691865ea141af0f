/* tests/bench/bench_kafka.c - all of the bus on a real Kafka with a real registry against raw librdkafka, and the
 * Python packages beside them. Both servers are its own, on the other CPU. */
#include "kafka_sides.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus.h"

static struct {
    pid_t pid;                  /* of the program that holds both servers */
    FILE *told;
    char bootstrap[100], registry[200];
    int kafka;                  /* Kafka's process */
} servers;

static const char *top(void) {
    const char *folder = getenv("top_srcdir");

    return folder ? folder : ".";
}

static void run_servers(int out) {
    char script[500];

    snprintf(script, sizeof script, "%s/tests/brokers/kafka_server.py", top());
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(out, STDOUT_FILENO);
    execlp("python3", "python3", script, "--registry", "--set", "num.partitions=4", (char *)NULL);
    _exit(127);
}

static void start_servers(void) {
    int ends[2];

    if (pipe(ends) != 0 || (servers.pid = fork()) < 0)
        bench_die("cannot start a process");
    if (servers.pid == 0)
        run_servers(ends[1]);
    close(ends[1]);
    servers.told = fdopen(ends[0], "r");
    if (!servers.told ||
        fscanf(servers.told, "%99s %199s %d", servers.bootstrap, servers.registry, &servers.kafka) != 3)
        bench_die("kafka did not start");
    bench_pin(servers.kafka, 1);
    bench_pin(0, 0);
}

static void stop_servers(void) {
    kill(servers.pid, SIGTERM);
    waitpid(servers.pid, NULL, 0);
    fclose(servers.told);
}

/* One figure of peer.py's line, {"produce_per_s": N, "consume_per_s": N}; 0: it is not there. */
static double figure_of(const char *line, const char *name) {
    const char *at = strstr(line, name);

    return at ? strtod(at + strlen(name) + 2, NULL) : 0;
}

/* Only where the tests have made their Python environment. */
static void show_python(void) {
    char command[1500], line[300] = "";

    if (!bench_wants("python"))
        return;
    snprintf(command, sizeof command,
             "cd '%s/tests/interop' && python=$(./venv.sh --show) && EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS='%s' "
             "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL='%s' PYTHONDONTWRITEBYTECODE=1 "
             "\"$python\" peer.py bench --bus kafka --topic python --count %ld 2>/dev/null",
             top(), servers.bootstrap, servers.registry, bench_size(20000));
    FILE *out = popen(command, "r");
    bool there = out && fgets(line, sizeof line, out);
    if (out)
        pclose(out);
    if (!there) {
        fprintf(stderr, "bench_kafka: the Python packages are not here (tests/interop/venv.sh makes them)\n");
        return;
    }
    bench_value("python, produce", "/s", figure_of(line, "\"produce_per_s\""), -1);
    bench_value("python, consume", "/s", figure_of(line, "\"consume_per_s\""), -1);
}

int main(int argc, char **argv) {
    char settings[500];

    bench_init("kafka", argc, argv);
    start_servers();
    snprintf(settings, sizeof settings, "bootstrap_servers = %s\nschema_registry = %s\n", servers.bootstrap,
             servers.registry);
    struct bus_work bus = {.plugin = "kafka", .settings = settings, .count = bench_size(100000)};
    struct kafka_raw raw = {.bootstrap = servers.bootstrap, .topic = "raw-login", .count = bus.count};
    const struct bench_side produce[] = {
        {.name = "raw librdkafka", .run = raw_produce, .arg = &raw},
        {.name = "the bus", .run = bus_produce, .arg = &bus, .bound = 0.9},
    };
    bench_run("produce", BENCH_RATE, produce, 2);
    struct kafka_raw reading = {.bootstrap = servers.bootstrap, .topic = BUS_TOPIC, .count = bus.count};
    const struct bench_side consume[] = {
        {.name = "raw librdkafka", .run = raw_consume, .arg = &reading},
        {.name = "the bus", .run = bus_consume, .arg = &bus, .bound = 0.9},
    };
    if (bench_wants("consume") && !bench_wants("produce")) {    /* what the other would have left */
        struct bench_figure none;
        bus_produce(&bus, &none);
    }
    bench_run("consume and commit", BENCH_RATE, consume, 2);
    show_python();
    stop_servers();
    return bench_end();
}
