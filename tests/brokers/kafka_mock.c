/* tests/brokers/kafka_mock.c - librdkafka's own cluster of brokers without disks, which do on demand what a real one
 * does when it likes: lose a leader or a coordinator, throttle, answer late or wrong.
 *
 *   kafka_mock BROKERS          prints the addresses, then does what lines of standard input say, with "ok" for each:
 *
 *   topic NAME PARTITIONS
 *   leader NAME PARTITION BROKER        -1: none
 *   topic-error NAME ERROR              what a question for its metadata gets; 0: none
 *   coordinator GROUP BROKER
 *   down BROKER | up BROKER             -1: all
 *   delay BROKER MS                     of each answer; -1: of all brokers
 *   errors REQUEST ERROR COUNT          the next COUNT requests of that kind (Kafka's number) get this error
 *   late BROKER REQUEST MS COUNT        the next COUNT of them are answered, that late
 *   clear REQUEST
 *
 * It ends with its standard input. What it holds is lost with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

static rd_kafka_mock_cluster_t *cluster;

static rd_kafka_resp_err_t push_errors(int request, int error, int count) {
    for (int i = 0; i < count; i++)
        rd_kafka_mock_push_request_errors(cluster, (int16_t)request, 1, (rd_kafka_resp_err_t)error);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t push_delays(int broker, int request, int ms, int count) {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (int i = 0; i < count && !error; i++)
        error = rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, (int16_t)request, 1, RD_KAFKA_RESP_ERR_NO_ERROR,
                                                             ms);
    return error;
}

static rd_kafka_resp_err_t obey(const char *line) {
    char name[250];
    int a, b, c, d;

    if (sscanf(line, "topic %249s %d", name, &a) == 2)
        return rd_kafka_mock_topic_create(cluster, name, a, 1);
    if (sscanf(line, "leader %249s %d %d", name, &a, &b) == 3)
        return rd_kafka_mock_partition_set_leader(cluster, name, a, b);
    if (sscanf(line, "topic-error %249s %d", name, &a) == 2) {
        rd_kafka_mock_topic_set_error(cluster, name, (rd_kafka_resp_err_t)a);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (sscanf(line, "coordinator %249s %d", name, &a) == 2)
        return rd_kafka_mock_coordinator_set(cluster, "group", name, a);
    if (sscanf(line, "down %d", &a) == 1)
        return rd_kafka_mock_broker_set_down(cluster, a);
    if (sscanf(line, "up %d", &a) == 1)
        return rd_kafka_mock_broker_set_up(cluster, a);
    if (sscanf(line, "delay %d %d", &a, &b) == 2)
        return rd_kafka_mock_broker_set_rtt(cluster, a, b);
    if (sscanf(line, "errors %d %d %d", &a, &b, &c) == 3)
        return push_errors(a, b, c);
    if (sscanf(line, "late %d %d %d %d", &a, &b, &c, &d) == 4)
        return push_delays(a, b, c, d);
    if (sscanf(line, "clear %d", &a) == 1) {
        rd_kafka_mock_clear_request_errors(cluster, (int16_t)a);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

int main(int argc, char **argv) {
    char why[300], line[600];
    rd_kafka_t *owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);

    cluster = argc == 2 && owner ? rd_kafka_mock_cluster_new(owner, atoi(argv[1])) : NULL;
    if (!cluster) {
        fprintf(stderr, "kafka_mock BROKERS: %s\n", owner ? "no cluster" : why);
        return 1;
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        rd_kafka_resp_err_t error = obey(line);
        printf("%s\n", error ? rd_kafka_err2name(error) : "ok");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(owner);
    return 0;
}
