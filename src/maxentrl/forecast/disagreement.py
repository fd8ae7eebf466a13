"""Where the members of an ensemble would walk differently."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float

from maxentrl.numerics.precision import double_precision
from maxentrl.planning.at_time import StepReader
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import InvalidInput


@double_precision
def policy_disagreement(
    members: Sequence[Sequence[SoftSolution]], weights: Float[np.ndarray, " G"]
) -> Float[np.ndarray, " S"]:
    """Share of next moves on which two members of an ensemble differ, in each state, (S,), from 0 to 1.

        Σ_g w_g mean_{i<j} ½ Σ_a |π_i(a|s, g) − π_j(a|s, g)|

    Policies are compared, not rewards: rewards that differ by shaping (and, under a horizon or a discount, by a constant)
    differ everywhere and move nobody, so that their spread would show what no data can tell. Total variation is the least
    share of moves that differ however the members' moves are paired. Under a horizon it is the mean over its times.

    Args:
        members: for each member its solutions of the same G groups, such as one a goal.
        weights: how many walk in each group, (G,).

    Returns:
        NaN in states where no group has a choice: goals, and states from which none can arrive.

    Raises:
        InvalidInput: fewer than two members, or members with other groups.
    """
    if len(members) < 2 or any(len(member) != len(weights) for member in members) or not np.sum(weights) > 0:
        raise InvalidInput(
            f"{len(members)} members with {[len(member) for member in members]} groups for {len(weights)} weights: expected "
            "at least two members, each with one solution a weight"
        )
    total, mass = np.zeros(members[0][0].problem.mdp.n_states), np.zeros(members[0][0].problem.mdp.n_states)
    for group, weight in enumerate(weights):
        readers = [StepReader(member[group]) for member in members]
        first = members[0][group]
        times = len(first.scaled_values) - 1 if first.finite_horizon else 1
        for time in range(times):
            policies = [np.exp(reader.log_policy(time)) for reader in readers]
            chosen = np.all([policy.sum(0) > 0 for policy in policies], axis=0)
            apart = np.mean([0.5 * np.abs(one - other).sum(0) for one, other in combinations(policies, 2)], axis=0)
            total += np.where(chosen, weight / times * apart, 0.0)
            mass += np.where(chosen, weight / times, 0.0)
    return np.where(mass > 0, np.minimum(total / np.where(mass > 0, mass, 1.0), 1.0), np.nan)
