"""Log mining, baselines and detectors."""
