/* tests/bench/bench_kafka.c - all of the bus on a real Kafka with a real registry against raw librdkafka, and the
 * Python packages beside them. Both servers are its own, the broker on the other CPU, or those that EB_KAFKA=HOST:PORT and
 * EB_REGISTRY=URL name. */
#include "kafka_sides.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus.h"

enum { SKIPPED = 77 };

static struct {
    pid_t pid; /* of the program that holds both servers; 0: they were given */
    FILE *told;
    char bootstrap[100], registry[200];
    int kafka; /* Kafka's process */
} servers;

static const char *top(void) {
    const char *folder = getenv("top_srcdir");

    return folder ? folder : ".";
}

/* They end with the bench, whichever way that ends. */
static void run_servers(int out, pid_t bench_pid) {
    char script[500];

    snprintf(script, sizeof script, "%s/tests/brokers/kafka_server.py", top());
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != bench_pid)
        _exit(1);
    dup2(out, STDOUT_FILENO);
    execlp("python3", "python3", script, "--registry", "--set", "num.partitions=4", (char *)NULL);
    _exit(127);
}

/* Servers that run already, whose CPU and number of partitions are then whoever's that has started them. */
static bool given_servers(void) {
    const char *kafka = getenv("EB_KAFKA"), *registry = getenv("EB_REGISTRY");

    if (!kafka || !registry)
        return false;
    snprintf(servers.bootstrap, sizeof servers.bootstrap, "%s", kafka);
    snprintf(servers.registry, sizeof servers.registry, "%s", registry);
    return true;
}

/* Where there is no Java, there is nothing to measure: that is no failure. The reason was told by the script. */
static void end_without_servers(void) {
    int status;

    waitpid(servers.pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != SKIPPED)
        bench_die("kafka and its registry did not start");
    fprintf(stderr, "bench_kafka: passed over\n");
    exit(0);
}

static void start_servers(void) {
    pid_t own = getpid();
    int ends[2];

    if (given_servers())
        return;
    if (pipe(ends) != 0 || (servers.pid = fork()) < 0)
        bench_die("cannot start a process");
    if (servers.pid == 0)
        run_servers(ends[1], own);
    close(ends[1]);
    servers.told = fdopen(ends[0], "r");
    if (!servers.told || fscanf(servers.told, "%99s %199s %d", servers.bootstrap, servers.registry, &servers.kafka) != 3)
        end_without_servers();
    bench_pin(servers.kafka, 1);
}

static void stop_servers(void) {
    if (servers.pid == 0)
        return;
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

/* A topic that nobody has read, with so many events and one: what lies behind them would be fetched as well, the more the
 * longer a side takes. */
static void compare_consume(const struct bus_work *all, long times, const char *title) {
    struct bus_work bus = *all;
    struct bench_figure none;
    char topic[40];

    if (!bench_wants(title))
        return;
    snprintf(topic, sizeof topic, "read-%ld-%d", times, (int)getpid());
    bus.topic = topic;
    bus.count *= times;
    bus_produce(&bus, &none);
    struct kafka_raw raw = { .bootstrap = servers.bootstrap, .topic = topic, .count = bus.count };
    const struct bench_side sides[] = {
        { .name = "raw librdkafka", .run = raw_consume, .arg = &raw },
        { .name = "the bus", .run = bus_consume, .arg = &bus, .bound = 0.9 },
    };
    bench_run(title, BENCH_RATE, sides, 2);
}

static void compare_produce(struct bus_work *bus) {
    struct kafka_raw raw = { .bootstrap = servers.bootstrap, .topic = "raw-login", .count = bus->count };
    const struct bench_side sides[] = {
        { .name = "raw librdkafka", .run = raw_produce, .arg = &raw },
        { .name = "the bus", .run = bus_produce, .arg = bus, .bound = 0.9 },
    };

    bench_run("produce", BENCH_RATE, sides, 2);
}

int main(int argc, char **argv) {
    char settings[500];

    bench_init("kafka", argc, argv);
    start_servers();
    bench_pin(0, 0);
    snprintf(settings, sizeof settings, "bootstrap_servers = %s\nschema_registry = %s\n", servers.bootstrap, servers.registry);
    struct bus_work bus = { .plugin = "kafka", .settings = settings, .count = bench_size(200000) };
    compare_produce(&bus);
    compare_consume(&bus, 1, "consume and commit, what librdkafka fetches in one go");
    compare_consume(&bus, 5, "consume and commit, a backlog");
    show_python();
    stop_servers();
    return bench_end();
}
