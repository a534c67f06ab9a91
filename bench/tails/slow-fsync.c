/*
 * A disk whose fsync is slow, for the daemons of one benchmark: an LD_PRELOAD library, without privileges.
 *
 *   cc -shared -fPIC -O2 -o slow-fsync.so slow-fsync.c -ldl
 *
 *   RINGDELAY_DIR      the only files whose fsync and fdatasync are slow: those below this directory (a real path)
 *   RINGDELAY_CONTROL  a file of two int32, mapped and shared: [0] milliseconds of delay, which the benchmark sets while
 *                      the daemon runs; [1] calls that were delayed, since the start
 *
 * The call is done first and returns late, as that of a busy disk does. Only the thread that calls it waits.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct control {
  volatile int32_t delay_ms;
  volatile int32_t delayed;
};

static struct control none;
static struct control *control = &none;
static const char *directory;

__attribute__((constructor)) static void start(void) {
  directory = getenv("RINGDELAY_DIR");
  const char *path = getenv("RINGDELAY_CONTROL");
  int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) control = page;
}

static int is_below(int fd) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  size_t wanted = directory == NULL ? 0 : strlen(directory);
  return wanted > 0 && length > (ssize_t)wanted && strncmp(path, directory, wanted) == 0 && path[wanted] == '/';
}

static int late(int fd, int answer) {
  int32_t delay_ms = control->delay_ms;
  if (delay_ms <= 0 || !is_below(fd)) return answer;
  int saved = errno;
  struct timespec rest = {delay_ms / 1000, (delay_ms % 1000) * 1000000L};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) continue;
  __sync_add_and_fetch(&control->delayed, 1);
  errno = saved;
  return answer;
}

int fsync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  return late(fd, real(fd));
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return late(fd, real(fd));
}
