/*
 * A disk and a clock that fail, for one daemon: an LD_PRELOAD library, without privileges.
 *
 *   cc -shared -fPIC -O2 -o fault-shim.so fault-shim.c -ldl -lpthread
 *
 *   RINGSHIM_DIR      the only files that are touched: those below this directory (a real path)
 *   RINGSHIM_JOURNAL  one line per event that decides what a power cut leaves; read by test/campaigns/power.ts
 *   RINGSHIM_SHADOW   a directory of the same file system: what a rename replaced or an unlink removed lives on here
 *   RINGSHIM_CONTROL  the page below, mapped and shared: the parent arms faults and reads counts while the daemon runs
 *   RINGSHIM_SYNC     `journal`: fsync is only written down, after a short sleep; `real`: it is done as well
 *
 * Why a journal: SIGKILL loses nothing that was written, as the page cache survives. A power cut takes what was not
 * synced. The parent kills the process and then takes away what the journal does not say to be synced.
 *
 *   C path              created              R from to shadow    renamed; `shadow` holds what was at `to`, or is -
 *   T path size         cut to `size`        U path shadow       unlinked; `shadow` holds it, or is -
 *   S path size         fsync or fdatasync returned, the file had `size` bytes when it was called
 *   D path              fsync of a directory returned
 *
 * A line is written after its event and before the caller goes on: what the caller knows to be synced is in the
 * journal. An event that SIGKILL separates from its line counts as unsynced (S, D) or as durable (names).
 *
 * LevelDB writes through stdio. Its streams are replaced by ones whose write function is ours (fopencookie), so that
 * buffering and errors stay those of the C library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Offsets are part of test/campaigns/shim.ts. Little-endian. */
struct control {
  int64_t clock_offset_ms;    /*  0: added to the wall clock */
  int32_t fail_operation;     /*  8: 0 none, 1 write, 2 sync */
  int32_t fail_errno;         /* 12 */
  int32_t fail_short;         /* 16: 1: half of the bytes are written first */
  int32_t fail_at;            /* 20: the how-manieth call fails, from 1 */
  int32_t fail_on;            /* 24: 1: all later ones too */
  volatile int32_t calls;     /* 28: calls of that operation since it was armed; the parent sets it to 0 */
  volatile int32_t failed;    /* 32: calls that were failed, since the start */
  int32_t full;               /* 36: 1: the disk is full */
  volatile int32_t refused;   /* 40: calls that the full disk refused, since the start */
  volatile int32_t syncs;     /* 44: of files, since the start */
  volatile int32_t clock_calls; /* 48 */
  volatile int32_t pid;       /* 52: of the process that has the library */
};

enum { NONE, WRITE, SYNC };

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_ftruncate)(int, off_t);
static FILE *(*real_fopen)(const char *, const char *);
static int (*real_fileno)(FILE *);
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_gettimeofday)(struct timeval *, void *);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[4096];
static size_t directory_length;
static char shadow[4096];
static int shadow_next;
static int journal = -1;
static int sync_is_real = 1;
static struct control none;
static struct control *control = &none;

#define FD_MAX 65536
static char *path_by_fd[FD_MAX];

#define STREAM_MAX 1024
struct stream { FILE *file; int fd; };
static struct stream streams[STREAM_MAX];

static void load(void) {
  real_open = dlsym(RTLD_NEXT, "open64");
  real_openat = dlsym(RTLD_NEXT, "openat64");
  real_close = dlsym(RTLD_NEXT, "close");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_rename = dlsym(RTLD_NEXT, "rename");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_fopen = dlsym(RTLD_NEXT, "fopen64");
  real_fileno = dlsym(RTLD_NEXT, "fileno");
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_gettimeofday = dlsym(RTLD_NEXT, "gettimeofday");

  const char *given = getenv("RINGSHIM_DIR");
  if (given != NULL && strlen(given) < sizeof directory - 1) {
    strcpy(directory, given);
    directory_length = strlen(directory);
  }
  given = getenv("RINGSHIM_SHADOW");
  if (given != NULL && strlen(given) < sizeof shadow - 32) strcpy(shadow, given);
  given = getenv("RINGSHIM_SYNC");
  sync_is_real = given == NULL || strcmp(given, "journal") != 0;
  given = getenv("RINGSHIM_JOURNAL");
  if (given != NULL) journal = real_open(given, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  given = getenv("RINGSHIM_CONTROL");
  if (given != NULL) {
    int fd = real_open(given, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
      void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      real_close(fd);
      if (page != MAP_FAILED) control = page;
    }
  }
  control->pid = getpid();
}

static void ready(void) { pthread_once(&once, load); }

__attribute__((constructor)) static void start(void) { ready(); }

/* The path below the directory ("" for the directory itself), or NULL. Paths with dots in them are not ours. */
static const char *below(const char *path) {
  if (directory_length == 0 || path == NULL || strncmp(path, directory, directory_length) != 0) return NULL;
  if (path[directory_length] == '\0') return path + directory_length;
  return path[directory_length] == '/' ? path + directory_length + 1 : NULL;
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
  if (journal < 0) return;
  int saved = errno;
  char line[8192];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length > 0 && (size_t)length < sizeof line) (void)!real_write(journal, line, (size_t)length);
  errno = saved;
}

static const char *path_of(int fd) { return fd >= 0 && fd < FD_MAX ? path_by_fd[fd] : NULL; }

static void forget(int fd) {
  if (fd < 0 || fd >= FD_MAX || path_by_fd[fd] == NULL) return;
  pthread_mutex_lock(&lock);
  free(path_by_fd[fd]);
  path_by_fd[fd] = NULL;
  pthread_mutex_unlock(&lock);
}

static void remember(int fd, const char *relative) {
  if (fd < 0 || fd >= FD_MAX) return;
  forget(fd);
  path_by_fd[fd] = strdup(relative);
}

/* LevelDB's files, without its text log. */
static int is_fault_target(const char *relative) {
  return strncmp(relative, "db/", 3) == 0 && strncmp(relative, "db/LOG", 6) != 0;
}

/* 1 when this call is the one to fail. */
static int fails(int operation, const char *relative) {
  if (control->fail_operation != operation || !is_fault_target(relative)) return 0;
  int call = __sync_add_and_fetch(&control->calls, 1);
  if (call != control->fail_at && !(control->fail_on && call > control->fail_at)) return 0;
  __sync_add_and_fetch(&control->failed, 1);
  return 1;
}

static int is_full(void) {
  if (!control->full) return 0;
  __sync_add_and_fetch(&control->refused, 1);
  return 1;
}

/* One write to a file of ours. `short` writes half and then fails: to the caller, a write that came out too short. */
static ssize_t faulty_write(const char *relative, int fd, const void *bytes, size_t size) {
  if (is_full()) {
    errno = ENOSPC;
    return -1;
  }
  if (!fails(WRITE, relative)) return real_write(fd, bytes, size);
  if (!control->fail_short || size < 2) {
    errno = control->fail_errno;
    return -1;
  }
  ssize_t written = real_write(fd, bytes, size / 2);
  errno = control->fail_errno;
  return written;
}

/* --- opening and closing ----------------------------------------------------------------------------------------- */

static int open_below(const char *relative, const char *path, int flags, mode_t mode) {
  struct stat before;
  int existed = stat(path, &before) == 0;
  if (!existed && (flags & O_CREAT) && is_full()) {
    errno = ENOSPC;
    return -1;
  }
  int fd = real_open(path, flags, mode);
  if (fd < 0) return fd;
  remember(fd, relative);
  if (!existed && (flags & O_CREAT)) note("C\t%s\n", relative);
  else if (existed && (flags & O_TRUNC) && before.st_size > 0) note("T\t%s\t0\n", relative);
  return fd;
}

static int open_any(const char *path, int flags, mode_t mode) {
  ready();
  const char *relative = below(path);
  return relative == NULL ? real_open(path, flags, mode) : open_below(relative, path, flags, mode);
}

#define MODE_OF(flags, last) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list arguments; \
    va_start(arguments, last); \
    mode = va_arg(arguments, mode_t); \
    va_end(arguments); \
  }

int open(const char *path, int flags, ...) { MODE_OF(flags, flags) return open_any(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags, flags) return open_any(path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_any(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_any(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static int openat_any(int at, const char *path, int flags, mode_t mode) {
  ready();
  const char *relative = below(path);
  return relative == NULL ? real_openat(at, path, flags, mode) : open_below(relative, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) { MODE_OF(flags, flags) return openat_any(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags, flags) return openat_any(at, path, flags, mode); }

int close(int fd) {
  ready();
  forget(fd);
  return real_close(fd);
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *bytes, size_t size) {
  ready();
  const char *relative = path_of(fd);
  return relative == NULL ? real_write(fd, bytes, size) : faulty_write(relative, fd, bytes, size);
}

static int refuses(int fd) {
  const char *relative = path_of(fd);
  if (relative == NULL) return 0;
  if (is_full()) errno = ENOSPC;
  else if (fails(WRITE, relative)) errno = control->fail_errno;
  else return 0;
  return 1;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  ready();
  return refuses(fd) ? -1 : real_pwrite(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at) {
  ready();
  return refuses(fd) ? -1 : real_pwrite(fd, bytes, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  ready();
  return refuses(fd) ? -1 : real_writev(fd, parts, count);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  ready();
  return refuses(fd) ? -1 : real_pwritev(fd, parts, count, at);
}

static int truncate_any(int fd, off_t size) {
  ready();
  const char *relative = path_of(fd);
  int answer = real_ftruncate(fd, size);
  if (answer == 0 && relative != NULL) note("T\t%s\t%lld\n", relative, (long long)size);
  return answer;
}

int ftruncate(int fd, off_t size) { return truncate_any(fd, size); }
int ftruncate64(int fd, off_t size) { return truncate_any(fd, size); }

/* --- stdio, which LevelDB writes through --------------------------------------------------------------------------- */

static ssize_t stream_write(void *cookie, const char *bytes, size_t size) {
  int fd = (int)(intptr_t)cookie;
  const char *relative = path_of(fd);
  size_t done = 0;
  /* As the C library does for a file: it goes on after a short write, until an error. */
  while (done < size) {
    ssize_t written = relative == NULL ? real_write(fd, bytes + done, size - done) : faulty_write(relative, fd, bytes + done, size - done);
    if (written < 0) break;
    done += (size_t)written;
    if (relative != NULL && control->fail_short && done < size) break;
  }
  return (ssize_t)done;
}

static int stream_close(void *cookie) {
  int fd = (int)(intptr_t)cookie;
  forget(fd);
  return real_close(fd);
}

static FILE *fopen_any(const char *path, const char *mode) {
  ready();
  const char *relative = below(path);
  if (relative == NULL || (mode[0] != 'w' && mode[0] != 'a')) return real_fopen(path, mode);
  int fd = open_below(relative, path, O_WRONLY | O_CREAT | O_CLOEXEC | (mode[0] == 'w' ? O_TRUNC : O_APPEND), 0666);
  if (fd < 0) return NULL;
  cookie_io_functions_t functions = {.read = NULL, .write = stream_write, .seek = NULL, .close = stream_close};
  FILE *file = fopencookie((void *)(intptr_t)fd, mode, functions);
  if (file == NULL) {
    close(fd);
    return NULL;
  }
  pthread_mutex_lock(&lock);
  int free_at = -1;
  for (int i = 0; i < STREAM_MAX; i++) {
    /* A stream of before at the same address was closed since. */
    if (streams[i].file == file) { free_at = i; break; }
    if (free_at < 0 && streams[i].file == NULL) free_at = i;
  }
  if (free_at < 0) abort();
  streams[free_at] = (struct stream){file, fd};
  pthread_mutex_unlock(&lock);
  return file;
}

FILE *fopen(const char *path, const char *mode) { return fopen_any(path, mode); }
FILE *fopen64(const char *path, const char *mode) { return fopen_any(path, mode); }

int fileno(FILE *file) {
  ready();
  pthread_mutex_lock(&lock);
  for (int i = 0; i < STREAM_MAX; i++) {
    if (streams[i].file != file) continue;
    int fd = streams[i].fd;
    pthread_mutex_unlock(&lock);
    return fd;
  }
  pthread_mutex_unlock(&lock);
  return real_fileno(file);
}

int fclose(FILE *file) {
  static int (*real_fclose)(FILE *);
  ready();
  if (real_fclose == NULL) real_fclose = dlsym(RTLD_NEXT, "fclose");
  pthread_mutex_lock(&lock);
  for (int i = 0; i < STREAM_MAX; i++) if (streams[i].file == file) streams[i].file = NULL;
  pthread_mutex_unlock(&lock);
  return real_fclose(file);
}

/* --- syncing, names ------------------------------------------------------------------------------------------------ */

static int sync_any(int fd, int (*real_sync)(int)) {
  const char *relative = path_of(fd);
  if (relative == NULL) return real_sync(fd);
  struct stat now;
  if (fstat(fd, &now) != 0) return -1;
  if (fails(SYNC, relative)) {
    errno = control->fail_errno;
    return -1;
  }
  if (sync_is_real) {
    if (real_sync(fd) != 0) return -1;
  } else {
    usleep(100);
  }
  __sync_add_and_fetch(&control->syncs, 1);
  if (S_ISDIR(now.st_mode)) note("D\t%s\n", relative);
  else note("S\t%s\t%lld\n", relative, (long long)now.st_size);
  return 0;
}

int fsync(int fd) {
  ready();
  return sync_any(fd, real_fsync);
}

int fdatasync(int fd) {
  ready();
  return sync_any(fd, real_fdatasync);
}

/* Keeps a file alive under a number; writes the number, or "-" when there is no such file. */
static void keep(const char *path, char *name, size_t size) {
  snprintf(name, size, "-");
  if (shadow[0] == '\0') return;
  int number = __sync_add_and_fetch(&shadow_next, 1);
  char target[4200];
  snprintf(target, sizeof target, "%s/%d", shadow, number);
  int saved = errno;
  if (link(path, target) == 0) snprintf(name, size, "%d", number);
  errno = saved;
}

int rename(const char *from, const char *to) {
  ready();
  const char *old_name = below(from);
  const char *new_name = below(to);
  if (old_name == NULL || new_name == NULL) return real_rename(from, to);
  char kept[16];
  keep(to, kept, sizeof kept);
  int answer = real_rename(from, to);
  if (answer == 0) note("R\t%s\t%s\t%s\n", old_name, new_name, kept);
  return answer;
}

int unlink(const char *path) {
  ready();
  const char *relative = below(path);
  if (relative == NULL) return real_unlink(path);
  char kept[16];
  keep(path, kept, sizeof kept);
  int answer = real_unlink(path);
  if (answer == 0) note("U\t%s\t%s\n", relative, kept);
  return answer;
}

/* --- the wall clock -------------------------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *now) {
  ready();
  int answer = real_clock_gettime(clock, now);
  if (answer != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return answer;
  now->tv_sec += control->clock_offset_ms / 1000;
  __sync_add_and_fetch(&control->clock_calls, 1);
  return answer;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  ready();
  int answer = real_gettimeofday(now, zone);
  if (answer == 0) now->tv_sec += control->clock_offset_ms / 1000;
  __sync_add_and_fetch(&control->clock_calls, 1);
  return answer;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
