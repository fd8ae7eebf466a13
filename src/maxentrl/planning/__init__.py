"""Soft planning: a problem, the solvers that apply to it, and the solution with its visits."""
