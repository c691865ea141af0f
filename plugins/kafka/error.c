/* plugins/kafka/error.c - see error.h. */
#include "error.h"

#include <stdarg.h>

int32_t kf_misconfigured(struct eb_error *err, const char *format, ...) {
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, EB_PERMANENT, EB_KIND_CONFIG, 0, format, args);
    va_end(args);
    return EB_PERMANENT;
}

/* An error is permanent if no waiting mends it: the request is wrong, or somebody has to change the cluster. */
int32_t kf_class(rd_kafka_resp_err_t why) {
    switch (why) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return EB_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP:
    case RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND:
    case RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_DELETION_DISABLED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: /* returned after the wait that the client is configured with */
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return EB_PERMANENT;
    default:
        return EB_RETRIABLE;
    }
}

int32_t kf_failed(struct eb_error *err, rd_kafka_resp_err_t why, const char *format, ...) {
    int32_t status = kf_class(why);
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, EB_KIND_BROKER, why, format, args);
    va_end(args);
    ebp_error_cause(err, rd_kafka_err2str(why));
    return status;
}

int32_t kf_failed_with(struct eb_error *err, rd_kafka_error_t *why, const char *format, ...) {
    rd_kafka_resp_err_t code = rd_kafka_error_code(why);
    int32_t status = kf_class(code);
    va_list args;

    if (!why)
        return EB_OK;
    va_start(args, format);
    ebp_error_of_kind_v(err, status, EB_KIND_BROKER, code, format, args);
    va_end(args);
    ebp_error_cause(err, rd_kafka_error_string(why));
    rd_kafka_error_destroy(why);
    return status;
}
