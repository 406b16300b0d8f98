"""A simulated Kubernetes API that the real kubectl talks to: a strict subset, state in memory, demo and tests only."""
