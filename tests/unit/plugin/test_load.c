/* tests/unit/plugin/test_load.c - what is loaded, what is refused, and what each refusal says. */
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <eventbus/version.h>
#include "plugin/describe.h"
#include "plugin/find.h"
#include "plugin/plugins.h"
#include "folder.h"

TestSuite(load, .timeout = 60);

/* Refused as a plugin, with all these in the text; the text names the file. */
static void expect_refused(const char *path, const char *name, const char *const *parts, const char *what) {
    const struct ebi_plugin *plugin = NULL;
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_plugin_load(path, name, EBI_TRUST_ANY, &plugin, &err), EB_PERMANENT, "%s was loaded", what);
    cr_assert_eq(err.status, EB_PERMANENT);
    cr_assert_eq(err.kind, EB_KIND_PLUGIN, "%s: kind %d", what, err.kind);
    cr_assert(!plugin);
    for (; *parts; parts++)
        cr_assert(strstr(err.text, *parts), "%s: \"%s\" is not in: %s", what, *parts, err.text);
}

#define REFUSED(path, name, ...) expect_refused(path, name, (const char *const[]){ __VA_ARGS__, NULL }, name)

static const struct {
    const char *name, *says;
} broken[] = {
    { "major_2", "is built for ABI 2.0; eventbus " EB_VERSION " supports 1.0 and every other 1.x: use a newer eventbus" },
    { "major_0", "is built for ABI 0.0; eventbus " EB_VERSION " supports 1.0 and every other 1.x: build it again" },
    { "size_0", "gives its size as 0 bytes; set it to sizeof(struct eb_plugin)" },
    { "size_huge", "gives its size as 1099511627776 bytes" },
    { "size_short", "has an eventbus_plugin of 40 bytes; in ABI 1.0 it has at least 72" },
    { "tiny", "has an eventbus_plugin of 4 bytes, which is not a struct eb_plugin; build it with" },
    { "function", "exports eventbus_plugin as a function" },
    { "no_plugin", "is a shared object, but no plugin of the event bus: it exports no eventbus_plugin; remove it" },
    { "undefined", "cannot be loaded: undefined symbol: nobody_defines_this; link it with" },
    { "no_name", "has no name; set name" },
    { "bad_name", "has a name that no plugin may have; set name of eventbus_plugin to at most 63 letters, digits" },
    { "other_name", "calls itself sqlite; name its file sqlite.so" },
    { "no_version", "has no version" },
    { "long_summary", "has no summary, or one that is not a line" },
    { "no_role", "has no role: it exports none of eventbus_producer, eventbus_consumer and eventbus_admin" },
    { "no_submit", "has no submit in its producer role" },
    { "no_settle", "has no settle in its consumer role" },
    { "no_close", "has no close in its admin role, which cannot do without: set it in eventbus_admin" },
    { "ops_function", "exports an eventbus_consumer that is not a table of ops" },
    { "delay_order", "claims EB_T_DELAY_ORDER for its consumer without EB_T_DELAY: claim both or neither" },
    { "library",
      "cannot be loaded: libabsent.so: cannot open shared object file: No such file or directory; install that library" },
    { "newer", "version `NEWER_9' not found" },
    { "newer", "; it was built on a newer system, build it on this one" },
    { "program", "cannot be loaded: cannot dynamically load position-independent executable; it is a program" },
    { "ops_size", "has an eventbus_producer that gives its size as 1099511627776 bytes" },
    { "ops_short", "has no wake in its producer role" },
    { "option_place", "has a wrong option \"number\": its offset, 8 of 8 bytes, lies outside of the settings" },
    { "option_overflow", "has a wrong option \"text\": its offset, 18446744073709551608 of 16 bytes, lies outside" },
    { "option_odd",
      "has a wrong option \"text\": its offset, 4 of 16 bytes, lies outside of the settings or is no multiple of 8" },
    { "option_type", "has a wrong option \"text\": it is of type 99, which ABI 1.0 does not have" },
    { "option_default", "has a wrong option \"number\": it does not take its own default: \"10\" is out of range: 1 to 9" },
    { "option_default_choice",
      "has a wrong option \"way\": it does not take its own default: \"sure\" is not one of fast|safe" },
    { "option_required", "has a wrong option \"text\": it is required and has a default; leave out one of them" },
    { "option_shared", "has the options \"text\" and \"other\" at one place of its settings; give each an offset of its own" },
    { "option_long", "has a wrong option \"way\": its choices are longer than 255 bytes together; shorten them" },
    { "option_key", "has a wrong option, number 1: it has no key" },
    { "option_twice", "has the option \"text\" twice; rename one" },
    { "option_choices", "has a wrong option \"way\": it has no choices; name them" },
    { "option_pairs", "has a wrong option \"native\": it takes pairs, so that its key is a prefix; end it with a dot" },
    { "option_range", "has a wrong option \"number\": its min, 9, is above its max, 1" },
    { "option_help", "has a wrong option \"text\": it has no help" },
    { "option_size", "gives the size of an option as 0 bytes; set option_size" },
    { "option_table", "says that it has 2 options, but has no table of them: set options" },
    { "options_many", "says that it has 4294967296 options; at most 1000 are read: set n_options" },
    { "settings_huge", "wants 1099511627776 bytes for its settings; at most 1048576 are given: set settings_size" },
};

Test(load, each_broken_plugin_is_refused_in_its_own_way) {
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char *file = built("tests/plugins/broken", broken[i].name);

        expect_refused("", file, (const char *const[]){ file, broken[i].says, NULL }, broken[i].name);
        expect_refused("", file, (const char *const[]){ file, broken[i].says, NULL }, "the same once more");
        free(file);
    }
}

Test(load, nothing_runs_of_a_plugin_that_lacks_a_symbol) {
    char *file = built("tests/plugins/broken", "undefined");

    REFUSED("", file, "nobody_defines_this");
    cr_assert(!getenv("EVENTBUS_TEST_UNDEFINED_RAN"));
    free(file);
}

/* libltdl belongs to the whole process: a module that is open keeps the stock loader in its list. */
Test(load, a_program_may_use_libltdl_too) {
    char *undefined = built("tests/plugins/broken", "undefined"), *future = built("tests/plugins", "future");
    const struct ebi_plugin *plugin;

    cr_assert_eq(lt_dlinit(), 0);
    lt_dlhandle own = lt_dlopen(future);
    cr_assert(own);
    REFUSED("", undefined, "cannot be loaded: undefined symbol: nobody_defines_this");
    cr_assert_eq(ebi_plugin_load("", future, EBI_TRUST_ANY, &plugin, NULL), EB_OK, "the program's own module");
    cr_assert(lt_dlsym(own, "eventbus_plugin"));
    cr_assert_eq(lt_dlclose(own), 0);
    cr_assert_str_eq(plugin->about.name, "future");
    free(undefined);
    free(future);
}

Test(load, the_table_knows_all_that_are_broken) {
    char *folder = built("tests/plugins/broken", NULL);
    size_t n = count_files(folder, ".so"), known = 0;

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        known += i == 0 || strcmp(broken[i].name, broken[i - 1].name) != 0;
    cr_assert_eq(n, known, "%zu files", n);
    free(folder);
}

/* ---- What is no plugin file ---- */

Test(load, a_truncated_copy_is_refused_wherever_it_ends) {
    char *good = built("tests/plugins", "picky"), *folder = folder_new(), *cut = join(folder, "picky.so");
    size_t size = file_size(good);

    for (size_t keep = 1; keep < size; keep += keep < 200 ? 13 : size / 23) {
        copy_file(good, cut, keep);
        REFUSED("", cut, cut, keep < 4 ? "" : "is truncated");
    }
    copy_file(good, cut, size - 1);
    REFUSED("", cut, "is truncated: it has", "install it again");
    copy_file(good, cut, 0);
    REFUSED("", cut, "is empty");
    folder_free(folder);
    free(good);
    free(cut);
}

/* Without a section table, which stands at the end, only the segments tell where the file should end. */
Test(load, a_truncated_copy_without_sections_is_refused_too) {
    char *good = built("tests/plugins", "picky"), *folder = folder_new(), *cut = join(folder, "picky.so");
    ElfW(Ehdr) header;

    copy_file(good, cut, file_size(good) / 2);
    int fd = open(cut, O_RDWR);
    cr_assert_eq(pread(fd, &header, sizeof header, 0), (ssize_t)sizeof header);
    header.e_shoff = header.e_shnum = 0;
    cr_assert_eq(pwrite(fd, &header, sizeof header, 0), (ssize_t)sizeof header);
    close(fd);
    REFUSED("", cut, cut, "is truncated");
    folder_free(folder);
    free(good);
    free(cut);
}

Test(load, what_is_not_a_shared_object_is_said_to_be_what_it_is) {
    char *folder = folder_new(), *text = join(folder, "text.so"), *la = join(folder, "plugin.la"),
         *inner = join(folder, "folder.so"), *fifo = join(folder, "fifo.so"), *dangling = join(folder, "dangling.so"),
         *loop = join(folder, "loop.so"), *listening = join(folder, "listening.so");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", listening);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    write_file(text, "# not a program\n");
    write_file(la, "# plugin.la - a libtool library file\n");
    cr_assert_eq(mkdir(inner, 0755), 0);
    cr_assert_eq(mkfifo(fifo, 0644), 0);
    cr_assert_eq(symlink("nowhere.so", dangling), 0);
    cr_assert_eq(symlink("loop.so", loop), 0);
    REFUSED("", text, text, "is not a shared object: it is not an ELF file");
    REFUSED("", la, la, "is a libtool description; name the .so beside it");
    REFUSED("", inner, inner, "is a folder");
    REFUSED("", fifo, fifo, "is a named pipe, not a regular file; remove it");
    REFUSED("", listening, listening, "is a socket, not a regular file; remove it");
    REFUSED("", "/dev/null", "/dev/null is a device, not a regular file; remove it");
    REFUSED("", dangling, dangling, "cannot be found: it is a link to nowhere.so, which does not exist; remove the link");
    REFUSED("", loop, loop, "cannot be found: Too many levels of symbolic links");
    REFUSED("", "/no/such/file.so", "/no/such/file.so cannot be found: No such file or directory");
    REFUSED("", "build/x.so", "\"build/x.so\" is neither a plugin's name nor the whole path of a file");
    REFUSED("", "", "\"\" is neither");
    unlink(loop);
    unlink(dangling);
    folder_free(folder);
    free(text);
    free(la);
    free(inner);
    free(fifo);
    free(dangling);
    free(loop);
    free(listening);
}

/* Another machine's, another class's, an object file: the header alone decides, so a changed copy will do. */
Test(load, what_is_for_another_machine_says_which) {
    static const struct {
        off_t offset;
        const char *bytes;
        size_t n;
        const char *says;
    } changes[] = {
        { 18, "\xb7\x00", 2, "it is aarch64, 64 bits, this program is" },
        { 18, "\xe7\x03", 2, "it is machine 999, 64 bits" },
        { 4, "\x01", 1, "32 bits, this program is" },
        { 5, "\x02", 1, "the other byte order" },
        { 16, "\x01\x00", 2, "is an ELF file, but not a shared object" },
    };
    char *good = built("tests/plugins", "picky"), *folder = folder_new(), *changed = join(folder, "picky.so");

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        copy_file(good, changed, SIZE_MAX);
        int fd = open(changed, O_WRONLY);
        cr_assert_eq(pwrite(fd, changes[i].bytes, changes[i].n, changes[i].offset), (ssize_t)changes[i].n);
        close(fd);
        REFUSED("", changed, changed, changes[i].says);
    }
    folder_free(folder);
    free(good);
    free(changed);
}

Test(load, one_that_may_not_be_read_says_so) {
    char *good = built("tests/plugins", "picky"), *folder = folder_new(), *secret = join(folder, "picky.so");

    copy_file(good, secret, SIZE_MAX);
    cr_assert_eq(chmod(folder, 0755), 0);
    cr_assert_eq(chmod(secret, 0), 0);
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    REFUSED("", secret, secret, "cannot be read: Permission denied; let the user who runs this read it");
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chmod(folder, getuid() == 0 ? 0700 : 0), 0);
    if (getuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    REFUSED(folder, "picky", secret, "cannot be found: Permission denied");
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chmod(folder, 0700), 0);
    folder_free(folder);
    free(good);
    free(secret);
}

/* ---- Names and folders ---- */

Test(load, a_name_that_is_nowhere_tells_where_it_was_searched_for_and_what_there_is) {
    char *plugins = built("tests/plugins", NULL), *path = NULL;

    cr_assert_gt(asprintf(&path, "/no/such/folder::%s", plugins), 0);
    REFUSED(path, "pickey", "there is no plugin pickey (did you mean picky?): no pickey.so in plugin_path ", plugins,
            "/no/such/folder (no such folder)", "; there are borrower, future, past, picky");
    REFUSED(path, "rabbitmq", "there is no plugin rabbitmq: no rabbitmq.so");
    REFUSED("", "sqlite", "there is no plugin at all");
    free(path);
    free(plugins);
}

Test(load, the_first_folder_that_has_the_name_wins_even_if_it_is_broken) {
    char *plugins = built("tests/plugins", NULL), *folder = folder_new(), *first = join(folder, "picky.so"), *path = NULL;
    const struct ebi_plugin *plugin;

    cr_assert_gt(asprintf(&path, "%s:%s", folder, plugins), 0);
    cr_assert_eq(ebi_plugin_load(path, "picky", EBI_TRUST_ANY, &plugin, NULL), EB_OK);
    write_file(first, "broken");
    REFUSED(path, "picky", first, "is not a shared object");
    folder_free(folder);
    free(plugins);
    free(first);
    free(path);
}

Test(load, a_link_is_followed_and_is_the_same_plugin) {
    char *good = built("tests/plugins", "picky"), *folder = folder_new(), *link = join(folder, "picky.so"),
         *alias = join(folder, "alias.so");
    const struct ebi_plugin *direct, *linked;

    cr_assert_eq(symlink(good, link), 0);
    cr_assert_eq(symlink(good, alias), 0);
    cr_assert_eq(ebi_plugin_load("", good, EBI_TRUST_ANY, &direct, NULL), EB_OK);
    cr_assert_eq(ebi_plugin_load(folder, "picky", EBI_TRUST_ANY, &linked, NULL), EB_OK);
    cr_assert_eq(direct, linked);
    REFUSED(folder, "alias", alias, "calls itself picky; name its file picky.so");
    folder_free(folder);
    free(good);
    free(link);
    free(alias);
}

Test(load, a_file_that_was_mended_loads_in_the_same_process) {
    char *good = built("tests/plugins", "picky"), *bad = built("tests/plugins/broken", "no_role"), *folder = folder_new(),
         *file = join(folder, "picky.so");
    const struct ebi_plugin *plugin;

    copy_file(bad, file, SIZE_MAX);
    REFUSED("", file, "has no role");
    cr_assert_eq(unlink(file), 0);
    copy_file(good, file, SIZE_MAX);
    cr_assert_eq(ebi_plugin_load("", file, EBI_TRUST_ANY, &plugin, NULL), EB_OK);
    cr_assert_str_eq(plugin->about.name, "picky");
    folder_free(folder);
    free(good);
    free(bad);
    free(file);
}

static void tell(void *arg, const char *name, const char *file, bool shadowed) {
    char *text = arg;

    cr_assert(*file == '/');
    sprintf(text + strlen(text), "%s%s ", name, shadowed ? "(shadowed)" : "");
}

Test(load, a_walk_tells_all_files_by_name_and_which_are_shadowed) {
    char *folder = folder_new(), *plugins = built("tests/plugins", NULL), *path = NULL, text[256] = "";
    static const char *const files[] = { "picky.so", "zebra.so", ".hidden.so", ".so", "note.txt", "aardvark.so" };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *file = join(folder, files[i]);
        write_file(file, "");
        free(file);
    }
    cr_assert_gt(asprintf(&path, "%s:/no/such/folder:%s", plugins, folder), 0);
    cr_assert_eq(ebi_plugin_walk(path, tell, text), EB_OK);
    cr_assert_str_eq(text, "aardvark borrower future past picky picky(shadowed) zebra ");
    folder_free(folder);
    free(plugins);
    free(path);
}

/* ---- What is loaded ---- */

static const struct ebi_plugin *load(const char *folder, const char *name) {
    char *file = built(folder, name);
    const struct ebi_plugin *plugin = NULL;
    struct eb_error err = { 0 };

    cr_assert_eq(ebi_plugin_load("", file, EBI_TRUST_ANY, &plugin, &err), EB_OK, "%s", err.text);
    cr_assert_str_eq(plugin->file, file);
    free(file);
    return plugin;
}

Test(load, roles_are_there_when_their_symbols_are) {
    const struct ebi_plugin *picky = load("tests/plugins", "picky"), *past = load("tests/plugins", "past"),
                            *borrower = load("tests/plugins", "borrower");

    cr_assert(picky->producer && picky->consumer && !picky->admin);
    cr_assert(!past->producer && !past->consumer && past->admin);
    cr_assert(borrower->producer && !borrower->admin, "a library's role is not the plugin's");
    cr_assert_eq(picky->producer->traits, EB_T_ORDER);
    cr_assert(!picky->consumer->pause);
    cr_assert(!past->admin->browse);
}

Test(load, a_plugin_from_the_future_loads_with_what_is_known_of_it) {
    const struct ebi_plugin *plugin = load("tests/plugins", "future");

    cr_assert_eq(plugin->about.abi_minor, 7);
    cr_assert_eq(plugin->about.n_options, 3);
    cr_assert_eq(plugin->about.option_size, sizeof(struct eb_option));
    cr_assert_str_eq(plugin->about.options[1].key, "number");
    cr_assert_str_eq(plugin->about.options[1].fallback, "7");
    cr_assert_str_eq(plugin->about.options[2].key, "colour");
    cr_assert(!plugin->about.check);
    cr_assert(plugin->producer && plugin->producer->close);
}

Test(load, a_plugin_from_the_past_has_nothing_where_it_ended) {
    const struct ebi_plugin *plugin = load("tests/plugins", "past");

    cr_assert(!plugin->about.check, "what lies behind the struct was taken for a part of it");
    cr_assert_str_eq(plugin->about.options[1].key, "number");
}

Test(load, a_shorter_struct_is_zero_at_its_end_and_a_longer_one_is_cut) {
    const char from[8] = "abcdefgh";
    char to[6];

    ebi_copy_sized(to, sizeof to, from, 3);
    cr_assert_eq(memcmp(to, "abc\0\0\0", 6), 0);
    ebi_copy_sized(to, sizeof to, from, 8);
    cr_assert_eq(memcmp(to, "abcdef", 6), 0);
}

static void *load_often(void *arg) {
    const struct ebi_plugin *first = NULL, *plugin;

    for (int i = 0; i < 250; i++) {
        if (ebi_plugin_load(arg, i % 2 ? "picky" : "future", EBI_TRUST_ANY, &plugin, NULL) != EB_OK)
            return NULL;
        if (i % 2 && first && plugin != first)
            return NULL;
        first = i % 2 ? plugin : first;
    }
    return (void *)first;
}

Test(load, a_thousand_loads_from_four_threads_are_one_plugin) {
    char *path = built("tests/plugins", NULL);
    pthread_t threads[4];
    void *plugins[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, load_often, path);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], &plugins[i]);
    cr_assert(plugins[0]);
    for (int i = 1; i < 4; i++)
        cr_assert_eq(plugins[i], plugins[0]);
    free(path);
}
