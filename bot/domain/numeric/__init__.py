"""The parts of the engine that need arrays; numpy allowed here only."""
