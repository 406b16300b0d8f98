"""Every constant of the engine in one place, each with where it comes from.

Sources: (m) measured on recorded and simulated incidents when the engine was compared with published methods,
(d) a definition or unit, (j) judgement, to be replaced by calibration. Changing one changes ENGINE.
"""

ENGINE = "graph-shift/3"

# Window
# (j) Alert rules see a fault up to this late; the baseline ends this long before the symptom...
GUARD_S = 300.0
GUARD_SHARE = 0.25  # (j) ...but gives up at most this share of the history that there is.
# (j) An alert that began earlier than this before the incident says nothing of its onset.
STALE_ALERT_S = 900.0

# Shift
LEVEL_SHARE = 0.25  # (m) A level counts when a quarter of the samples, and at least two, reach it.
# (m) With that share, z > 3 gives 0 % false alarms on latency and at most 3.4 % on availability.
ALARM_Z = 3.0
SCALE_FLOOR = {"points": 0.005, "ratio": 1e-9}  # (j) Half a percentage point for bounded metrics.
LEAST_POINTS = 0.01  # (j) Errors and availability: below one point nobody notices.
LEAST_RATIO = 1.2  # (j) Latency and load: below +20 % nobody notices.
COMMON_LEAST = 8  # (j) Fewer services than this have no common pace.
COMMON_MOST = 1.5  # (j) More than half again is an outage, however many share it.
LEAST_SATURATION = 0.10  # (j) Utilisation: below ten points it is ordinary.
HALF_POINTS = 0.05  # (j) Five points of errors have strength one half.
HALF_SATURATION = 0.20  # (j) Twenty points of utilisation have strength one half.
SATURATED = 0.80  # (d) The usual alerting level of utilisation.
SATURATION_WEIGHT = 0.7  # (j) Utilisation is a mechanism; users feel errors and latency.
MEASURED_LEAST = 3  # (d) Fewer baseline points than this give no median worth the name.

# Blame
# (j) Errors below explain slowness above (retries), and slowness errors (timeouts), almost as well as their own kind,
CROSS_ROUTE = 0.8
TIMEOUT_FROM = 0.5  # (j) ...but slowness brings timeouts only when latency has more than doubled.
OFF_ROUTE = 0.5  # (j) Weight of slowness where people complain of errors and nothing timed out.
MATERIAL = (
    0.05  # (j) A callee's delay matters from 5 % of its caller's latency, or of what was added to it, on.
)
TRAFFIC = 0.1  # (j) Fewer requests than a tenth of what users send cannot explain what users feel.
SILENT_HOPS = 1  # (m) One silent service between two symptomatic ones is bridged.
REACH_FLOOR = 0.35  # (j) Share of the score that needs no dependants: a leaf's fault may be its own only.
ALERT_ONLY = 0.5  # (j) Alerts of a service without telemetry count half of what measured symptoms count.
OBSERVED_ONLY = (
    0.25  # (m) Nodes seen only through their callers: setting them apart raised right answers by half.
)
NO_WITNESS = 0.2  # (j) A suspect on whom no alert and no unwell entry depends.
SILENT_BETWEEN = 0.7  # (j) ...and each measured, healthy service between it and the next witness.
MOST_EXAMINED = (
    128  # (d) Bounds the walk where hundreds of services are unwell: those with most trouble of their own.
)
SUSPECT_LEAST = 0.05  # (j) Scores below this share of the best are not worth a reader's time.
MOST_HYPOTHESES = 5  # (d) As many as a reader will look at.

# Lifts: score times (1 + lift * strength)
CHANGE_LIFT = 1.0  # (j) A change just before the onset doubles a suspicion.
NOVELTY_LIFT = 0.5  # (j) New log templates add half.
ALERT_LIFT = 0.2  # (j) Own alerts add a little: they restate the metrics.

# Changes
CHANGE_FULL_S = 600.0  # (j) A change up to ten minutes before the onset has full weight...
CHANGE_DECAY_S = 900.0  # (j) ...then fades with this time constant.
CHANGE_AFTER_S = 45.0  # (j) Onset estimates err by about one scrape and one rate window.
CHANGE_NEAR = 0.5  # (d) Proximity at which a change counts as a signal of its own.

# Demand
DEMAND_RATIO = 1.3  # (j) Request rate up by 30 % is more demand...
DEMAND_LEAST = 0.05  # (j) ...where the extra is at least this share of the busiest service's usual rate.
DRIVEN_SHARE = 0.5  # (d) A client is responsible when it brought at least half of a resource's extra load.
DRIVEN_BY_ABOVE = 0.6  # (j) ...unless its own incoming rate grew at least this much of its outgoing growth.
STEADY_ERRORS = 0.02  # (j) Errors per request count as steady up to two points.
EXCUSED = 0.25  # (j) What is left of a suspicion of slowness or saturation that more demand explains.

# Intrusion
INTRUSION_INSTANCES = (
    2  # (j) A new process alone counts from two instances on; one may be an operator's shell...
)
RELEASE_EXPLAINS = 0.3  # (j) ...and little is left of the suspicion where a release came just before.
INTRUSION_LIFT = 2.0  # (j) Foreign code on several instances outranks slowness elsewhere.

METRIC_FULL = 0.4  # (j) Own trouble of this strength is a full signal.
# Confidence: chance that each signal, alone, names the right service; combined as noisy-or, then discounted.
SIGNAL_TRUST = {  # (m) order of metric and topology, (j) the rest
    "metric": 0.65,
    "topology": 0.50,
    "alert": 0.15,
    "change": 0.60,
    "log": 0.35,
    "demand": 0.55,
    "process": 0.65,
    "connection": 0.60,
    "network": 0.85,
    "own_time": 0.75,
    "failures": 0.75,
    "steps": 0.60,
    "silence": 0.50,
    "resource": 0.05,
}
BLIND = 0.7  # (m) Right answers about what nobody measured; below the line, whatever else agrees.
COVERAGE_FULL = 0.6  # (j) Telemetry for this share of the alerting services is enough.
CEILING = 0.97  # (d) The engine is never certain.
CAUSE_FOUND_AT = 0.70  # (j) The line; calibration on held-out systems decides its final place.

# Argument
MOST_EVIDENCE = 20  # (d) What fits a message.
MOST_SYMPTOMS = 4
MOST_SIGHTINGS = 8
MOST_RULED_OUT = 5
MOST_PATHS = 20  # (d) Bounds the search for the longest way to a symptom.
QUOTE_CHARS = 200

# Calls
GAP_FLOOR_S = 0.002  # (j) Two milliseconds on the way are noise...
GAP_FLOOR_SHARE = 0.05  # (j) ...and so is a twentieth of what the caller usually waits.
HALF_GAP_S = 0.020  # (j) Twenty milliseconds more, over what is usual, have strength one half.
HALF_CALLS = (
    4.0  # (j) Calls with new steps, with failures of their own or missing, at which the strength is one half.
)
LEAST_CALLS = 3.0  # (j) Fewer than three calls are an accident.
LEAST_BASE_CALLS = 20.0  # (j) Steps need a baseline of so many runs.
NEW_STEPS = 5.0  # (j) Steps are new when they are five times as common as before.
HALF_RUNS = 2.0  # (j) Runs with new steps at which the strength is one half, when they took the place of all others...
PASSING = 0.3  # (j) ...and what is left of it when most runs are as they were.
FAINT_POINTS = 0.002  # (j) A fifth of a point is the least spread of a utilisation.
HALF_FAINT_Z = 6.0  # (j) A rise of six times the usual spread has strength one half, as a faint clue.
RARE = 0.2  # (j) A duration that a fifth of the usual calls reach is not unusual.
CHANGED_ARGUMENTS = 0.7  # (j) A caller that misbehaves more often also calls differently.
GONE_SHARE = 0.1  # (j) Lines are gone when less than a tenth of what was to be expected is left.
PLAIN_LINES = 0.4  # (j) Weight of new lines that do not sound like trouble.
HALF_SURPRISE = 4.0  # (j) Silence of this surprise (in nats) has strength one half.
STEADY_CALLS = 0.8  # (j) Calls that were made in four fifths of all steps are missed when they stop.
TELLING = 0.5  # (j) Clues of this weight are an incident without any alert.
TOLD_FROM = 0.1  # (j) Weaker clues are not worth a sentence beside stronger ones.
# How far a clue of each kind is worth believing; time between two sides of a call is hard to explain otherwise.
CLUE_TRUST = {  # (j) order as measured, weights by judgement
    "network": 1.0,
    "saturation": 0.9,
    "failures": 0.9,
    "own_time": 0.8,
    "steps": 0.85,
    "silence": 0.6,
    "log": 0.4,
    "resource": 0.15,
}
