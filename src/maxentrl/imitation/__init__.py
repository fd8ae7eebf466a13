"""Imitation without a reward: cloning the choices, or matching what is visited."""
