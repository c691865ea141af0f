"""tests/abi/test_headers.py - a plugin that was built with a frozen eventbus/plugin.h finds the same in today's."""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "process"))
sys.path.insert(0, HERE)
from harness import TOP, main, test                         # noqa: E402
from headers import Header, compare, ends_in_padding, frozen_versions  # noqa: E402

TODAY = Header(os.path.join(TOP, "include"))

# A header as small as can be that has each kind of thing.
SMALL = {
    "error.h": """#include <stdint.h>
/* FROZEN */
struct eb_error {
    int32_t status, kind;
};
""",
    "plugin.h": """/* eventbus/plugin.h - made up.
 * CHANGES    1.0  the first version. */
#include <stddef.h>
#include <eventbus/error.h>
#define EB_ABI_MAJOR 1u
#define EB_ABI_MINOR 0u
/* FROZEN. Text. */
struct eb_text {
    const char *data;
    size_t len;
};
struct eb_message {
    size_t size;
    int64_t time_ms;
    struct eb_text key;
    const struct eb_text *headers;
};
enum eb_verdict_kind { EB_ACK = 1, EB_RETRY = 2 };
struct eb_ops {
    size_t size;
    int32_t (*settle)(void *self, const struct eb_message *, size_t n);
};
struct eb_option {
    const char *key;
    size_t offset;
};
extern const struct eb_ops eventbus_ops;
""",
}

# What is changed in it, and what is said: with the struct and the field.
MISTAKES = [
    ("a field moved", "int64_t time_ms;\n    struct eb_text key;", "struct eb_text key;\n    int64_t time_ms;",
     "struct eb_message: 'int64_t time_ms' offset changed from 64 to 192"),
    ("a field removed", "    struct eb_text key;\n", "", "struct eb_message has lost: 'eb_text key', at offset 128"),
    ("a field retyped", "int64_t time_ms;", "uint64_t time_ms;",
     "struct eb_message: type 'typedef int64_t' of 'eb_message::time_ms' changed"),
    ("a field renamed", "int64_t time_ms;", "int64_t sent_ms;", "struct eb_message: name of 'eb_message::time_ms' changed to"),
    ("a field inserted", "int64_t time_ms;", "int64_t time_ms, more;",
     "struct eb_message has in its middle: 'int64_t more', at offset 128"),
    ("another alignment", "struct eb_text *headers;\n}", "struct eb_text *headers;\n} __attribute__((aligned(64)))",
     "struct eb_message: type size changed from 320 to 512"),
    ("another argument", "size_t n);", "size_t n, int32_t how);", "of 'eb_ops::settle' changed:"),
    ("another value", "EB_RETRY = 2", "EB_RETRY = 3",
     "enum eb_verdict_kind: 'eb_verdict_kind::EB_RETRY' from value '2' to '3'"),
    ("a value removed", ", EB_RETRY = 2", "", "enum eb_verdict_kind has lost: 'eb_verdict_kind::EB_RETRY' value '2'"),
    ("a FROZEN struct grown", "size_t len;\n", "size_t len, room;\n",
     "struct eb_text is FROZEN, yet has grown: 'size_t room', at offset 128"),
    ("another FROZEN struct grown", "int32_t status, kind;", "int32_t status, kind, more;",
     "struct eb_error is FROZEN, yet has grown: 'int32_t more', at offset 64"),
    ("a struct that is gone", "struct eb_option {", "struct eb_options {", "struct eb_option is gone"),
    ("an enum that is gone", "enum eb_verdict_kind {", "enum eb_verdict {", "enum eb_verdict_kind is gone"),
    ("a symbol that is gone", " eventbus_ops;", " eventbus_operations;", "the symbol eventbus_ops is gone"),
    ("another major version", "EB_ABI_MAJOR 1u", "EB_ABI_MAJOR 2u", "EB_ABI_MAJOR is 2, not 1"),
]
GROWTH = [
    ("a field at the end", "const struct eb_text *headers;", "const struct eb_text *headers;\n    int64_t more;",
     "struct eb_message: 'int64_t more', at offset 320 (in bits)"),
    ("an op at the end", "size_t n);", "size_t n);\n    void (*pause)(void *self);",
     "struct eb_ops: 'void (void*)* pause', at offset 128 (in bits)"),
    ("a field of an option", "size_t offset;", "size_t offset;\n    const char *example;",
     "struct eb_option: 'const char* example', at offset 128 (in bits)"),
    ("a value of an enum", "EB_RETRY = 2", "EB_RETRY = 2, EB_RETURN = 3",
     "enum eb_verdict_kind: 'eb_verdict_kind::EB_RETURN' value '3'"),
]
RULE = "see \"The plugin ABI\" in CONTRIBUTING.md"


def needs_abidiff(t):
    if not shutil.which("abidiff"):
        t.skip("abidiff is missing; on Debian: apt-get install abigail-tools")


def made_up(t, folder, old="", new=""):
    """The small header with a text replaced, below the test's folder."""
    found = [name for name, text in SMALL.items() if old in text]
    t.check(found, f"{old!r} is not in the made-up header")
    for name, text in SMALL.items():
        t.write(f"{folder}/eventbus/{name}", text.replace(old, new) if old else text)
    return Header(t.path(folder))


@test
def todays_header_keeps_what_each_frozen_version_has(t):
    needs_abidiff(t)
    versions = frozen_versions()
    t.check(versions, "nothing is frozen: tests/abi has no folder 1.0")
    for frozen in versions:
        name = "%d.%d" % frozen.version
        t.equal(os.path.basename(frozen.folder), name, "the folder's name and the version in its header")
        mistakes, growth = compare(frozen, TODAY)
        t.equal(mistakes, [], f"plugins built for ABI {name} would break, {RULE}: the mistakes")
        if frozen.version == TODAY.version:
            t.equal(growth, [], f"what is appended to ABI {name} needs a higher EB_ABI_MINOR, {RULE}: what was appended")


@test
def todays_header_is_the_newest_version_and_says_what_changed(t):
    frozen = max(header.version for header in frozen_versions())
    t.check(TODAY.version >= frozen, "include/eventbus/plugin.h is ABI %d.%d, but %d.%d is frozen" % (*TODAY.version, *frozen))
    t.equal(TODAY.change_lines(), ["%d.%d" % (TODAY.version[0], minor) for minor in range(TODAY.version[1] + 1)],
            "the versions in CHANGES of include/eventbus/plugin.h")


@test
def each_frozen_version_is_in_the_archive(t):
    with open(os.path.join(HERE, "Makefile.am"), encoding="utf-8") as file:
        listed = re.search(r"^abi_versions = (.*)$", file.read(), re.MULTILINE).group(1).split()
    t.equal(listed, [os.path.basename(header.folder) for header in frozen_versions()], "abi_versions in tests/abi/Makefile.am")


@test
def each_struct_says_how_it_may_change(t):
    for header in (TODAY, *frozen_versions()):
        t.check(len(header.structs) >= 15, f"only these structs were found in {header.folder}: {header.structs}")
        t.equal(sorted(header.growing & header.said_frozen), [], "structs with a size that are FROZEN")
        t.equal(sorted(set(header.structs) - header.growing - header.said_frozen - {"eb_error"}), [],
                "structs that neither begin with their size nor are FROZEN")
        t.equal(ends_in_padding(header), [], "structs that end in padding")


@test
def what_breaks_a_plugin_is_found_and_named(t):
    needs_abidiff(t)
    old = made_up(t, "old")
    for number, (what, before, after, says) in enumerate(MISTAKES):
        mistakes, growth = compare(old, made_up(t, f"new{number}", before, after))
        t.check(any(says in line for line in mistakes), f"{what}: expected {says!r} in {mistakes}, growth {growth}")


@test
def what_is_appended_is_allowed_and_named(t):
    needs_abidiff(t)
    old = made_up(t, "old")
    t.equal(compare(old, old), ([], []), "a header and itself")
    for number, (what, before, after, says) in enumerate(GROWTH):
        t.equal(compare(old, made_up(t, f"new{number}", before, after)), ([], [says]), what)


@test
def a_field_that_would_hide_in_padding_is_found(t):
    t.equal(ends_in_padding(made_up(t, "right")), [])
    inside = made_up(t, "inside", "int64_t time_ms;", "int64_t time_ms;\n    int32_t kind;")
    t.equal(ends_in_padding(inside), [], "padding inside of a struct is not at its end")
    end = made_up(t, "end", "const struct eb_text *headers;", "const struct eb_text *headers;\n    int32_t n;")
    t.check(ends_in_padding(end), "a struct that ends in padding was not found")


def freeze(t, *words, status=0):
    """Runs the copy of freeze in the test's own tree."""
    ran = subprocess.run([sys.executable, t.path("tree/tests/abi/freeze"), *words], capture_output=True, text=True, check=False)
    t.equal(ran.returncode, status, f"the exit status of freeze; it says {ran.stdout}{ran.stderr}: they")
    return ran.stdout + ran.stderr


@test
def freeze_copies_the_header_and_replaces_no_other(t):
    for name in ("freeze", "headers.py"):
        with open(os.path.join(HERE, name), encoding="utf-8") as file:
            t.write(f"tree/tests/abi/{name}", file.read())
    made_up(t, "tree/include")
    t.contains(freeze(t), "froze", "tests/abi/1.0")
    frozen = t.path("tree/tests/abi/1.0/eventbus")
    t.equal(sorted(os.listdir(frozen)), ["error.h", "plugin.h"])
    t.equal(t.read("tree/tests/abi/1.0/eventbus/plugin.h"), SMALL["plugin.h"])
    t.contains(freeze(t), "is up to date")
    made_up(t, "tree/include", "EB_RETRY = 2", "EB_RETRY = 3")
    t.contains(freeze(t, status=1), "ABI 1.0 is frozen", "--replace")
    t.equal(t.read("tree/tests/abi/1.0/eventbus/plugin.h"), SMALL["plugin.h"])
    t.contains(freeze(t, "--replace"), "froze")
    t.contains(t.read("tree/tests/abi/1.0/eventbus/plugin.h"), "EB_RETRY = 3")
    made_up(t, "tree/include", "EB_ABI_MINOR 0u", "EB_ABI_MINOR 1u")
    t.contains(freeze(t), "tests/abi/1.1")
    t.equal(len(re.findall("EB_RETRY = 3", t.read("tree/tests/abi/1.0/eventbus/plugin.h"))), 1, "1.0 as it was")


main()
