"""What scripts/benchmark measures, a module each."""
