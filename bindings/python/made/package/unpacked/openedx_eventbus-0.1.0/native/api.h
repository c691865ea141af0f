/* api.h - what Python sees of libeventbus and of native.c: cffi reads this; the compiler fills in the dots. */

enum eb_status { EB_OK, EB_EMPTY, EB_END, EB_FULL, EB_GONE, EB_RETRIABLE, EB_PERMANENT, EB_FATAL, ... };

struct eb_bus;
struct eb_event;
struct eb_signal;
struct eb_consumer;

struct eb_error {
    int32_t status;
    int32_t kind;
    int64_t native;
    char text[...];
};

struct eb_metadata {
    const char *type, *id, *source, *sourcehost, *sourcelib;
    int64_t time_us;
    int32_t minorversion;
    int32_t from_event_bus;
    const char *topic, *position, *key;
    int32_t attempt;
    size_t key_len;
    ...;
};

struct eb_receipt {
    const char *id, *type, *topic, *position;
    const struct eb_error *error;
    int32_t maybe_stored;
    ...;
};

struct eb_consumer_options {
    size_t size;
    const char *section;
    const char *const *topics;
    const char *group, *consumer, *broker, *from;
    uint64_t count;
    int32_t exit_at_end;
    int32_t require_receivers;
    ...;
};

struct eb_consumer_counts {
    size_t size;
    uint64_t received, succeeded, retried, dead_lettered, skipped, returned;
    ...;
};

const char *eb_version(void);
const struct eb_signal *eb_signal_find(const struct eb_bus *, const char *, struct eb_error *);
int eb_signal_each(const struct eb_bus *, int (*each)(void *, const struct eb_signal *), void *);
const char *eb_signal_type(const struct eb_signal *);
const char *eb_signal_schema(const struct eb_signal *);
enum eb_status eb_disconnect(struct eb_bus *, const struct eb_signal *, const char *);
const struct eb_metadata *eb_event_metadata(const struct eb_event *);
enum eb_status eb_event_data_json(const struct eb_event *, char **, size_t *, struct eb_error *);
enum eb_status eb_bus_flush(struct eb_bus *, int, struct eb_error *);
enum eb_status eb_bus_close(struct eb_bus *, int, struct eb_error *);
void eb_bus_queue_wait(struct eb_bus *, int);
enum eb_status eb_consumer_open(struct eb_consumer **, struct eb_bus *, const struct eb_consumer_options *, struct eb_error *);
enum eb_status eb_consumer_run(struct eb_consumer *, struct eb_error *);
void eb_consumer_stop(struct eb_consumer *);
void eb_consumer_count(const struct eb_consumer *, struct eb_consumer_counts *);
void eb_consumer_close(struct eb_consumer *);
void free(void *);

/* ---- native.c ---- */

struct ebpy_log;
struct ebpy_log *ebpy_log_new(size_t);
int ebpy_log_take(struct ebpy_log *, int, int *, char *, size_t);
void ebpy_log_close(struct ebpy_log *);
void ebpy_log_free(struct ebpy_log *);

struct ebpy_origin {
    const char *id, *source, *sourcehost, *sourcelib;
    int64_t time_us;
    int32_t minorversion;
    int32_t has_time, has_minorversion;
    ...;
};

const char *ebpy_built_with(void);
enum eb_status ebpy_open(struct eb_bus **, const char *const *, const char *const *, const char *const *, struct ebpy_log *,
                         struct eb_error *);
const struct eb_signal *ebpy_signal_add(struct eb_bus *, const char *, size_t, struct eb_error *);
void ebpy_on_delivery(struct eb_bus *, void *);
enum eb_status ebpy_connect(struct eb_bus *, const struct eb_signal *, const char *, void *, int, struct eb_error *);
enum eb_status ebpy_send(const struct eb_signal *, const char *, size_t, const struct ebpy_origin *, char *, struct eb_error *);
enum eb_status ebpy_produce(struct eb_bus *, const struct eb_signal *, const char *, size_t, const struct ebpy_origin *,
                            const char *, const char *, int, void *, char *, struct eb_error *);
int ebpy_gate_close(int);
void ebpy_gate_open(void);

extern "Python" int ebpy_event(void *, const struct eb_event *, struct eb_error *);
extern "Python" void ebpy_delivered(void *, const struct eb_receipt *);
