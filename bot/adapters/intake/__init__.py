"""Ways in besides HTTP, loaded only where a source uses one."""
