"""Rewards: differentiable maps from parameters to a reward table."""
