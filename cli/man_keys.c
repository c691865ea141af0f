/* cli/man_keys.c - see man_keys.h. */
#include "cli/man_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/bytes.h"
#include "base/error.h"
#include "cli/describe.h"
#include "cli/out.h"
#include "cli/roff.h"
#include "config/file.h"
#include "config/settings.h"

enum { PROSE_MOST = 1 << 20 };

/* ---- Prose ------------------------------------------------------------------------------------------------------- */

struct prose {
    struct ebi_bytes text;
    size_t first; /* length of the first section */
};

static enum eb_status read_prose(const char *path, struct prose *prose, struct eb_error *err) {
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    *prose = (struct prose){ 0 };
    if (!path)
        return EB_OK;
    if (fd < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot open prose %s", path);
    enum eb_status status = ebi_file_text(path, fd, PROSE_MOST, &prose->text, err);
    if (status == EB_OK && strncmp(prose->text.data ? prose->text.data : "", ".SH ", 4) != 0)
        status = ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                           "%s does not begin with .SH: what comes first is a heading "
                           "of man(7), mostly .SH DESCRIPTION",
                           path);
    if (status != EB_OK) {
        ebi_bytes_free(&prose->text);
        return status;
    }
    const char *second = strstr(prose->text.data, "\n.SH ");
    prose->first = second ? (size_t)(second - prose->text.data) + 1 : prose->text.len;
    return EB_OK;
}

static void write_first(const struct prose *prose) {
    cli_out(prose->text.data, prose->first);
}

static void write_rest(const struct prose *prose) {
    cli_out(prose->text.data + prose->first, prose->text.len - prose->first);
}

static bool has_section(const struct prose *prose, const char *heading) {
    return prose->text.data && strstr(prose->text.data, heading);
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void write_key(const json_t *option) {
    struct ebi_bytes facts = { 0 };
    bool prefix = strcmp(text_of(option, "type"), "pairs") == 0;

    cli_outf(".TP\n");
    cli_roff_bold(text_of(option, "key"));
    if (prefix)
        cli_roff_italic("NAME");
    cli_outf("\n");
    cli_roff_text(text_of(option, "help"));
    cli_outf(".\n.br\n");
    if (cli_option_facts(option, &facts))
        cli_roff_italic(facts.data);
    cli_outf("\n");
    ebi_bytes_free(&facts);
}

/* Returns false if there is no memory. */
static bool write_table(const struct ebi_table *table) {
    for (size_t i = 0; i < table->n; i++) {
        json_t *option = cli_describe_option(&table->options[i]);
        if (!option)
            return false;
        write_key(option);
        json_decref(option);
    }
    return true;
}

/* ---- A plugin ---------------------------------------------------------------------------------------------------- */

static void write_synopsis(const json_t *plugin) {
    const json_t *option;
    size_t i;

    cli_outf(".SH SYNOPSIS\n.EX\n[broker \\fINAME\\fR]\nplugin = ");
    cli_roff_text(text_of(plugin, "name"));
    cli_outf("\n");
    json_array_foreach(json_object_get(plugin, "options"), i, option) {
        if (!json_is_true(json_object_get(option, "required")))
            continue;
        cli_roff_text(text_of(option, "key"));
        cli_outf(" = \\fI...\\fR\n");
    }
    cli_outf(".EE\n");
}

static void write_roles(const json_t *plugin) {
    const json_t *by_role = json_object_get(plugin, "traits"), *role, *trait;
    size_t i, k;

    cli_outf(".SH ROLES AND TRAITS\n");
    json_array_foreach(json_object_get(plugin, "roles"), i, role) {
        const json_t *traits = json_object_get(by_role, json_string_value(role));
        cli_outf(".SS ");
        cli_roff_text(json_string_value(role));
        cli_outf("\n");
        if (json_array_size(traits) == 0)
            cli_outf("No traits.\n");
        if (cli_traits_depend(plugin, json_string_value(role)))
            cli_outf("Some of these hold with certain settings only;\n.B eventbus config show\nsays which hold.\n");
        json_array_foreach(traits, k, trait) {
            cli_outf(".TP\n");
            cli_roff_bold(json_string_value(trait));
            cli_outf("\n");
            cli_roff_text(cli_trait_meaning(json_string_value(trait), json_string_value(role)));
            cli_outf(".\n");
        }
    }
}

static void write_plugin(const json_t *plugin, const char *page, const struct prose *prose) {
    const json_t *option;
    size_t i;

    cli_roff_title(page, "5", text_of(plugin, "summary"));
    write_synopsis(plugin);
    if (prose->text.len)
        write_first(prose);
    write_roles(plugin);
    cli_outf(".SH OPTIONS\nThe keys of a\n.B [broker\n.IB NAME ]\nsection with\n.BR \"plugin = ");
    cli_roff_text(text_of(plugin, "name"));
    cli_outf("\" .\nThose of every broker,\n.B plugin\nand\n.BR connect_timeout ,\nare told in\n");
    cli_roff_reference("eventbus.ini", "5");
    cli_outf(".\n");
    json_array_foreach(json_object_get(plugin, "options"), i, option) write_key(option);
    if (prose->text.len)
        write_rest(prose);
    if (!has_section(prose, "\n.SH SEE ALSO\n"))
        cli_outf(".SH SEE ALSO\n.BR eventbus (1),\n.BR eventbus.ini (5)\n");
}

enum eb_status cli_man_plugin(const json_t *plugin, const char *path, struct eb_error *err) {
    struct ebi_bytes page = { 0 };
    struct prose prose;
    enum eb_status status = read_prose(path, &prose, err);

    if (status != EB_OK)
        return status;
    if (ebi_bytes_add_format(&page, "eventbus-%s", text_of(plugin, "name")))
        write_plugin(plugin, page.data, &prose);
    else
        status = ebi_error_memory(err);
    ebi_bytes_free(&page);
    ebi_bytes_free(&prose.text);
    return status;
}

/* ---- The configuration ------------------------------------------------------------------------------------------- */

static bool write_sections(void) {
    static union {
        struct ebi_bus_settings bus;
        struct ebi_broker_settings broker;
        struct ebi_route_settings route;
        struct ebi_consume_settings consume;
    } unused;
    const struct {
        const char *heading, *about;
        struct ebi_table table;
        /* clang-format off */
    } sections[] = {
        {"[eventbus]", "The service as a whole. It has no name and is there once.", ebi_bus_table(&unused.bus)},
        {"[broker NAME]", "A broker, and the plugin that reaches it. The plugin's own keys stand beside these: see its page, "
         "or eventbus plugins NAME.", ebi_broker_table(&unused.broker)},
        {"[route NAME]", "Where events of one type go. A type may have several.", ebi_route_table(&unused.route)},
        {"[consume NAME]", "What one worker does: eventbus consume NAME.", ebi_consume_table(&unused.consume)},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        cli_outf(".SH \"%s\"\n", sections[i].heading); /* not in capitals, because the file has it so */
        cli_roff_paragraphs(sections[i].about);
        if (!write_table(&sections[i].table))
            return false;
    }
    return true;
}

static void write_files(void) {
    cli_outf(".SH FILES\n.TP\n");
    cli_roff_italic(ebi_config_installed);
    cli_outf("\nThe installed configuration. It has the routes that Open edX sites run, all of them off.\n");
}

static void write_references(const char *const *plugins) {
    cli_outf(".SH SEE ALSO\n.BR eventbus (1),\n.BR eventbus\\-config (1),\n.BR eventbus\\-consume (1),\n"
             ".BR eventbus\\-plugins (1)");
    for (; *plugins; plugins++) {
        cli_outf(",\n.BR eventbus\\-");
        cli_roff_text(*plugins);
        cli_outf(" (5)");
    }
    cli_outf("\n");
}

enum eb_status cli_man_configuration(const char *path, const char *const *plugins, struct eb_error *err) {
    struct prose prose;
    enum eb_status status = read_prose(path, &prose, err);

    if (status != EB_OK)
        return status;
    cli_roff_title("eventbus.ini", "5", "configuration of the Open edX event bus");
    if (prose.text.len)
        write_first(&prose);
    if (!write_sections())
        status = ebi_error_memory(err);
    if (prose.text.len)
        write_rest(&prose);
    write_files();
    write_references(plugins);
    ebi_bytes_free(&prose.text);
    return status;
}
