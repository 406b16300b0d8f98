"""Watchkeeper: alerts in, cause found, safe action out.

The data's way: http | slack -> pipeline/normalize, dedupe, correlate, declare -> investigate -> propose ->
approve -> execute -> review. `wiring` builds one process each; `jobs` holds the queue's entry points.
"""
