// Preloaded into the relay: its fsyncs become slow, or fail, as the file named by CHAOS_DISK says.
// That file holds "<milliseconds> <errno>"; it is read at every fsync, so the fault comes and goes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int Disturb(void) {
  const char* name = getenv("CHAOS_DISK");
  FILE* file = name ? fopen(name, "r") : NULL;
  if (!file) return 0;
  int milliseconds = 0, number = 0;
  if (fscanf(file, "%d %d", &milliseconds, &number) < 1) milliseconds = 0;
  fclose(file);
  struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
  nanosleep(&pause, NULL);
  return number;
}

static int Sync(const char* name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  const int number = Disturb();
  if (number == 0) return real(fd);
  errno = number;
  return -1;
}

int fsync(int fd) { return Sync("fsync", fd); }
int fdatasync(int fd) { return Sync("fdatasync", fd); }
