"""The demo: the whole product on one machine, supervised, with a driver that plays a scenario from outside."""
