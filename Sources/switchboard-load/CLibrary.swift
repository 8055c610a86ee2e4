#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

// What this program takes from the C library, in one place: its name differs between systems.

func naturalLogarithm(_ value: Double) -> Double { log(value) }

/// Waits until the file's data is on the disk.
///
/// On systems without `fdatasync` the nearest thing.
func synchronizeData(_ descriptor: Int32) -> Bool {
    #if os(Linux)
    fdatasync(descriptor) == 0
    #else
    fsync(descriptor) == 0
    #endif
}

/// Seconds of processor time that this process has used, in its own code and in the kernel.
func ownProcessorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Clock ticks a second in `/proc`.
func clockTicksPerSecond() -> Double { Double(sysconf(Int32(_SC_CLK_TCK))) }

/// Whole seconds since 1970.
func unixSeconds() -> UInt64 { UInt64(max(0, time(nil))) }

/// Prints a line that is seen at once, also at the other end of a pipe.
func show(_ line: String) {
    print(line)
    fflush(nil)
}

/// Where a symbolic link leads; nil if it is none.
func resolvedLink(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// Takes a file away; nothing happens if it is not there.
func removeFile(_ path: String) { unlink(path) }

func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

/// Ends a process at once, as `kill -9` does; false if there is none.
func killAtOnce(_ process: Int32) -> Bool { kill(process, SIGKILL) == 0 }
