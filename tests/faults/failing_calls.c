/* System calls on files that fail when told to: the n-th of a kind below a folder, once or from then on.
 *
 * Preloaded (LD_PRELOAD); the process under test arms it itself through arm() before it begins. A call counts where
 * its file lies below the folder, so what Python and the system do elsewhere is left alone. The plan lies in shared
 * memory, so a parent reads what its forked child did. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, UNLINK = 16, MKDIR = 32, READ = 64, LOCK = 128, TRUNCATE = 256 };

static struct plan {
    int kinds, number, forever, n, count, failed;
    char below[PATH_MAX], path[PATH_MAX];
} *plan;

__attribute__((constructor)) static void begin(void) {
    plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plan == MAP_FAILED) abort();
}

void arm(int kinds, int number, int forever, int n, const char *below) {
    plan->kinds = 0;
    plan->number = number, plan->forever = forever, plan->n = n, plan->count = 0, plan->failed = 0;
    snprintf(plan->below, sizeof plan->below, "%s", below);
    plan->path[0] = 0;
    plan->kinds = kinds;
}
void disarm(void) { plan->kinds = 0; }
int count(void) { return plan->count; }
int failed(void) { return plan->failed; }
const char *failed_path(void) { return plan->path; }

static int below(const char *path) {
    size_t n = strlen(plan->below);
    return !strncmp(path, plan->below, n) && (path[n] == '/' || path[n] == 0);
}

/* Whether this call is to fail; errno is set then. */
static int fails(int kind, const char *path) {
    if (!plan || !(plan->kinds & kind) || !below(path)) return 0;
    int number = __sync_add_and_fetch(&plan->count, 1);
    if (number != plan->n && !(plan->forever && number > plan->n)) return 0;
    if (!__sync_fetch_and_add(&plan->failed, 1)) snprintf(plan->path, sizeof plan->path, "%s", path);
    errno = plan->number;
    return 1;
}

static int fails_at(int kind, int folder, const char *path) {
    char whole[2 * PATH_MAX], where[64];
    if (!plan || !(plan->kinds & kind) || !path) return 0;
    if (path[0] == '/') return fails(kind, path);
    ssize_t n;
    if (folder == AT_FDCWD) {
        if (!getcwd(whole, PATH_MAX)) return 0;
        n = (ssize_t)strlen(whole);
    } else {
        snprintf(where, sizeof where, "/proc/self/fd/%d", folder);
        if ((n = readlink(where, whole, PATH_MAX)) < 0) return 0;
    }
    snprintf(whole + n, sizeof whole - (size_t)n, "/%s", path);
    return fails(kind, whole);
}

static int fails_of(int kind, int file) {
    char where[64], path[PATH_MAX];
    if (!plan || !(plan->kinds & kind)) return 0;
    snprintf(where, sizeof where, "/proc/self/fd/%d", file);
    ssize_t n = readlink(where, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return fails(kind, path);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPENING(name, signature, folder, path, call) \
    int name signature { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
        if (fails_at(OPEN, folder, path)) return -1; \
        call; \
    }
OPENING(open, (const char *path, int flags, ...), AT_FDCWD, path, REAL(int, open, const char *, int, ...); return real(path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), AT_FDCWD, path, REAL(int, open64, const char *, int, ...); return real(path, flags, mode))
OPENING(openat, (int folder, const char *path, int flags, ...), folder, path, REAL(int, openat, int, const char *, int, ...); return real(folder, path, flags, mode))
OPENING(openat64, (int folder, const char *path, int flags, ...), folder, path, REAL(int, openat64, int, const char *, int, ...); return real(folder, path, flags, mode))

/* Of a write that fails half of its bytes arrive first, as on a disk that is full. */
ssize_t write(int file, const void *bytes, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (fails_of(WRITE, file)) {
        int number = errno;
        if (size > 1 && number == ENOSPC && plan->failed == 1) real(file, bytes, size / 2);
        errno = number;
        return -1;
    }
    return real(file, bytes, size);
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    return fails_of(WRITE, file) ? -1 : real(file, bytes, size, at);
}
ssize_t writev(int file, const struct iovec *parts, int n) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return fails_of(WRITE, file) ? -1 : real(file, parts, n);
}
ssize_t read(int file, void *bytes, size_t size) {
    REAL(ssize_t, read, int, void *, size_t);
    return fails_of(READ, file) ? -1 : real(file, bytes, size);
}
int fsync(int file) {
    REAL(int, fsync, int);
    return fails_of(SYNC, file) ? -1 : real(file);
}
int fdatasync(int file) {
    REAL(int, fdatasync, int);
    return fails_of(SYNC, file) ? -1 : real(file);
}
int ftruncate64(int file, off64_t size) {
    REAL(int, ftruncate64, int, off64_t);
    return fails_of(TRUNCATE, file) ? -1 : real(file, size);
}
int ftruncate(int file, off_t size) {
    REAL(int, ftruncate, int, off_t);
    return fails_of(TRUNCATE, file) ? -1 : real(file, size);
}
int flock(int file, int what) {
    REAL(int, flock, int, int);
    return fails_of(LOCK, file) ? -1 : real(file, what);
}
int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return fails_at(RENAME, AT_FDCWD, to) ? -1 : real(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    return fails_at(RENAME, b, to) ? -1 : real(a, from, b, to);
}
int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return fails_at(UNLINK, AT_FDCWD, path) ? -1 : real(path);
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    return fails_at(UNLINK, folder, path) ? -1 : real(folder, path, flags);
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return fails_at(MKDIR, AT_FDCWD, path) ? -1 : real(path, mode);
}
