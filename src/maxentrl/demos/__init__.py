"""Demonstrations: trajectories and feature counts."""
