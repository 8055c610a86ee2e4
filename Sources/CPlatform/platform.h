// What the C library and the kernel offer, but Swift's Glibc module leaves out.
#ifndef CPLATFORM_H
#define CPLATFORM_H

#include <sys/resource.h>

/// Lets the process have as many open files as it may: each connection is one, and the usual 1,024 are few.
/// Source: getrlimit(2): the soft limit may be raised up to the hard one.
static inline void platform_raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

#if defined(__linux__)
#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Sets the I/O priority of the calling thread: class 2 is the usual one, class 3 waits while others have requests.
/// Source: ioprio_set(2); schedulers without priorities ignore it.
static inline int platform_set_io_class(int io_class) { return (int)syscall(SYS_ioprio_set, 1, 0, io_class << 13); }
#else
static inline int platform_set_io_class(int io_class) { return 0; }
#endif

int sqlite3_config(int option, ...);

/// Stops SQLite from counting its memory, which takes a lock at every allocation: before the first connection of the process.
/// Source: sqlite.org, SQLITE_CONFIG_MEMSTATUS (9); with SQLITE_MISUSE (21), too late, all goes on as it was.
static inline int platform_sqlite_without_memory_statistics(void) { return sqlite3_config(9, 0); }

#endif
