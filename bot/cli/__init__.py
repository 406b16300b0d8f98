"""Commands of `watchkeeper`, one file per command; the only place that prints."""
