"""Executor: the only writers; imported by the executor process alone."""
