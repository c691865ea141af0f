/* pulsar/c/client.h - declarations of what this project uses of libpulsar's C interface, for a libpulsar that came without
 * headers. They are written for this project from the library's documented interface; ./fetch-libpulsar lays them out. Where
 * upstream's headers are installed, those are used. */
#ifndef PULSAR_C_CLIENT_H
#define PULSAR_C_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
typedef enum {
    pulsar_result_Retryable = -1,
    pulsar_result_Ok = 0,
    pulsar_result_UnknownError = 1,
    pulsar_result_InvalidConfiguration = 2,
    pulsar_result_Timeout = 3,
    pulsar_result_LookupError = 4,
    pulsar_result_ConnectError = 5,
    pulsar_result_ReadError = 6,
    pulsar_result_AuthenticationError = 7,
    pulsar_result_AuthorizationError = 8,
    pulsar_result_ErrorGettingAuthenticationData = 9,
    pulsar_result_BrokerMetadataError = 10,
    pulsar_result_BrokerPersistenceError = 11,
    pulsar_result_ChecksumError = 12,
    pulsar_result_ConsumerBusy = 13,
    pulsar_result_NotConnected = 14,
    pulsar_result_AlreadyClosed = 15,
    pulsar_result_InvalidMessage = 16,
    pulsar_result_ConsumerNotInitialized = 17,
    pulsar_result_ProducerNotInitialized = 18,
    pulsar_result_ProducerBusy = 19,
    pulsar_result_TooManyLookupRequestException = 20,
    pulsar_result_InvalidTopicName = 21,
    pulsar_result_InvalidUrl = 22,
    pulsar_result_ServiceUnitNotReady = 23,
    pulsar_result_OperationNotSupported = 24,
    pulsar_result_ProducerBlockedQuotaExceededError = 25,
    pulsar_result_ProducerBlockedQuotaExceededException = 26,
    pulsar_result_ProducerQueueIsFull = 27,
    pulsar_result_MessageTooBig = 28,
    pulsar_result_TopicNotFound = 29,
    pulsar_result_SubscriptionNotFound = 30,
    pulsar_result_ConsumerNotFound = 31,
    pulsar_result_UnsupportedVersionError = 32,
    pulsar_result_TopicTerminated = 33,
    pulsar_result_CryptoError = 34,
    pulsar_result_IncompatibleSchema = 35,
    pulsar_result_NotAllowedError = 40,
    pulsar_result_ProducerFenced = 43,
    pulsar_result_MemoryBufferIsFull = 44,
    pulsar_result_Interrupted = 45,
    pulsar_result_Disconnected = 46
} pulsar_result;

typedef enum { pulsar_DEBUG = 0, pulsar_INFO = 1, pulsar_WARN = 2, pulsar_ERROR = 3 } pulsar_logger_level_t;
typedef enum { pulsar_UseSinglePartition = 0, pulsar_RoundRobinDistribution = 1, pulsar_CustomPartition = 2 } pulsar_partitions_routing_mode;
typedef enum { pulsar_Murmur3_32Hash = 0, pulsar_BoostHash = 1, pulsar_JavaStringHash = 2 } pulsar_hashing_scheme;
typedef enum { pulsar_CompressionNone = 0, pulsar_CompressionLZ4 = 1, pulsar_CompressionZLib = 2, pulsar_CompressionZSTD = 3, pulsar_CompressionSNAPPY = 4 } pulsar_compression_type;
typedef enum { pulsar_ConsumerExclusive = 0, pulsar_ConsumerShared = 1, pulsar_ConsumerFailover = 2, pulsar_ConsumerKeyShared = 3 } pulsar_consumer_type;
typedef enum { initial_position_latest = 0, initial_position_earliest = 1 } initial_position;

typedef struct _pulsar_client pulsar_client_t;
typedef struct _pulsar_client_configuration pulsar_client_configuration_t;
typedef struct _pulsar_authentication pulsar_authentication_t;
typedef struct _pulsar_producer pulsar_producer_t;
typedef struct _pulsar_producer_configuration pulsar_producer_configuration_t;
typedef struct _pulsar_consumer pulsar_consumer_t;
typedef struct _pulsar_consumer_configuration pulsar_consumer_configuration_t;
typedef struct _pulsar_reader pulsar_reader_t;
typedef struct _pulsar_reader_configuration pulsar_reader_configuration_t;
typedef struct _pulsar_message pulsar_message_t;
typedef struct _pulsar_message_id pulsar_message_id_t;
typedef struct _pulsar_string_map pulsar_string_map_t;
typedef struct _pulsar_string_list pulsar_string_list_t;

typedef struct pulsar_logger_t {
    void *ctx;
    bool (*is_enabled)(pulsar_logger_level_t level, void *ctx);
    void (*log)(pulsar_logger_level_t level, const char *file, int line, const char *message, void *ctx);
} pulsar_logger_t;

typedef void (*pulsar_create_producer_callback)(pulsar_result, pulsar_producer_t *, void *ctx);
typedef void (*pulsar_subscribe_callback)(pulsar_result, pulsar_consumer_t *, void *ctx);
typedef void (*pulsar_get_partitions_callback)(pulsar_result, pulsar_string_list_t *, void *ctx);
typedef void (*pulsar_close_callback)(pulsar_result, void *ctx);
typedef void (*pulsar_send_callback)(pulsar_result, pulsar_message_id_t *, void *ctx);
typedef void (*pulsar_result_callback)(pulsar_result, void *ctx);
typedef void (*pulsar_reader_callback)(pulsar_result, pulsar_reader_t *, void *ctx);
typedef void (*pulsar_message_listener)(pulsar_consumer_t *, pulsar_message_t *, void *ctx);

const char *pulsar_result_str(pulsar_result);

pulsar_client_configuration_t *pulsar_client_configuration_create(void);
void pulsar_client_configuration_free(pulsar_client_configuration_t *);
void pulsar_client_configuration_set_auth(pulsar_client_configuration_t *, pulsar_authentication_t *);
void pulsar_client_configuration_set_memory_limit(pulsar_client_configuration_t *, unsigned long long bytes);
void pulsar_client_configuration_set_operation_timeout_seconds(pulsar_client_configuration_t *, int seconds);
void pulsar_client_configuration_set_io_threads(pulsar_client_configuration_t *, int threads);
void pulsar_client_configuration_set_message_listener_threads(pulsar_client_configuration_t *, int threads);
void pulsar_client_configuration_set_logger_t(pulsar_client_configuration_t *, pulsar_logger_t);
void pulsar_client_configuration_set_tls_trust_certs_file_path(pulsar_client_configuration_t *, const char *path);
void pulsar_client_configuration_set_tls_certificate_file_path(pulsar_client_configuration_t *, const char *path);
void pulsar_client_configuration_set_tls_private_key_file_path(pulsar_client_configuration_t *, const char *path);
void pulsar_client_configuration_set_tls_allow_insecure_connection(pulsar_client_configuration_t *, int on);
void pulsar_client_configuration_set_validate_hostname(pulsar_client_configuration_t *, int on);
void pulsar_client_configuration_set_stats_interval_in_seconds(pulsar_client_configuration_t *, unsigned int seconds);
void pulsar_client_configuration_set_keep_alive_interval_in_seconds(pulsar_client_configuration_t *, unsigned int seconds);

pulsar_client_t *pulsar_client_create(const char *url, const pulsar_client_configuration_t *);
void pulsar_client_create_producer_async(pulsar_client_t *, const char *topic, const pulsar_producer_configuration_t *, pulsar_create_producer_callback, void *ctx);
void pulsar_client_subscribe_async(pulsar_client_t *, const char *topic, const char *subscription, const pulsar_consumer_configuration_t *, pulsar_subscribe_callback, void *ctx);
void pulsar_client_create_reader_async(pulsar_client_t *, const char *topic, const pulsar_message_id_t *start, pulsar_reader_configuration_t *, pulsar_reader_callback, void *ctx);
void pulsar_client_get_topic_partitions_async(pulsar_client_t *, const char *topic, pulsar_get_partitions_callback, void *ctx);
pulsar_result pulsar_client_close(pulsar_client_t *);
void pulsar_client_free(pulsar_client_t *);

pulsar_producer_configuration_t *pulsar_producer_configuration_create(void);
void pulsar_producer_configuration_free(pulsar_producer_configuration_t *);
void pulsar_producer_configuration_set_send_timeout(pulsar_producer_configuration_t *, int ms);
void pulsar_producer_configuration_set_compression_type(pulsar_producer_configuration_t *, pulsar_compression_type);
void pulsar_producer_configuration_set_max_pending_messages(pulsar_producer_configuration_t *, int n);
void pulsar_producer_configuration_set_max_pending_messages_across_partitions(pulsar_producer_configuration_t *, int n);
void pulsar_producer_configuration_set_partitions_routing_mode(pulsar_producer_configuration_t *, pulsar_partitions_routing_mode);
void pulsar_producer_configuration_set_hashing_scheme(pulsar_producer_configuration_t *, pulsar_hashing_scheme);
void pulsar_producer_configuration_set_block_if_queue_full(pulsar_producer_configuration_t *, int on);
void pulsar_producer_configuration_set_batching_enabled(pulsar_producer_configuration_t *, int on);
void pulsar_producer_configuration_set_batching_max_messages(pulsar_producer_configuration_t *, unsigned int n);
void pulsar_producer_configuration_set_batching_max_allowed_size_in_bytes(pulsar_producer_configuration_t *, unsigned long bytes);
void pulsar_producer_configuration_set_batching_max_publish_delay_ms(pulsar_producer_configuration_t *, unsigned long ms);

void pulsar_producer_send_async(pulsar_producer_t *, pulsar_message_t *, pulsar_send_callback, void *ctx);
void pulsar_producer_close_async(pulsar_producer_t *, pulsar_close_callback, void *ctx);
typedef void (*pulsar_flush_callback)(pulsar_result, void *ctx);
void pulsar_producer_flush_async(pulsar_producer_t *, pulsar_flush_callback, void *ctx); /* bench/ */
int pulsar_producer_is_connected(pulsar_producer_t *);
void pulsar_producer_free(pulsar_producer_t *);

pulsar_consumer_configuration_t *pulsar_consumer_configuration_create(void);
void pulsar_consumer_configuration_free(pulsar_consumer_configuration_t *);
void pulsar_consumer_configuration_set_consumer_type(pulsar_consumer_configuration_t *, pulsar_consumer_type);
void pulsar_consumer_configuration_set_message_listener(pulsar_consumer_configuration_t *, pulsar_message_listener, void *ctx);
void pulsar_consumer_configuration_set_receiver_queue_size(pulsar_consumer_configuration_t *, int n);
void pulsar_consumer_set_consumer_name(pulsar_consumer_configuration_t *, const char *name);
void pulsar_configure_set_ack_grouping_time_ms(pulsar_consumer_configuration_t *, long ms);
void pulsar_consumer_set_subscription_initial_position(pulsar_consumer_configuration_t *, initial_position);
void pulsar_consumer_configuration_set_batch_index_ack_enabled(pulsar_consumer_configuration_t *, int on);

void pulsar_consumer_acknowledge_async_id(pulsar_consumer_t *, pulsar_message_id_t *, pulsar_result_callback, void *ctx);
int pulsar_consumer_is_connected(pulsar_consumer_t *);
void pulsar_consumer_close_async(pulsar_consumer_t *, pulsar_result_callback, void *ctx);
void pulsar_consumer_free(pulsar_consumer_t *);

pulsar_reader_configuration_t *pulsar_reader_configuration_create(void);
void pulsar_reader_configuration_free(pulsar_reader_configuration_t *);
void pulsar_reader_configuration_set_receiver_queue_size(pulsar_reader_configuration_t *, int n);
void pulsar_reader_configuration_set_subscription_role_prefix(pulsar_reader_configuration_t *, const char *prefix);
pulsar_result pulsar_reader_read_next_with_timeout(pulsar_reader_t *, pulsar_message_t **, int ms);
pulsar_result pulsar_reader_has_message_available(pulsar_reader_t *, int *available);
void pulsar_reader_close_async(pulsar_reader_t *, pulsar_result_callback, void *ctx);
void pulsar_reader_free(pulsar_reader_t *);

pulsar_message_t *pulsar_message_create(void);
void pulsar_message_free(pulsar_message_t *);
void pulsar_message_set_allocated_content(pulsar_message_t *, void *data, size_t size);
void pulsar_message_set_property(pulsar_message_t *, const char *name, const char *value);
void pulsar_message_set_partition_key(pulsar_message_t *, const char *key);
void pulsar_message_set_event_timestamp(pulsar_message_t *, uint64_t ms);
uint64_t pulsar_message_get_event_timestamp(pulsar_message_t *); /* bench/ */
pulsar_string_map_t *pulsar_message_get_properties(pulsar_message_t *);
const void *pulsar_message_get_data(pulsar_message_t *);
uint32_t pulsar_message_get_length(pulsar_message_t *);
pulsar_message_id_t *pulsar_message_get_message_id(pulsar_message_t *);
const char *pulsar_message_get_partitionKey(pulsar_message_t *);
int pulsar_message_has_partition_key(pulsar_message_t *);
const char *pulsar_message_get_orderingKey(pulsar_message_t *);
int pulsar_message_has_ordering_key(pulsar_message_t *);
uint64_t pulsar_message_get_publish_timestamp(pulsar_message_t *);
int pulsar_message_get_redelivery_count(pulsar_message_t *);

void *pulsar_message_id_serialize(pulsar_message_id_t *, int *len);
pulsar_message_id_t *pulsar_message_id_deserialize(const void *buffer, uint32_t len);
void pulsar_message_id_free(pulsar_message_id_t *);

int pulsar_string_map_size(pulsar_string_map_t *);
const char *pulsar_string_map_get_key(pulsar_string_map_t *, int i);
const char *pulsar_string_map_get_value(pulsar_string_map_t *, int i);
void pulsar_string_map_free(pulsar_string_map_t *);

void pulsar_string_list_free(pulsar_string_list_t *);
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif
