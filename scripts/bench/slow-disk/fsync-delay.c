/* Makes each fsync and fdatasync take FSYNC_DELAY_MS longer, as on a slower disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int delayed(const char *name, int fd) {
  const char *milliseconds = getenv("FSYNC_DELAY_MS");
  long delay = milliseconds ? atol(milliseconds) : 0;
  struct timespec time = {delay / 1000, delay % 1000 * 1000000};
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  nanosleep(&time, NULL);
  return real(fd);
}

int fsync(int fd) { return delayed("fsync", fd); }

int fdatasync(int fd) { return delayed("fdatasync", fd); }
