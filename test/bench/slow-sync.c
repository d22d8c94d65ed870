/* Preloaded into the server by slow-disk.ts: every fsync and fdatasync takes SLOW_SYNC_MS longer, and each one of the main
   thread adds an octet to the file SLOW_SYNC_TRACE. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void trace(void) {
  const char *path = getenv("SLOW_SYNC_TRACE");
  if (path == NULL || syscall(SYS_gettid) != getpid()) return;
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0) return;
  if (write(file, "m", 1) < 0) abort();
  close(file);
}

static int slow(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  const char *given = getenv("SLOW_SYNC_MS");
  long ms = given == NULL ? 0 : atol(given);
  struct timespec left = {ms / 1000, ms % 1000 * 1000000L};
  trace();
  while (ms > 0 && nanosleep(&left, &left) != 0) {
  }
  return real(fd);
}

int fsync(int fd) { return slow("fsync", fd); }

int fdatasync(int fd) { return slow("fdatasync", fd); }
