"""One file per verb of /incident and @watchkeeper."""
