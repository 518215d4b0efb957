// Preloaded into the relay: its fsyncs become slow, or fail, and its reads of tables fail, as the
// file named by CHAOS_DISK says. That file holds "<milliseconds> <errno of fsync> <errno of reads>";
// it is read at every call, so the fault comes and goes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

typedef struct {
  int milliseconds, sync_error, read_error;
} Fault;

static Fault CurrentFault(void) {
  Fault fault = {0, 0, 0};
  const char* name = getenv("CHAOS_DISK");
  FILE* file = name ? fopen(name, "r") : NULL;
  if (!file) return fault;
  if (fscanf(file, "%d %d %d", &fault.milliseconds, &fault.sync_error, &fault.read_error) < 3) {
    fault = (Fault){0, 0, 0};
  }
  fclose(file);
  return fault;
}

static int Sync(const char* name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  const Fault fault = CurrentFault();
  struct timespec pause = {fault.milliseconds / 1000, (fault.milliseconds % 1000) * 1000000L};
  nanosleep(&pause, NULL);
  if (fault.sync_error == 0) return real(fd);
  errno = fault.sync_error;
  return -1;
}

// RocksDB reads its tables with pread; nobody else here does.
static ssize_t Read(const char* name, int fd, void* to, size_t bytes, off_t offset) {
  ssize_t (*real)(int, void*, size_t, off_t) =
      (ssize_t(*)(int, void*, size_t, off_t))dlsym(RTLD_NEXT, name);
  const Fault fault = CurrentFault();
  if (fault.read_error == 0) return real(fd, to, bytes, offset);
  errno = fault.read_error;
  return -1;
}

int fsync(int fd) { return Sync("fsync", fd); }
int fdatasync(int fd) { return Sync("fdatasync", fd); }

ssize_t pread(int fd, void* to, size_t bytes, off_t offset) {
  return Read("pread", fd, to, bytes, offset);
}
ssize_t pread64(int fd, void* to, size_t bytes, off_t offset) {
  return Read("pread64", fd, to, bytes, offset);
}
