/* tests/fuzz/descriptor.c - what a plugin says of itself: its four tables built from bytes, given to the loader's
 * checks in place of a file's. Numbers are any; pointers lead to memory that is there, since of a file that is loaded
 * no more can be asked. A plugin that is taken has sound tables, and whatever its options are set to stays inside its
 * settings. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "plugin/describe.h"

enum { MOST_OPTIONS = 24, MOST_TABLE = 1000 * 4096, MOST_VALUES = 32 };

/* A symbol of the module: `room` bytes, no more. */
struct table {
    bool there, function;
    size_t room;
    char *bytes;
};

struct ebi_module {
    struct table plugin, producer, consumer, admin;
    char *options;
    struct ebi_bytes texts;
};

/* The linker puts this in the place of ebi_module_find. */
bool __wrap_ebi_module_find(struct ebi_module *module, const char *name, struct ebi_symbol *symbol);

bool __wrap_ebi_module_find(struct ebi_module *module, const char *name, struct ebi_symbol *symbol) {
    const struct table *table = strcmp(name, "eventbus_plugin") == 0     ? &module->plugin
                                : strcmp(name, "eventbus_producer") == 0 ? &module->producer
                                : strcmp(name, "eventbus_consumer") == 0 ? &module->consumer
                                                                         : &module->admin;

    *symbol = (struct ebi_symbol){ .address = table->bytes, .room = table->room, .function = table->function };
    return table->there;
}

/* ---- Building ---- */

/* A number that is often right, often a little wrong, and sometimes anything. */
static size_t number_near(struct fuzz_in *in, size_t right) {
    unsigned how = (unsigned)fuzz_number(in, 1);

    switch (how % 8) {
    case 0:
        return right + how / 8;
    case 1:
        return right - how / 8;
    case 2:
        return (size_t)fuzz_number(in, 8);
    case 3:
        return (size_t)fuzz_number(in, 2);
    default:
        return right;
    }
}

/* NULL, "", or a text of the input, one in a while without an end near. */
static const char *text_of(struct ebi_module *module, struct fuzz_in *in, const char *usual) {
    static char endless[5000];
    unsigned how = (unsigned)fuzz_number(in, 1);
    char *at = module->texts.data + module->texts.len;

    if (how == 0)
        return NULL;
    if (how < 128)
        return usual;
    if (how == 255)
        return memset(endless, 'x', sizeof endless - 1);
    struct eb_text text = fuzz_take(in, how - 128);
    memcpy(at, text.data, text.len);
    at[text.len] = '\0';
    module->texts.len += text.len + 1;
    return at;
}

/* So many bytes at the start of what was built, in memory of just that size. */
static void place(struct table *table, struct fuzz_in *in, const void *built, size_t size) {
    unsigned how = (unsigned)fuzz_number(in, 1);

    table->there = how % 4 != 0;
    table->function = how == 255;
    table->room = how == 1 ? fuzz_number(in, 1) % (size + 1) : size;
    table->bytes = malloc(table->room + 1);
    fuzz_promise(table->bytes != NULL, "memory");
    memcpy(table->bytes, built, table->room);
    if (how == 2)
        table->room = SIZE_MAX; /* unknown, and all of it is there */
}

static struct eb_option build_option(struct ebi_module *module, struct fuzz_in *in, size_t i) {
    static const char *const keys[] = { "url", "hosts", "native.", "password" };

    return (struct eb_option){
        .key = text_of(module, in, keys[i % 4]),
        .fallback = text_of(module, in, NULL),
        .help = text_of(module, in, "What it is for"),
        .choices = text_of(module, in, "one|two"),
        .type = (int32_t)number_near(in, 1 + i % 8),
        .flags = (uint32_t)fuzz_number(in, 1),
        .min = (int64_t)number_near(in, 0),
        .max = (int64_t)number_near(in, 0),
        .offset = number_near(in, i * sizeof(int64_t)),
    };
}

/* The table where it can be looked into; where its sizes are beyond all measure, memory of none. */
static void build_options(struct ebi_module *module, struct fuzz_in *in, struct eb_plugin *about) {
    size_t n = fuzz_number(in, 1) % MOST_OPTIONS, stride = number_near(in, sizeof(struct eb_option)), size;

    about->n_options = number_near(in, n);
    about->option_size = stride;
    if (__builtin_mul_overflow(about->n_options, stride, &size) || size > MOST_TABLE)
        size = 0;
    module->options = calloc(1, size ? size : 1);
    fuzz_promise(module->options != NULL, "memory");
    for (size_t i = 0; size && i < about->n_options; i++) {
        struct eb_option option = build_option(module, in, i);

        memcpy(module->options + i * stride, &option, stride < sizeof option ? stride : sizeof option);
    }
    about->options = fuzz_number(in, 1) == 255 ? NULL : (const struct eb_option *)(void *)module->options;
}

static int32_t judge(const void *settings, struct eb_error *err) {
    (void)settings, (void)err;
    return EB_OK;
}

static void build_plugin(struct ebi_module *module, struct fuzz_in *in) {
    struct eb_plugin about = {
        .size = number_near(in, sizeof about),
        .abi_major = (uint32_t)number_near(in, EB_ABI_MAJOR),
        .abi_minor = (uint32_t)number_near(in, EB_ABI_MINOR),
        .name = text_of(module, in, "sample"),
        .version = text_of(module, in, "1.0"),
        .summary = text_of(module, in, "A sample"),
        .settings_size = number_near(in, 8 * sizeof(int64_t)),
        .check = fuzz_number(in, 1) % 2 ? judge : NULL,
    };

    build_options(module, in, &about);
    place(&module->plugin, in, &about, sizeof about);
}

/* A role's table: its size, and ops of which some are missing. */
static void build_role(struct table *table, struct fuzz_in *in, size_t size) {
    char ops[sizeof(struct eb_admin_ops) + sizeof(struct eb_consumer_ops)];
    size_t said = number_near(in, size);
    uint64_t missing = fuzz_number(in, 2);

    memset(ops, 1, sizeof ops); /* nobody calls them here */
    memcpy(ops, &said, sizeof said);
    for (size_t i = 0; i * sizeof(void *) + 16 < size; i++)
        if (missing >> i & 1)
            memset(ops + 16 + i * sizeof(void *), 0, sizeof(void *));
    place(table, in, ops, size);
}

static void build(struct ebi_module *module, struct fuzz_in *in) {
    fuzz_promise(ebi_bytes_reserve(&module->texts, in->left * 2), "memory"); /* each text took a byte to be chosen */
    build_plugin(module, in);
    build_role(&module->producer, in, sizeof(struct eb_producer_ops));
    build_role(&module->consumer, in, sizeof(struct eb_consumer_ops));
    build_role(&module->admin, in, sizeof(struct eb_admin_ops));
}

static void destroy(struct ebi_module *module) {
    free(module->plugin.bytes);
    free(module->producer.bytes);
    free(module->consumer.bytes);
    free(module->admin.bytes);
    free(module->options);
    ebi_bytes_free(&module->texts);
}

/* ---- Using what was taken ---- */

static void show(void *arg, const struct eb_option *option, const char *key, const char *value, const char *where) {
    (void)arg, (void)key, (void)where;
    fuzz_promise(!(option->flags & EB_OPT_SECRET) || (option->flags & EB_OPT_URL) || !*value || strcmp(value, "***") == 0,
                 "shows a secret: %s", value);
}

static void bind(struct ebi_config *config, const struct eb_plugin *about) {
    struct ebi_table table = { about->options, about->n_options, about->option_size,
                               calloc(1, about->settings_size ? about->settings_size : 1) };
    struct eb_error err = { 0 };
    enum eb_status status;

    fuzz_promise(table.settings != NULL, "memory");
    status = ebi_config_bind(config, "broker", "main", &table, 1, &err);
    if (status != EB_OK)
        fuzz_refused(status, &err);
    status = ebi_config_walk(config, "broker", "main", &table, 1, show, NULL, &err);
    if (status != EB_OK)
        fuzz_refused(status, &err);
    free(table.settings);
}

/* Sets options to texts of the input, then binds them. */
static void use(const struct eb_plugin *about, struct fuzz_in *in) {
    const char *files[] = { fuzz_file("[broker main]\n", 14), NULL }, *overrides[MOST_VALUES + 1] = { 0 };
    struct ebi_bytes values[MOST_VALUES] = { 0 };
    struct ebi_config *config = NULL;
    struct eb_error err = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < about->n_options && n < MOST_VALUES && in->left > 0; i++) {
        struct eb_text value = fuzz_take(in, fuzz_number(in, 1) % 64);

        fuzz_promise(ebi_bytes_add_format(&values[n], "broker.main.%s%s=%.*s", about->options[i].key,
                                          about->options[i].type == EB_OPT_PAIRS ? "x" : "", (int)value.len,
                                          value.data ? value.data : ""),
                     "memory");
        overrides[n] = values[n].data;
        n++;
    }
    enum eb_status status = ebi_config_load(files, overrides, &config, &err);
    if (status != EB_OK)
        fuzz_refused(status, &err);
    else
        bind(config, about);
    ebi_config_free(config);
    while (n > 0)
        ebi_bytes_free(&values[--n]);
}

static void check_taken(const struct ebi_plugin *plugin) {
    const struct eb_plugin *about = &plugin->about;

    fuzz_promise(about->abi_major == EB_ABI_MAJOR, "another major");
    fuzz_promise(about->name && about->version && about->summary, "no name, version or summary");
    fuzz_promise(about->option_size == sizeof(struct eb_option), "another stride than ours");
    fuzz_promise(plugin->producer || plugin->consumer || plugin->admin, "no role");
    fuzz_promise(!plugin->producer || (plugin->producer->open && plugin->producer->submit && plugin->producer->poll &&
                                       plugin->producer->wake && plugin->producer->close),
                 "a producer lacks an op");
    fuzz_promise(!plugin->consumer || (plugin->consumer->open && plugin->consumer->receive && plugin->consumer->settle &&
                                       plugin->consumer->wake && plugin->consumer->close),
                 "a consumer lacks an op");
    fuzz_promise(!plugin->admin || (plugin->admin->open && plugin->admin->close), "an admin lacks an op");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    struct ebi_module module = { 0 };
    struct ebi_plugin plugin = { 0 };
    struct eb_error err = { 0 };
    enum eb_status status;

    build(&module, &in);
    status = ebi_describe(&module, "/fuzz.so", &plugin, &err);
    if (status == EB_OK) {
        check_taken(&plugin);
        use(&plugin.about, &in);
        ebi_describe_free(&plugin);
    } else {
        fuzz_refused(status, &err);
        fuzz_promise(!plugin.about.options && !plugin.producer && !plugin.consumer && !plugin.admin, "refused, yet kept");
    }
    destroy(&module);
    return 0;
}
