"""What the demonstrations hold of each test function, in expectation over walks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.function_classes import FunctionClass
from maxentrl.inverse.rows import DecisionRows, decision_rows
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.status import InvalidInput


def data_features(
    mdp: MDP, trajectories: Trajectories, functions: FunctionClass, time: Time
) -> Float[np.ndarray, " K"]:
    """E_data φ = Σ_i w_i (Σ_t γᵗ φ(s_t, a_t) + γᵀ φ_end(s_T)) / Σ_i w_i, (K,).

    Raises:
        InvalidInput: impossible moves; censored walks, walks that end neither at their goal, nor at the horizon, nor in
            a terminal state (under a discount these carry mass (1 − γᵀ)/(1 − γ), a policy 1/(1 − γ)); or a function that
            depends on an action that was not seen.
    """
    rows = decision_rows(mdp, trajectories)
    _check_complete(mdp, trajectories, time)
    own = trajectories.weights / trajectories.weights.sum()
    discount = time.discount if isinstance(time, Discounted) else 1.0
    share = _shares(mdp, trajectories, rows, functions)
    mass = share * (own[rows.trajectory] * discount**rows.step)[rows.decision]
    pair = np.zeros(functions.pair.shape[1:])
    np.add.at(pair, (rows.action, rows.state), mass)
    ended = np.bincount(trajectories.ends, own * discount**trajectories.lengths, mdp.n_states)
    return np.tensordot(functions.pair, pair, 2) + functions.terminal @ ended


def _shares(
    mdp: MDP, trajectories: Trajectories, rows: DecisionRows, functions: FunctionClass
) -> Float[np.ndarray, " R"]:
    """One for decisions whose action was seen; an even share where the actions that explain a move are alike in φ."""
    count = np.bincount(rows.decision, minlength=len(rows.first))
    several = np.flatnonzero(count[rows.decision] > 1)
    first = rows.first[rows.decision[several]]
    for name, table in zip(functions.names, functions.pair, strict=True):
        here = table[rows.action[several], rows.state[several]]
        differs = np.abs(here - table[rows.action[first], rows.state[first]]) > 1e-12 * (1.0 + np.abs(here))
        if differs.any():
            decision = rows.decision[several[np.argmax(differs)]]
            raise InvalidInput(
                f"trajectory {trajectories.names[rows.trajectory[decision]]}, step {rows.step[decision]}: '{name}' "
                f"depends on the action in state {mdp.state_name(int(rows.state[rows.first[decision]]))}, which was not "
                "observed; record actions, use functions of states, or clone by counting, which sums actions out"
            )
    return 1.0 / count[rows.decision]


def _check_complete(mdp: MDP, trajectories: Trajectories, time: Time) -> None:
    names, problems = trajectories.names, []
    censored = [n for n, c in zip(names, trajectories.censored, strict=True) if c]
    if censored:
        problems.append(
            f"matching needs complete walks, and {len(censored)} are censored ({', '.join(censored[:5])}): clone them, "
            "which takes them as they are, or drop them"
        )
    ended = mdp.terminal[trajectories.ends]
    if isinstance(time, Finite):
        wrong = trajectories.lengths != (time.horizon or 0)
        wrong &= ~ended | (trajectories.lengths > (time.horizon or 0))
        cure = f"have neither {time.horizon} decisions nor a terminal end"
    elif isinstance(time, ToGoal):
        own = np.where(trajectories.goals >= 0, trajectories.ends == trajectories.goals, False)
        shared = (trajectories.goals < 0) & np.isin(trajectories.ends, time.goals or ())
        wrong, cure = ~(own | shared), "do not end at their goal"
    else:
        wrong, cure = ~ended, "do not end in a terminal state, so they carry less mass than a policy under a discount"
    index = np.flatnonzero(wrong & ~trajectories.censored)
    if len(index):
        listed = ", ".join(names[i] for i in index[:5])
        problems.append(f"{len(index)} walks {cure} ({listed}): drop or mend them")
    if problems:
        raise InvalidInput(problems)
