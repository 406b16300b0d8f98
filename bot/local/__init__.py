"""The local Slack double, the simulated world and its scenarios; used by the demo and the tests only."""
