"""Everything outbound: one folder per port, one file per system; the folder is the registry."""
