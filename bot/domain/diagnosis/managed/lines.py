"""Every line that the rules on managed databases draw, with where it comes from.

(v) the vendor's documentation or its recommended alarm, (d) a definition, (j) judgement.
"""

CPU_FULL = 85.0  # (v) Percent; recommended alarms stand between 80 and 90.
CPU_SHARE = 1 / 3  # (j) Share of the samples that must be above it: a spike is no saturation.
CPU_HIGH = 65.0  # (j) Percent from which on piling work is worth a guess.
CPU_RAISED = 1.5  # (j) Factor from which on a rise is worth explaining away.
FULL = 0.95  # (j) Share of the session ceiling from which on clients are refused sooner or later.
NEAR_FULL = 0.80  # (v) The recommended alarm: worth a look, no incident.
SESSIONS_GREW = 1.3  # (j) Growth from which on refusals are believed where the ceiling is a guess...
SESSIONS_STAND = 0.97  # (j) ...and the sessions stand at their peak.
IDLE_SHARE = 0.4  # (j) Load that waits for the client from which on sessions are held rather than used.
LEADING = 0.4  # (j) Share of the load from which on one statement leads.
BESIDE = 0.10  # (j) Share of the load from which on a statement is other work of its own.
STORAGE_OUT = 0.02  # (j) Free share at which writes are about to stop.
STORAGE_LOW = 0.10  # (v) The recommended alarm.
STORAGE_LEAST = 2**30  # (j) Bytes; a gibibyte is gone in one sort.
STORAGE_HORIZON_S = 3600.0  # (j) Low and gone within an hour at this rate is an incident already.
STALLED = 0.10  # (j) Writes at a tenth of what is usual have stopped.
SLOW_WRITE_S = 1.0  # (j) A write that takes a second is a hang.
LAG = 60.0  # (j) Seconds; readers notice a minute, and replication of a calm system needs about one second.
LAG_STANDS = 0.5  # (j) Below half of its peak the replica is catching up.
LOG_SURGE = 2.0  # (j) Twice the writes or the log is a write-heavy phase.
GAP = 0.30  # (j) A minute's average that holds 45 s of outage is below a third.
GAP_ALONE = 0.10  # (j) Without any event only a real hole counts.
NEAR_EVENT_S = 600.0  # (j) Event and effect belong together within ten minutes.
STALE_EVENT_S = 1800.0  # (j) What was recorded this long before the window explains nothing in it.
MEMORY_LOW = 0.05  # (v) Free share of the class's memory.
MEMORY_LOST = 0.20  # (j) Left of what was free at the beginning.
SWAP_GREW = 2.0
SWAP_LEAST = 256 * 2**20  # (j) Bytes of swap that matter.
LOCK_SHARE = 0.5  # (j) More than half of the load waits for locks.
BUSY_LOAD = 2.0  # (j) Twice the active sessions of before.
DEADLOCKS = 0.05  # (j) Per second: three a minute.
QUEUE = 10.0  # (v) Outstanding requests per disk from which on it is saturated.
SLOW_IO_S = 0.020  # (v) Twenty milliseconds.
IO_GREW = 5.0
BURST_LEFT = 10.0  # (v) Percent of the burst balance.
TRANSACTION_IDS = 1.0e9  # (v) Half of the ids there are; vacuum is not keeping up.
