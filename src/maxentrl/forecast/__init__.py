"""Where a walker goes next: goals, visits over time, paths, hidden positions, and how good the forecast was."""
