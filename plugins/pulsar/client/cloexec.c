/* client/cloexec.c - see cloexec.h. */
#include "client/cloexec.h"
#include "client/libpulsar.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT };
#elif defined(__aarch64__)
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT };
#else
enum { JUMP_SLOT = -1, GLOB_DAT = -1 }; /* libpulsar's sockets are inherited there */
#endif

/* What the dynamic section of a loaded library says. */
struct library {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Rela) * of_calls, *of_data;
    size_t n_calls, n_data;
};

static int socket_cloexec(int domain, int type, int protocol) {
    return socket(domain, type | SOCK_CLOEXEC, protocol);
}

/* Stores the function in a place that the linker may have made read-only after it has filled it in. */
static bool store(uintptr_t place) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = place & ~(page - 1);
    int (*function)(int, int, int) = socket_cloexec;
    uintptr_t value;

    memcpy(&value, &function, sizeof value);
    if (mprotect((void *)begin, page, PROT_READ | PROT_WRITE) != 0)
        return false;
    __atomic_store_n((uintptr_t *)place, value, __ATOMIC_SEQ_CST);
    return true; /* it stays writable: other places of the page may have to, too */
}

static bool change(const struct library *l, const ElfW(Rela) * list, size_t n) {
    bool changed = false;

    for (size_t i = 0; i < n; i++) {
        int type = (int)ELF64_R_TYPE(list[i].r_info);
        const char *name = l->names + l->symbols[ELF64_R_SYM(list[i].r_info)].st_name;

        if ((type == JUMP_SLOT || type == GLOB_DAT) && strcmp(name, "socket") == 0)
            changed = store(l->base + list[i].r_offset) || changed;
    }
    return changed;
}

static void read_dynamic(const ElfW(Dyn) * dynamic, struct library *l) {
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_SYMTAB)
            l->symbols = (const void *)dynamic->d_un.d_ptr; /* glibc has made these addresses */
        else if (dynamic->d_tag == DT_STRTAB)
            l->names = (const void *)dynamic->d_un.d_ptr;
        else if (dynamic->d_tag == DT_JMPREL)
            l->of_calls = (const void *)dynamic->d_un.d_ptr;
        else if (dynamic->d_tag == DT_PLTRELSZ)
            l->n_calls = dynamic->d_un.d_val / sizeof(ElfW(Rela));
        else if (dynamic->d_tag == DT_RELA)
            l->of_data = (const void *)dynamic->d_un.d_ptr;
        else if (dynamic->d_tag == DT_RELASZ)
            l->n_data = dynamic->d_un.d_val / sizeof(ElfW(Rela));
    }
}

static bool installed;

static void install(void) {
    pulsar_client_configuration_t *(*function)(void) = pulsar_client_configuration_create;
    struct library l = { 0 };
    struct link_map *map;
    void *address;
    Dl_info info;

    memcpy(&address, &function, sizeof address);
    if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP))
        return;
    l.base = map->l_addr;
    read_dynamic(map->l_ld, &l);
    if (l.symbols && l.names)
        installed = change(&l, l.of_calls, l.of_calls ? l.n_calls : 0) | change(&l, l.of_data, l.of_data ? l.n_data : 0);
}

bool pl_cloexec_install(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, install);
    return installed;
}
