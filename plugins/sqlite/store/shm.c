/* plugins/sqlite/store/shm.c - see shm.h. */
#include "store/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/hash.h>

#include "store/futex.h"

/* What is mapped. A process that finds that no other has the file open initializes it; the record outlives that. */
struct sq_shm_map {
    char magic[8];
    uint32_t version, size;        /* size of this struct */
    _Atomic uint32_t single_futex; /* some process can wait for `any` only */
    _Atomic uint32_t queue;        /* changed by each process that leaves the queue */
    int64_t turn_ms;               /* when a process last began the chore, ebp_monotonic_ms */
    struct sq_shm_record record;
    _Atomic uint32_t any; /* the futexes follow without a gap */
    _Atomic uint32_t futex[SQ_SHM_FUTEXES];
};

_Static_assert(offsetof(struct sq_shm_map, futex) == offsetof(struct sq_shm_map, any) + sizeof(uint32_t), "a gap");

static const char magic[8] = "ebusside";

enum { FORMAT = 2, USER_BYTE = 0, QUEUE_WAIT_MS = 10, RESERVE_AT = 4096, RESERVE = 512 << 10 };

/* Lock bytes beyond those of members. */
static const int64_t TURN_BYTE = SQ_MEMBER_MAX + 1, QUEUE_BYTE = SQ_MEMBER_MAX + 2, SEIZE_BYTE = SQ_MEMBER_MAX + 3;

/* Locks of open file descriptions: the kernel drops them when the last descriptor is closed, and other instances of the
 * same process see them too. Byte 0: who uses the file; byte n: member n. */
static int lock_byte(int fd, short kind, int64_t byte) {
    struct flock lock = { .l_type = kind, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* ---- opening ---- */

static bool read_at(const struct sq_shm *shm, size_t at, void *to, size_t len) {
    return pread(shm->fd, to, len, (off_t)at) == (ssize_t)len;
}

/* On a full disk nothing is written, and then nobody wakes anybody: each process looks by itself, once a second. */
static bool write_at(const struct sq_shm *shm, size_t at, const void *from, size_t len) {
    return pwrite(shm->fd, from, len, (off_t)at) == (ssize_t)len;
}

static bool is_mine(const struct sq_shm_map *head) {
    return memcmp(head->magic, magic, sizeof magic) == 0 && head->version == FORMAT && head->size == sizeof *head;
}

/* Takes blocks of the disk that nobody uses until the disk is full. */
static bool take_reserve(const struct sq_shm *shm) {
    return posix_fallocate(shm->fd, 0, RESERVE_AT + RESERVE) == 0;
}

/* All processes write the same head, but for futexes and times, which may begin again at any time. */
static void mend(struct sq_shm *shm) {
    struct sq_shm_map head = { .version = FORMAT, .size = sizeof head, .single_futex = shm->single_futex };

    memcpy(head.magic, magic, sizeof magic);
    if (take_reserve(shm) || posix_fallocate(shm->fd, 0, (off_t)sizeof head) == 0)
        write_at(shm, 0, &head, offsetof(struct sq_shm_map, queue));
}

/* No other process has it open: futexes and times of an earlier use mean nothing. */
static void make_anew(struct sq_shm *shm) {
    struct sq_shm_map old = { 0 }, new = { 0 };
    bool any = read_at(shm, 0, &old, sizeof old) && is_mine(&old);

    if (any)
        new.record = old.record;
    if (any || ftruncate(shm->fd, 0) == 0)
        mend(shm);
    write_at(shm, offsetof(struct sq_shm_map, queue), (const char *)&new + offsetof(struct sq_shm_map, queue),
             sizeof new - offsetof(struct sq_shm_map, queue));
}

/* A file that is not whole is mended; one of another version is in use by processes of another version of this plugin. */
static int32_t join_others(struct sq_shm *shm, const char *path, struct eb_error *err) {
    struct sq_shm_map head = { 0 };
    ssize_t len = pread(shm->fd, &head, sizeof head, 0);

    if (len >= (ssize_t)offsetof(struct sq_shm_map, single_futex) && memcmp(head.magic, magic, sizeof magic) == 0 &&
        !is_mine(&head))
        return ebp_error(err, EB_PERMANENT, 0, "%s is used by another version of this plugin: end its processes first", path);
    if (len < (ssize_t)sizeof head || !is_mine(&head))
        mend(shm);
    else
        take_reserve(shm);
    shm->others_single_futex = head.single_futex != 0;
    return EB_OK;
}

static int32_t map_it(struct sq_shm *shm, const char *path, struct eb_error *err) {
    void *map = mmap(NULL, sizeof *shm->map, PROT_READ | PROT_WRITE, MAP_SHARED, shm->fd, 0);

    if (map == MAP_FAILED)
        return ebp_errno(err, EB_RETRIABLE, "cannot map %s", path);
    shm->map = map;
    return EB_OK;
}

static int32_t open_file(struct sq_shm *shm, const char *path, struct eb_error *err) {
    struct stat about;

    shm->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (shm->fd < 0)
        return ebp_errno(err,
                         errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == ENFILE ? EB_RETRIABLE : EB_PERMANENT,
                         "cannot open %s for writing", path);
    if (fstat(shm->fd, &about) != 0 || !S_ISREG(about.st_mode))
        return ebp_error(err, EB_PERMANENT, 0, "%s is not a regular file: remove it", path);
    return EB_OK;
}

static int32_t join(struct sq_shm *shm, const char *path, struct eb_error *err) {
    bool alone = lock_byte(shm->fd, F_WRLCK, USER_BYTE) == 0;

    if (alone)
        make_anew(shm);
    if (lock_byte(shm->fd, F_RDLCK, USER_BYTE) != 0)
        return ebp_error(err, EB_RETRIABLE, SQLITE_BUSY, "another process is creating %s right now", path);
    return alone ? EB_OK : join_others(shm, path, err);
}

int32_t sq_shm_open(struct sq_shm *shm, const char *path, struct eb_error *err) {
    uint32_t yes = 1;
    int32_t status;

    *shm = (struct sq_shm){ .fd = -1, .single_futex = !sq_futex_set_supported() };
    status = open_file(shm, path, err);
    if (status == EB_OK)
        status = join(shm, path, err);
    if (status == EB_OK)
        status = map_it(shm, path, err);
    if (status != EB_OK)
        sq_shm_close(shm);
    else if (shm->single_futex)
        write_at(shm, offsetof(struct sq_shm_map, single_futex), &yes, sizeof yes);
    return status;
}

void sq_shm_close(struct sq_shm *shm) {
    if (shm->map)
        munmap(shm->map, sizeof *shm->map);
    if (shm->fd >= 0)
        close(shm->fd);
    *shm = (struct sq_shm){ .fd = -1 };
}

bool sq_shm_in_place(const struct sq_shm *shm, const char *path) {
    struct sq_file_identity ours, there;

    return shm->fd < 0 ||
           (sq_file_of(shm->fd, &ours) && sq_file_look(path, &there, NULL) == EB_OK && sq_file_same(&ours, &there));
}

/* ---- the record ---- */

bool sq_shm_record(struct sq_shm *shm, struct sq_shm_record *record) {
    struct sq_file_identity self;

    return read_at(shm, offsetof(struct sq_shm_map, record), record, sizeof *record) && sq_file_of(shm->fd, &self) &&
           sq_file_same(&self, &record->shm) && record->db.number != 0;
}

void sq_shm_set_record(struct sq_shm *shm, const struct sq_file_identity *db, const struct sq_file_identity *log) {
    struct sq_shm_record record, now = { .db = *db, .log = *log };

    if (!sq_file_of(shm->fd, &now.shm) ||
        (sq_shm_record(shm, &record) && sq_file_same(&record.db, db) && sq_file_same(&record.log, log)))
        return;
    write_at(shm, offsetof(struct sq_shm_map, record), &now, sizeof now);
}

bool sq_shm_release_reserve(struct sq_shm *shm) {
    struct stat about;

    return fstat(shm->fd, &about) == 0 && about.st_size > RESERVE_AT && ftruncate(shm->fd, RESERVE_AT) == 0;
}

bool sq_shm_try_clearing(struct sq_shm *shm) {
    return lock_byte(shm->fd, F_WRLCK, SEIZE_BYTE) == 0;
}

/* ---- the queue ---- */

/* The kernel's lock says whose turn it is and is released with its process; the futex wakes the next one. */
bool sq_shm_enqueue(struct sq_shm *shm, int64_t until_ms) {
    while (shm->map) {
        uint32_t before = 0;
        int64_t now_ms;

        if (lock_byte(shm->fd, F_WRLCK, QUEUE_BYTE) == 0)
            return true;
        if ((errno != EAGAIN && errno != EACCES) || (now_ms = ebp_monotonic_ms()) >= until_ms)
            return false;
        read_at(shm, offsetof(struct sq_shm_map, queue), &before, sizeof before);
        if (lock_byte(shm->fd, F_WRLCK, QUEUE_BYTE) == 0) /* it may have been released before the futex was read */
            return true;
        sq_futex_wait(&shm->map->queue, before, now_ms + QUEUE_WAIT_MS < until_ms ? now_ms + QUEUE_WAIT_MS : until_ms);
    }
    return false;
}

void sq_shm_dequeue(struct sq_shm *shm) {
    lock_byte(shm->fd, F_UNLCK, QUEUE_BYTE);
    sq_futex_wake_one(&shm->map->queue);
}

/* ---- words ---- */

static uint32_t hash_name(const char *name, size_t len) {
    uint32_t hash = EBP_FNV1A_32;

    for (size_t i = 0; i < len; i++)
        hash = ebp_fnv1a_32_add(hash, (unsigned char)name[i]);
    return hash ^ hash >> 15;
}

unsigned sq_shm_topic_index(const char *name, size_t len) {
    return hash_name(name, len) % SQ_TOPIC_FUTEXES;
}

unsigned sq_shm_group_index(const char *group) {
    return SQ_TOPIC_FUTEXES + hash_name(group, strlen(group)) % SQ_GROUP_FUTEXES;
}

_Atomic uint32_t *sq_shm_futex(const struct sq_shm *shm, unsigned index) {
    return &shm->map->futex[index];
}

_Atomic uint32_t *sq_shm_any(const struct sq_shm *shm) {
    return shm->single_futex ? &shm->map->any : NULL;
}

void sq_shm_read(struct sq_shm *shm, struct sq_shm_values *values) {
    struct sq_shm_map now = { 0 };

    if (!read_at(shm, 0, &now, sizeof now) || !is_mine(&now))
        mend(shm);
    shm->others_single_futex = now.single_futex != 0;
    memcpy(values, (const char *)&now + offsetof(struct sq_shm_map, any), sizeof *values);
}

void sq_shm_notify(struct sq_shm *shm, unsigned index) {
    sq_futex_wake_all(&shm->map->futex[index]);
    if (shm->single_futex || shm->others_single_futex)
        sq_futex_wake_all(&shm->map->any);
}

void sq_shm_notify_all(struct sq_shm *shm) {
    if (!shm->map)
        return;
    for (unsigned i = 0; i < SQ_SHM_FUTEXES; i++)
        sq_futex_wake_all(&shm->map->futex[i]);
    sq_futex_wake_all(&shm->map->any);
}

/* ---- members ---- */

bool sq_shm_lock_member(struct sq_shm *shm, int64_t member) {
    return lock_byte(shm->fd, F_WRLCK, member) == 0;
}

void sq_shm_unlock_member(struct sq_shm *shm, int64_t member) {
    lock_byte(shm->fd, F_UNLCK, member);
}

bool sq_shm_member_is_locked(const struct sq_shm *shm, int64_t member) {
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = member, .l_len = 1 };

    return fcntl(shm->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

bool sq_shm_try_chore(struct sq_shm *shm, int64_t every_ms) {
    int64_t now = ebp_monotonic_ms(), last = 0;

    if (lock_byte(shm->fd, F_WRLCK, TURN_BYTE) != 0)
        return false;
    read_at(shm, offsetof(struct sq_shm_map, turn_ms), &last, sizeof last);
    if (last <= now && now - last < every_ms) {
        sq_shm_end_chore(shm);
        return false;
    }
    write_at(shm, offsetof(struct sq_shm_map, turn_ms), &now, sizeof now);
    return true;
}

void sq_shm_end_chore(struct sq_shm *shm) {
    lock_byte(shm->fd, F_UNLCK, TURN_BYTE);
}
