"""The simulated production world: physics, telemetry, alerts, AWS front and control door. Demo and tests only."""
