"""The deterministic engine: telemetry in, ranked causes with their evidence out; pure, no clock, no model.

`engine.diagnose` is the public door. Read next: `tuning` (every constant and where it comes from), `window`
(before and after), `symptoms` (what is wrong with each service), `blame` (whose fault), `confidence`, `argument`.
"""
