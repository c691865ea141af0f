/* client/result.c - see result.h. */
#include "client/result.h"
#include "client/log_bridge.h"

int32_t pl_result_status(pulsar_result result) {
    switch (result) {
    case pulsar_result_Ok:
        return EB_OK;
    case pulsar_result_InvalidConfiguration:
    case pulsar_result_AuthorizationError:
    case pulsar_result_InvalidMessage:
    case pulsar_result_InvalidTopicName:
    case pulsar_result_InvalidUrl:
    case pulsar_result_OperationNotSupported:
    case pulsar_result_MessageTooBig:
    case pulsar_result_UnsupportedVersionError:
    case pulsar_result_TopicTerminated:
    case pulsar_result_CryptoError:
    case pulsar_result_IncompatibleSchema:
    case pulsar_result_NotAllowedError:
        return EB_PERMANENT;
    default:
        return EB_RETRIABLE;
    }
}

const char *pl_result_text(pulsar_result result) {
    switch (result) {
    case pulsar_result_Timeout:
        return "no answer in operation_timeout";
    case pulsar_result_ConnectError:
        return "cannot connect";
    case pulsar_result_AuthenticationError:
        return "the broker refused the token or certificate";
    case pulsar_result_ErrorGettingAuthenticationData:
        return "the token or certificate cannot be read";
    case pulsar_result_AuthorizationError:
        return "permission denied";
    case pulsar_result_MessageTooBig:
        return "it is larger than the broker takes (maxMessageSize)";
    case pulsar_result_TopicNotFound:
        return "the topic does not exist, and the broker makes none (allowAutoTopicCreation)";
    case pulsar_result_TopicTerminated:
        return "the topic was terminated";
    case pulsar_result_ProducerBlockedQuotaExceededError:
    case pulsar_result_ProducerBlockedQuotaExceededException:
        return "the backlog quota of the namespace is used up; read or trim the topic";
    case pulsar_result_ConsumerBusy:
        return "the subscription has members of another type; let all workers of the group use the same order";
    case pulsar_result_AlreadyClosed:
        return "the client is closed";
    default:
        return pulsar_result_str(result);
    }
}

/* Whether the client's last warning says more than the result does. */
static bool is_about_connecting(pulsar_result result) {
    return result == pulsar_result_Timeout || result == pulsar_result_ConnectError || result == pulsar_result_NotConnected ||
           result == pulsar_result_Retryable || result == pulsar_result_LookupError || result == pulsar_result_Disconnected;
}

int32_t pl_result_error(struct eb_error *err, pulsar_result result, const char *format, ...) {
    int32_t status = pl_result_status(result);
    char last[PL_LOG_LAST_ROOM];
    va_list args;

    va_start(args, format);
    ebp_error_of_kind_v(err, status, EB_KIND_BROKER, result, format, args);
    va_end(args);
    ebp_error_cause(err, pl_result_text(result));
    if (is_about_connecting(result) && pl_log_last(last))
        ebp_error_cause(err, last);
    return status;
}
