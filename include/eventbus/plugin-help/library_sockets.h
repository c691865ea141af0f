/* eventbus/plugin-help/library_sockets.h - keeps the sockets of a client library from the commands that the service starts.
 *
 * Some libraries open their sockets without close-on-exec, in threads of their own, and show them to nobody. A plugin that looks
 * for new descriptors comes too late for a command that is started meanwhile. So the library's reference to socket(2) is changed
 * to a function that adds SOCK_CLOEXEC, in that library alone: the place that the dynamic linker filled in when it loaded it.
 *
 * It needs -D_GNU_SOURCE, without which nothing is changed, and is included by itself. */
#ifndef EBP_LIBRARY_SOCKETS_H
#define EBP_LIBRARY_SOCKETS_H

#include <eventbus/plugin-help/base.h>

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(_GNU_SOURCE) && defined(__LP64__)

/* What the dynamic section of a loaded library says. */
struct ebp_library {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Rela) * of_calls, *of_data;
    size_t n_calls, n_data;
};

static inline int ebp_library_socket(int domain, int type, int protocol) {
    return socket(domain, type | SOCK_CLOEXEC, protocol);
}

/* Stores the function in a place that the linker may have made read-only after it has filled it in. */
static inline bool ebp_library_store(uintptr_t place) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = place & ~(page - 1);
    int (*function)(int, int, int) = ebp_library_socket;
    uintptr_t value;

    memcpy(&value, &function, sizeof value);
    if (mprotect((void *)begin, page, PROT_READ | PROT_WRITE) != 0)
        return false;
    __atomic_store_n((uintptr_t *)place, value, __ATOMIC_SEQ_CST);
    return true; /* it stays writable: the linker may still fill in other places of the page */
}

static inline bool ebp_library_change(const struct ebp_library *library, const ElfW(Rela) * list, size_t n) {
#if defined(__x86_64__)
    const unsigned call = R_X86_64_JUMP_SLOT, datum = R_X86_64_GLOB_DAT;
#elif defined(__aarch64__)
    const unsigned call = R_AARCH64_JUMP_SLOT, datum = R_AARCH64_GLOB_DAT;
#else
    const unsigned call = (unsigned)-1, datum = (unsigned)-1; /* of a kind of processor that nobody has tried */
#endif
    bool changed = false;

    for (size_t i = 0; i < n; i++) {
        unsigned type = (unsigned)ELF64_R_TYPE(list[i].r_info);
        const char *name = library->names + library->symbols[ELF64_R_SYM(list[i].r_info)].st_name;

        if ((type == call || type == datum) && strcmp(name, "socket") == 0)
            changed = ebp_library_store(library->base + list[i].r_offset) || changed;
    }
    return changed;
}

static inline void ebp_library_read(const ElfW(Dyn) * dynamic, struct ebp_library *library) {
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        uintptr_t value = (uintptr_t)dynamic->d_un.d_ptr; /* glibc has made an address of each offset */

        if (dynamic->d_tag == DT_SYMTAB)
            library->symbols = (const ElfW(Sym) *)value;
        else if (dynamic->d_tag == DT_STRTAB)
            library->names = (const char *)value;
        else if (dynamic->d_tag == DT_JMPREL)
            library->of_calls = (const ElfW(Rela) *)value;
        else if (dynamic->d_tag == DT_PLTRELSZ)
            library->n_calls = value / sizeof(ElfW(Rela));
        else if (dynamic->d_tag == DT_RELA)
            library->of_data = (const ElfW(Rela) *)value;
        else if (dynamic->d_tag == DT_RELASZ)
            library->n_data = value / sizeof(ElfW(Rela));
    }
}

static inline bool ebp_library_sockets_change(const void *function) {
    struct ebp_library library;
    void *found = NULL;
    Dl_info info;

    memset(&library, 0, sizeof library);
    if (!dladdr1(function, &info, &found, RTLD_DL_LINKMAP) || !found)
        return false;
    const struct link_map *map = (const struct link_map *)found;
    library.base = map->l_addr;
    ebp_library_read(map->l_ld, &library);
    if (!library.symbols || !library.names)
        return false;
    bool calls = library.of_calls && ebp_library_change(&library, library.of_calls, library.n_calls);
    bool data = library.of_data && ebp_library_change(&library, library.of_data, library.n_data);
    return calls || data;
}

#endif

/* Makes each socket close-on-exec that the library of this function opens from now on. `function` is the address of any function
 * of that library. Call it once in the process (pthread_once), before the library opens a socket; any thread. Returns false where
 * that cannot be done: the library is linked into the program, has no reference to socket(2), or the processor is neither x86-64
 * nor AArch64. Its sockets are inherited then. */
static inline bool ebp_library_sockets_close_on_exec(const void *function) {
#if defined(_GNU_SOURCE) && defined(__LP64__)
    return ebp_library_sockets_change(function);
#else
    (void)function;
    return false;
#endif
}

#endif
