"""Every monitoring system against one contract: payloads/ holds a fixture for each, its head says where it is from."""
