import Testing

/// All suites of the HTTP surface, one test at a time.
///
/// Some hold the database's writer, and with it a thread of the pool that everything else in the process shares.
@Suite("The HTTP surface", .serialized)
enum SurfaceTests {}
