"""Where the dependency graph comes from besides traces: files, a Backstage catalogue, the cluster's own words."""
