/* client/cxx.c - see libpulsar.h: settings by the exported functions of libpulsar's C++ classes, under the names that the
 * C++ ABI of Linux (Itanium) gives them. What order and acknowledgements depend on is read back, so that a libpulsar whose
 * objects are laid out otherwise is noticed. */
#include "client/libpulsar.h"

#include <malloc.h>
#include <string.h>

#ifdef HAVE_PULSAR_ACK_RECEIPT
void *ack_receipt_set(void *configuration, bool on) __asm__("_ZN6pulsar21ConsumerConfiguration20setAckReceiptEnabledEb");
bool ack_receipt_get(const void *configuration) __asm__("_ZNK6pulsar21ConsumerConfiguration19isAckReceiptEnabledEv");

bool pl_cxx_ack_receipt(pulsar_consumer_configuration_t *conf) {
    ack_receipt_set(conf, true);
    return ack_receipt_get(conf);
}
#else
bool pl_cxx_ack_receipt(pulsar_consumer_configuration_t *conf) {
    (void)conf;
    return false;
}
#endif

#ifdef HAVE_PULSAR_BATCHING_TYPE
enum { KEY_BASED = 1 };

void *batching_type_set(void *configuration,
                        int type) __asm__("_ZN6pulsar21ProducerConfiguration15setBatchingTypeENS0_12BatchingTypeE");
int batching_type_get(const void *configuration) __asm__("_ZNK6pulsar21ProducerConfiguration15getBatchingTypeEv");

bool pl_cxx_batch_by_key(pulsar_producer_configuration_t *conf) {
    batching_type_set(conf, KEY_BASED);
    return batching_type_get(conf) == KEY_BASED;
}
#else
bool pl_cxx_batch_by_key(pulsar_producer_configuration_t *conf) {
    (void)conf;
    return false;
}
#endif

#ifdef HAVE_PULSAR_SHUTDOWN
void client_shutdown(void *client) __asm__("_ZN6pulsar6Client8shutdownEv");

/* An object of the C interface begins with a pointer to the client. */
bool pl_cxx_shutdown(pulsar_client_t *client) {
    void *wrapped;

    memcpy(&wrapped, client, sizeof wrapped);
    client_shutdown(wrapped);
    return true;
}
#else
bool pl_cxx_shutdown(pulsar_client_t *client) {
    (void)client;
    return false;
}
#endif

#ifdef HAVE_PULSAR_MESSAGE_ID
int64_t id_ledger(const void *id) __asm__("_ZNK6pulsar9MessageId8ledgerIdEv");
int64_t id_entry(const void *id) __asm__("_ZNK6pulsar9MessageId7entryIdEv");
int32_t id_partition(const void *id) __asm__("_ZNK6pulsar9MessageId9partitionEv");
int32_t id_index(const void *id) __asm__("_ZNK6pulsar9MessageId10batchIndexEv");
int32_t id_batch_size(const void *id) __asm__("_ZNK6pulsar9MessageId9batchSizeEv");

bool pl_cxx_id(const pulsar_message_id_t *id, struct pl_id_numbers *numbers) {
    *numbers = (struct pl_id_numbers){ .ledger = id_ledger(id),
                                       .entry = id_entry(id),
                                       .partition = id_partition(id),
                                       .index = id_index(id),
                                       .batch_size = id_batch_size(id) };
    return true;
}
#else
bool pl_cxx_id(const pulsar_message_id_t *id, struct pl_id_numbers *numbers) {
    (void)id;
    (void)numbers;
    return false;
}
#endif

/* A std::string as libstdc++ lays it out since its version 5, which the names of the functions below say. */
struct cxx_text {
    const char *data;
    size_t len;
    char small[16];
};

#ifdef HAVE_PULSAR_SET_PROPERTY
void *property_set(void *builder, const struct cxx_text *name, const struct cxx_text *value) __asm__(
    "_ZN6pulsar14MessageBuilder11setPropertyERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES8_");

/* An object of the C interface begins with a MessageBuilder, which only reads the two. */
void pl_set_property(pulsar_message_t *message, struct eb_text name, struct eb_text value) {
    const struct cxx_text of_name = { .data = name.data, .len = name.len }, of_value = { .data = value.data, .len = value.len };

    property_set(message, &of_name, &of_value);
}
#else
void pl_set_property(pulsar_message_t *message, struct eb_text name, struct eb_text value) {
    pulsar_message_set_property(message, name.data, value.data);
}
#endif

#ifdef HAVE_PULSAR_PROPERTIES
const struct cxx_map *properties_get(const void *message) __asm__("_ZNK6pulsar7Message13getPropertiesB5cxx11Ev");

/* A std::map of such texts. The first pair is the header's left one. */
struct cxx_links {
    int color;
    const struct cxx_links *parent, *left, *right;
};

struct cxx_pair {
    struct cxx_links links;
    struct cxx_text name, value;
};

struct cxx_map {
    char compare;
    struct cxx_links header;
    size_t n;
};

/* The pair behind one that is not the last. */
static const struct cxx_links *next_of(const struct cxx_links *at) {
    if (at->right) {
        for (at = at->right; at->left; at = at->left)
            continue;
        return at;
    }
    while (at == at->parent->right)
        at = at->parent;
    return at->parent;
}

/* An object of the C interface is one of MessageBuilder and one of Message, each of which is a std::shared_ptr: 16 bytes. */
int pl_cxx_properties(const pulsar_message_t *message, struct eb_header *list, int room) {
    enum { BUILDER = 16, OBJECT = 32 };
    bool fits = malloc_usable_size((void *)(uintptr_t)message) >= OBJECT;
    const struct cxx_map *map = fits ? properties_get((const char *)message + BUILDER) : NULL;
    const struct cxx_links *at = map ? map->header.left : NULL;

    for (size_t i = 0; map && i < map->n && i < (size_t)room; i++) {
        const struct cxx_pair *pair = (const struct cxx_pair *)at;

        list[i] = (struct eb_header){ .name = { pair->name.data, pair->name.len },
                                      .value = { pair->value.data, pair->value.len } };
        if (i + 1 < map->n)
            at = next_of(at);
    }
    return !map ? -1 : map->n < INT32_MAX ? (int)map->n : INT32_MAX;
}
#else
int pl_cxx_properties(const pulsar_message_t *message, struct eb_header *list, int room) {
    (void)message;
    (void)list;
    (void)room;
    return -1;
}
#endif

#ifdef HAVE_PULSAR_CONNECTION_TIMEOUT
void *connection_timeout_set(void *configuration, int ms) __asm__("_ZN6pulsar19ClientConfiguration20setConnectionTimeoutEi");
#endif
#ifdef HAVE_PULSAR_MAX_BACKOFF
void *max_backoff_set(void *configuration, int ms) __asm__("_ZN6pulsar19ClientConfiguration23setMaxBackoffIntervalMsEi");
#endif

void pl_cxx_connecting(pulsar_client_configuration_t *conf, int timeout_ms, int max_backoff_ms) {
#ifdef HAVE_PULSAR_CONNECTION_TIMEOUT
    connection_timeout_set(conf, timeout_ms);
#endif
#ifdef HAVE_PULSAR_MAX_BACKOFF
    max_backoff_set(conf, max_backoff_ms);
#endif
    (void)conf;
    (void)timeout_ms;
    (void)max_backoff_ms;
}
