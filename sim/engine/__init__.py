"""The engine: one clock, two rooms."""
