/* core/plugin/inspect.c - see inspect.h. */
#include "plugin/inspect.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"

/* This library's own ELF header, placed by the linker: code that runs in this process has such a header. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static enum eb_status refuse(struct eb_error *err, const char *file, const char *what) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s %s", file, what);
}

static const char *name_machine(unsigned machine, char *room, size_t size) {
    static const struct {
        unsigned machine;
        const char *name;
    } known[] = { { EM_X86_64, "x86-64" }, { EM_386, "i386" },    { EM_AARCH64, "aarch64" },
                  { EM_ARM, "arm" },       { EM_RISCV, "riscv" }, { EM_PPC64, "ppc64" },
                  { EM_S390, "s390" },     { EM_MIPS, "mips" },   { 258 /* EM_LOONGARCH */, "loongarch" } };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].machine == machine)
            return known[i].name;
    snprintf(room, size, "machine %u", machine);
    return room;
}

/* Checks class, byte order and machine; a header of another class or order has the machine at the same place. */
static enum eb_status check_machine(const ElfW(Ehdr) * header, const char *file, struct eb_error *err) {
    const ElfW(Ehdr) *own = &__ehdr_start;
    bool swapped = header->e_ident[EI_DATA] != own->e_ident[EI_DATA];
    unsigned machine = swapped ? (unsigned)(header->e_machine >> 8 | (header->e_machine & 0xff) << 8) : header->e_machine;
    char found[24], expected[24];

    if (!swapped && header->e_ident[EI_CLASS] == own->e_ident[EI_CLASS] && machine == own->e_machine)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN,
                     "plugin %s is for another kind of machine: it is %s, %s bits%s, this "
                     "program is %s, %s bits; install the build for this machine",
                     file, name_machine(machine, found, sizeof found), header->e_ident[EI_CLASS] == ELFCLASS64 ? "64" : "32",
                     swapped ? ", the other byte order" : "", name_machine(own->e_machine, expected, sizeof expected),
                     own->e_ident[EI_CLASS] == ELFCLASS64 ? "64" : "32");
}

/* Whether [offset, offset + length) ends within size; false when the sum does not fit. */
static bool within(uint64_t offset, uint64_t length, uint64_t size) {
    return offset <= size && length <= size - offset;
}

/* Whether the file has everything that its headers refer to. */
static enum eb_status check_whole(int fd, const ElfW(Ehdr) * header, uint64_t size, const char *file, struct eb_error *err) {
    bool whole = header->e_phentsize == sizeof(ElfW(Phdr)) &&
                 within(header->e_phoff, (uint64_t)header->e_phnum * sizeof(ElfW(Phdr)), size) &&
                 within(header->e_shoff, (uint64_t)header->e_shnum * header->e_shentsize, size);

    for (unsigned i = 0; i < header->e_phnum && whole; i++) {
        ElfW(Phdr) part;
        ssize_t n = pread(fd, &part, sizeof part, (off_t)(header->e_phoff + i * sizeof part));
        if (n < 0)
            return ebi_error_errno(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s cannot be read", file);
        whole = n == sizeof part && within(part.p_offset, part.p_filesz, size);
    }
    if (whole)
        return EB_OK;
    return ebi_error(err, EB_PERMANENT, EB_KIND_PLUGIN,
                     "plugin %s is truncated: it has %llu bytes, and its headers speak of "
                     "more; install it again",
                     file, (unsigned long long)size);
}

static const char *name_kind(mode_t mode) {
    return S_ISFIFO(mode)   ? "is a named pipe, not a regular file; remove it from the plugin folder"
           : S_ISSOCK(mode) ? "is a socket, not a regular file; remove it from the plugin folder"
                            : "is a device, not a regular file; remove it from the plugin folder";
}

static enum eb_status check_open(int fd, const char *file, struct eb_error *err) {
    ElfW(Ehdr) header;
    struct stat st;

    memset(&header, 0, sizeof header);
    if (fstat(fd, &st) != 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s cannot be read", file);
    if (S_ISDIR(st.st_mode))
        return refuse(err, file, "is a folder; plugin = NAME takes a plugin's name, plugin_path the folders to search");
    if (!S_ISREG(st.st_mode))
        return refuse(err, file, name_kind(st.st_mode));
    ssize_t n = pread(fd, &header, sizeof header, 0);
    if (n < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s cannot be read", file);
    if (n == 0)
        return refuse(err, file, "is empty; install it again");
    if (memcmp(header.e_ident, ELFMAG, (size_t)n < SELFMAG ? (size_t)n : SELFMAG) != 0)
        return refuse(err, file,
                      strlen(file) > 3 && strcmp(file + strlen(file) - 3, ".la") == 0
                          ? "is a libtool description; name the .so beside it"
                          : "is not a shared object: it is not an ELF file");
    if ((size_t)n < sizeof header)
        return refuse(err, file, "is truncated: it ends within its first header; install it again");
    enum eb_status status = check_machine(&header, file, err);
    if (status != EB_OK)
        return status;
    if (header.e_type != ET_DYN)
        return refuse(err, file, "is an ELF file, but not a shared object; link it with -shared");
    return check_whole(fd, &header, (uint64_t)st.st_size, file, err);
}

enum eb_status ebi_inspect(const char *file, struct eb_error *err) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* does not wait where it is a pipe */

    if (fd < 0 && errno == ENXIO)
        return refuse(err, file, name_kind(S_IFSOCK));
    if (fd < 0 && errno == EACCES)
        return refuse(err, file, "cannot be read: Permission denied; let the user who runs this read it, with chmod or chown");
    if (fd < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_PLUGIN, "plugin %s cannot be read", file);
    enum eb_status status = check_open(fd, file, err);
    close(fd);
    return status;
}
