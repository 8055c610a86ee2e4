/// Every metric of the server.
///
/// Labels take few values, known beforehand; only those of `business` are many, and their number is a setting. No metric is labelled with a
/// name, a slug, or an id of anything else, and none with what anybody wrote.
extension MetricDescription {
    private static let toTenSeconds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    private static let toAnHour: [Double] = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600]
    private static let toABatch: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256]

    // MARK: Webhooks

    static let intakeRefused = Self(
        "switchboard_intake_refused_total",
        .counter,
        "Webhook requests answered with another status than 200; 503 are those that Telegram sends again.",
        labels: ["status"]
    )
    static let webhookConnections = Self(
        "switchboard_webhook_connections",
        .gauge,
        "Open connections of the listener that takes webhooks."
    )
    static let slowConnections = Self(
        "switchboard_webhook_slow_connections_total",
        .counter,
        "Connections closed because their client was too slow or idle for too long."
    )

    // MARK: Writing

    static let intakeUpdates = Self(
        "switchboard_intake_updates_total",
        .counter,
        "Updates that reached a batch: stored, duplicate (on disk already), conflict (number taken, kept and marked), failed (not stored).",
        labels: ["outcome"]
    )
    static let intakeBytes = Self(
        "switchboard_intake_bytes_total",
        .counter,
        "Bytes of the bodies of updates that reached a batch."
    )
    static let intakeMarked = Self(
        "switchboard_intake_marked_total",
        .counter,
        "Updates stored with a mark, since they could not be understood or entered as what they are.",
        labels: ["mark"]
    )
    static let writeBatches = Self(
        "switchboard_write_batches_total",
        .counter,
        "Write transactions: committed, one_by_one (committed at the second try, each record alone), failed (nothing written).",
        labels: ["result"]
    )
    static let writeBatchSize = Self(
        "switchboard_write_batch_size",
        .histogram(buckets: toABatch),
        "How many writes, updates and others, a transaction took up."
    )
    static let writeWait = Self(
        "switchboard_write_wait_seconds",
        .histogram(buckets: toTenSeconds),
        "How long the oldest write of each transaction had waited when the transaction began."
    )
    static let commit = Self(
        "switchboard_commit_seconds",
        .histogram(buckets: toTenSeconds),
        "How long committed transactions took, from BEGIN to the end of COMMIT, the flush to the disk included."
    )
    static let flush = Self(
        "switchboard_flush_seconds",
        .histogram(buckets: toTenSeconds),
        "How long the COMMIT alone took: appending to the write-ahead log and fsync."
    )

    // MARK: The store, read when asked

    /// Writes that wait for the next batch.
    public static let writeWaiting = Self("switchboard_write_waiting", .gauge, "Writes that wait for a transaction.")
    /// How long the oldest of them has waited.
    public static let writeOldest = Self(
        "switchboard_write_oldest_seconds",
        .gauge,
        "How long the oldest write that waits for a transaction has waited; 0 if none waits."
    )
    /// The size of the database file.
    public static let databaseBytes = Self("switchboard_database_bytes", .gauge, "Size of the database file.")
    /// The size of the write-ahead log.
    public static let walBytes = Self(
        "switchboard_database_wal_bytes",
        .gauge,
        "Size of the file of the write-ahead log; it is used again from its beginning and does not shrink."
    )
    /// The room on the disk.
    public static let diskFreeBytes = Self(
        "switchboard_disk_free_bytes",
        .gauge,
        "Room on the disk of the data directory that the server may use."
    )
    /// How many bots there are.
    public static let bots = Self(
        "switchboard_bots",
        .gauge,
        "Bots that are not removed, by their state and their standing at Telegram.",
        labels: ["state", "health"]
    )
    /// How many businesses there are.
    public static let businesses = Self(
        "switchboard_businesses",
        .gauge,
        "Businesses by their state.",
        labels: ["state"]
    )
    /// Webhooks to businesses' programs: on and working, failing since their last try, or off.
    public static let handlerWebhooks = Self(
        "switchboard_handler_webhooks",
        .gauge,
        "Webhooks to businesses' own programs that the pipelines call, by their state: ok, failing (the last try failed) or off.",
        labels: ["state"]
    )
    /// Events that wait for a later try.
    public static let deliveriesWaiting = Self(
        "switchboard_deliveries_waiting",
        .gauge,
        "Events for businesses' own programs that wait for a later try, counted up to 100000."
    )
    /// Messages that are noted and not entered into their histories.
    public static let historyTail = Self(
        "switchboard_history_tail_messages",
        .gauge,
        "Messages that are stored and not yet entered into the lists of their conversations."
    )
    /// Updates that were kept but not understood, as `updates failed` lists them.
    public static let keptUpdates = Self(
        "switchboard_kept_updates",
        .gauge,
        "Stored updates with a mark, as `switchboard updates failed` lists them; counted up to 10000."
    )

    // MARK: Sending

    static let outboxQueued = Self(
        "switchboard_outbox_queued_total",
        .counter,
        "Calls put into the outbox, by this server and by commands beside it."
    )
    static let outboxSettled = Self(
        "switchboard_outbox_settled_total",
        .counter,
        "Tries to carry out a call of the outbox, by what became of them.",
        labels: ["outcome"]
    )
    static let outboxPacingWait = Self(
        "switchboard_outbox_pacing_wait_seconds",
        .histogram(buckets: toAnHour),
        "How long a call that was the next of its conversation was held back, to keep Telegram's pace and for its turn."
    )
    static let outboxCall = Self(
        "switchboard_outbox_call_seconds",
        .histogram(buckets: toTenSeconds),
        "How long Telegram took to answer a call of the outbox."
    )
    static let outboxDelivery = Self(
        "switchboard_outbox_delivery_seconds",
        .histogram(buckets: toAnHour),
        "How long after it was put into the outbox a call was carried out."
    )
    static let outboxInFlight = Self(
        "switchboard_outbox_in_flight",
        .gauge,
        "Calls of the outbox that are written and not answered."
    )
    /// Calls of the outbox that are to be carried out.
    public static let outboxWaiting = Self(
        "switchboard_outbox_waiting",
        .gauge,
        "Calls of the outbox that are to be carried out."
    )
    /// How long the oldest of them has waited.
    public static let outboxOldest = Self(
        "switchboard_outbox_oldest_seconds",
        .gauge,
        "How long ago the oldest call that is to be carried out was put into the outbox; 0 if there is none."
    )
    static let telegram429 = Self(
        "switchboard_telegram_429_total",
        .counter,
        "Calls that Telegram refused as too many, by the part of the server that made them.",
        labels: ["caller"]
    )

    // MARK: One business

    static let businessUpdates = Self(
        "switchboard_business_updates_total",
        .counter,
        "New updates stored for a business; those of businesses over the setting's number count as `other`.",
        labels: ["business"]
    )
    static let businessRefused = Self(
        "switchboard_business_refused_total",
        .counter,
        "Updates of a business answered with 503, mostly since it was over its share of what may wait.",
        labels: ["business"]
    )
    static let businessSent = Self(
        "switchboard_business_sent_total",
        .counter,
        "Calls of a business that Telegram carried out.",
        labels: ["business"]
    )

    // MARK: Pipelines

    static let laneJobs = Self(
        "switchboard_lane_jobs_total",
        .counter,
        "Updates that pipelines looked at: ran, not_started (no step was for it), staff_answer, failed.",
        labels: ["result"]
    )
    static let laneWait = Self(
        "switchboard_lane_decision_seconds",
        .histogram(buckets: toAnHour),
        "From an update's arrival to the commit of what its pipeline decided."
    )
    static let lanesDeciding = Self(
        "switchboard_lanes_deciding",
        .gauge,
        "Conversations whose next update is being decided."
    )
    static let lanesAside = Self(
        "switchboard_lanes_waiting",
        .gauge,
        "Conversations that wait for a handler, a pipeline, or for it to be known who wrote."
    )
    static let handlersRunning = Self(
        "switchboard_handlers_running",
        .gauge,
        "Handlers that are being asked."
    )

    // MARK: The process, read when asked

    /// What runs.
    public static let buildInfo = Self(
        "switchboard_build_info",
        .gauge,
        "Always 1; the version that runs is in the label.",
        labels: ["version"]
    )
    /// Reads that a scrape could not be given.
    public static let sourceFailures = Self(
        "switchboard_metrics_source_failures_total",
        .counter,
        "Times that values were left out of a scrape because they could not be read in time.",
        labels: ["source"]
    )
    /// CPU time of the process.
    ///
    /// **Source:** prometheus.io, "Writing client libraries", for this name and the other `process_` ones.
    public static let processCPU = Self(
        "process_cpu_seconds_total",
        .counter,
        "Total user and system CPU time spent in seconds."
    )
    /// File descriptors in use.
    public static let processOpenFiles = Self("process_open_fds", .gauge, "Number of open file descriptors.")
    /// File descriptors that may be used.
    public static let processMaximumFiles = Self("process_max_fds", .gauge, "Maximum number of open file descriptors.")
    /// Address space in use.
    public static let processVirtualMemory = Self(
        "process_virtual_memory_bytes",
        .gauge,
        "Virtual memory size in bytes."
    )
    /// Memory in use.
    public static let processResidentMemory = Self(
        "process_resident_memory_bytes",
        .gauge,
        "Resident memory size in bytes."
    )
    /// When the process began.
    public static let processStart = Self(
        "process_start_time_seconds",
        .gauge,
        "Start time of the process since unix epoch in seconds."
    )

    /// All of them: what dashboards and rules may name.
    public static let all: [Self] = [
        intakeRefused, webhookConnections, slowConnections, intakeUpdates, intakeBytes, intakeMarked, writeBatches,
        writeBatchSize, writeWait, commit, flush, writeWaiting, writeOldest, databaseBytes, walBytes, diskFreeBytes,
        bots, businesses, historyTail, keptUpdates, outboxQueued, outboxSettled, outboxPacingWait, outboxCall,
        outboxDelivery, outboxInFlight, outboxWaiting, outboxOldest, telegram429, businessUpdates, businessRefused,
        businessSent, handlerWebhooks, deliveriesWaiting, laneJobs, laneWait, lanesDeciding, lanesAside,
        handlersRunning, buildInfo, sourceFailures,
        processCPU, processOpenFiles, processMaximumFiles,
        processVirtualMemory, processResidentMemory, processStart,
    ]
}
