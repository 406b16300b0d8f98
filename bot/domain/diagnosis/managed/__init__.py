"""Rules on managed databases: what their control plane and sessions show, which cause that is, what it rules out."""
