"""JobQueue: RQ, and inline for tests and one-process use."""
