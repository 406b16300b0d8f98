"""Tests of the local Slack double, over real sockets."""
