"""File formats → worlds, trajectories and specifications."""
