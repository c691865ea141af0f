/* tests/unit/plugin/test_trust.c - whose files may be loaded. The owners and groups of others need root to be made. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "folder.h"
#include "plugin/plugins.h"

enum { NOBODY = 65534, DAEMON_GROUP = 1 };

/* BASE/inner/picky.so, a copy of a good plugin, all of it ours. */
struct place {
    char *base, *inner, *file;
};

static struct place place_new(void) {
    struct place place;
    char *good = built("tests/plugins", "picky");

    place.base = folder_new();
    place.inner = join(place.base, "inner");
    place.file = join(place.inner, "picky.so");
    cr_assert_eq(mkdir(place.inner, 0755), 0);
    cr_assert_eq(chmod(place.inner, 0755), 0);
    copy_file(good, place.file, SIZE_MAX);
    cr_assert_eq(chmod(place.file, 0644), 0);
    free(good);
    return place;
}

static void place_free(struct place *place) {
    folder_free(place->base);
    free(place->inner);
    free(place->file);
}

static const struct {
    const char *what;
    char which; /* of the place: b, i, f */
    mode_t mode;
    uid_t owner;
    gid_t group;      /* 0: as it is */
    const char *says; /* NULL: trusted */
} cases[] = {
    { "as it comes", 'f', 0644, 0, 0, NULL },
    { "a file that everybody may write", 'f', 0666, 0, 0, "everybody may write file" },
    { "its folder that everybody may write", 'i', 0777, 0, 0, "everybody may write folder" },
    { "a folder further up that everybody may write", 'b', 0777, 0, 0, "everybody may write folder" },
    { "a sticky folder that everybody may write", 'i', 01777, 0, 0, NULL },
    { "a sticky bit on a file that everybody may write", 'f', 01666, 0, 0, "everybody may write file" },
    { "a file of another user", 'f', 0644, NOBODY, 0, "belongs to user nobody, neither root nor" },
    { "a folder of another user", 'i', 0755, NOBODY, 0, "belongs to user nobody, neither root nor" },
    { "a sticky folder of another user", 'i', 01755, NOBODY, 0, "belongs to user nobody" },
    { "a file that a group of others may write", 'f', 0664, 0, DAEMON_GROUP, "group daemon may write file" },
    { "a folder that a group of others may write", 'i', 0775, 0, DAEMON_GROUP, "group daemon may write folder" },
    { "a sticky folder that a group of others may write", 'i', 01775, 0, DAEMON_GROUP, NULL },
    { "a group that has no name", 'f', 0664, 0, 54321, "group 54321 may write file" },
    { "a group of others that may only read", 'f', 0644, 0, DAEMON_GROUP, NULL },
};

Test(trust, others_must_not_be_able_to_write_the_file_or_any_folder_above_it) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place place = place_new();
        const char *changed = cases[i].which == 'b' ? place.base : cases[i].which == 'i' ? place.inner : place.file;
        struct eb_error err = { 0 };

        if ((cases[i].owner || cases[i].group) && geteuid() != 0)
            continue;
        if (cases[i].owner || cases[i].group)
            cr_assert_eq(chown(changed, cases[i].owner, cases[i].group), 0);
        cr_assert_eq(chmod(changed, cases[i].mode), 0);
        enum eb_status status = ebi_plugin_trusted(place.file, &err);
        cr_assert_eq(status, cases[i].says ? EB_PERMANENT : EB_OK, "%s: %s", cases[i].what, err.text);
        if (cases[i].says) {
            cr_assert_eq(err.kind, EB_KIND_PLUGIN);
            cr_assert(strstr(err.text, place.file) && strstr(err.text, changed) && strstr(err.text, cases[i].says) &&
                          strstr(err.text, "plugin_trust = any"),
                      "%s: %s", cases[i].what, err.text);
        }
        place_free(&place);
    }
}

Test(trust, the_group_of_root_alone_may_write) {
    struct place place = place_new();

    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(chown(place.file, 0, 0), 0);
    cr_assert_eq(chmod(place.file, 0664), 0);
    cr_assert_eq(ebi_plugin_trusted(place.file, NULL), EB_OK);
    place_free(&place);
}

/* The running user is another one than root: its own things are trusted, and root's, and no third one's. */
Test(trust, root_and_the_running_user_are_trusted) {
    struct place place = place_new();

    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(chmod(place.base, 0755), 0);
    cr_assert_eq(chmod(place.file, 0664), 0);
    cr_assert_eq(seteuid(NOBODY), 0);
    cr_assert_eq(ebi_plugin_trusted(place.file, NULL), EB_OK, "root's, and its group's, in which there is nobody else");
    cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chown(place.file, NOBODY, 0), 0);
    cr_assert_eq(seteuid(NOBODY), 0);
    cr_assert_eq(ebi_plugin_trusted(place.file, NULL), EB_OK, "its own");
    cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chown(place.file, 1, 0), 0);
    cr_assert_eq(seteuid(NOBODY), 0);
    cr_assert_eq(ebi_plugin_trusted(place.file, NULL), EB_PERMANENT, "a third one's");
    cr_assert_eq(seteuid(0), 0);
    place_free(&place);
}

/* user::rw- user:1:rw- group::r-- mask::rw- other::r--, as the kernel keeps it. */
static const uint8_t access_list[] = { 2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  6,
                                       0, 1, 0,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
                                       6, 0, 255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255 };

Test(trust, an_access_list_that_lets_others_write_is_seen) {
    struct place place = place_new();
    struct eb_error err = { 0 };

    if (setxattr(place.file, "system.posix_acl_access", access_list, sizeof access_list, 0) != 0)
        cr_skip_test("no access lists here: %s", strerror(errno));
    cr_assert_eq(ebi_plugin_trusted(place.file, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "an access list lets others write file"), "%s", err.text);
    place_free(&place);
}

Test(trust, a_link_leads_to_the_place_that_counts) {
    struct place place = place_new();
    char *link = join(place.base, "picky.so");
    const struct ebi_plugin *plugin = NULL;
    struct eb_error err = { 0 };

    cr_assert_eq(symlink(place.file, link), 0);
    cr_assert_eq(chmod(place.inner, 0777), 0);
    cr_assert_eq(ebi_plugin_load(place.base, "picky", EBI_TRUST_OWNER, &plugin, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, place.inner) && strstr(err.text, "everybody may write folder"), "%s", err.text);
    cr_assert(!plugin);
    cr_assert_eq(ebi_plugin_load(place.base, "picky", EBI_TRUST_ANY, &plugin, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_plugin_load(place.base, "picky", EBI_TRUST_OWNER, &plugin, &err), EB_PERMANENT,
                 "loaded before, it is no more trusted than it was");
    cr_assert_eq(chmod(place.inner, 0755), 0);
    cr_assert_eq(ebi_plugin_load(place.base, "picky", EBI_TRUST_OWNER, &plugin, &err), EB_OK, "%s", err.text);
    place_free(&place);
    free(link);
}
