"""Every route of the web process as it is shipped, against bodies that nobody would send and against the OpenAPI file."""
