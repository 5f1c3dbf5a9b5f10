/* Preloaded into the servers by compare.py --fsync-ms: a sync takes so much longer.

   Where a disk acknowledges in a tenth of a millisecond, who syncs at every write is
   bound by the processor like everybody else; on most disks he is not. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int sync_late(const char *name, int fd)
{
    const char *text = getenv("BENCH_FSYNC_MS");
    double ms = text ? atof(text) : 0;
    struct timespec late = {(time_t)(ms / 1e3), (long)(ms * 1e6) % 1000000000L};
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

    nanosleep(&late, NULL);
    return real(fd);
}

int fsync(int fd) { return sync_late("fsync", fd); }

int fdatasync(int fd) { return sync_late("fdatasync", fd); }
