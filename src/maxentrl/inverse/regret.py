"""What a learnt reward costs whoever acts on it, by the true one: exact, by planning under both."""

from __future__ import annotations

import dataclasses

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_evaluation import evaluate_policy, expected_return
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import Start, start_mass
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True)
class Regret:
    """Values of two policies under the true reward, in its units.

    Attributes:
        best: soft value of the true reward's own policy.
        reached: soft value of the learnt reward's policy.
        best_return: expected reward of the first, without entropy.
        reached_return: expected reward of the second, without entropy.
    """

    best: float
    reached: float
    best_return: float
    reached_return: float

    @property
    def soft(self) -> float:
        """best − reached ≥ 0: τ times the divergence of the learnt policy's paths from the true policy's."""
        return self.best - self.reached

    @property
    def lost_return(self) -> float:
        """Reward lost, of either sign: a policy that is less random than the true one may collect more."""
        return self.best_return - self.reached_return


def regret(truth: SoftProblem, learnt: RewardTable, start: Start) -> Regret:
    """The regret of the soft policy of ``learnt`` in the problem of the true reward.

    Unlike a distance between reward tables it does not change under potential shaping, which no data can tell.

    Args:
        truth: the problem with the true reward, causal entropy.
        learnt: rewards learnt for the same process.
        start: a state or a distribution.

    Raises:
        InvalidInput: tables of different shapes, or the trajectory-level form under stochastic dynamics.
        Failure: as planning does, for instance INFINITE_PARTITION under the learnt reward.
    """
    if learnt.pair.shape[-2:] != truth.reward.pair.shape[-2:]:
        raise InvalidInput(f"the learnt reward has shape {learnt.pair.shape}, the true one {truth.reward.pair.shape}")
    own = solve(truth)
    policy = solve(dataclasses.replace(truth, reward=learnt)).policy
    values = evaluate_policy(truth, policy).values
    horizon = values.shape[0] - 1 if values.ndim == 2 else None
    mass = start_mass(start, truth.mdp.n_states, horizon)
    reached = float((mass[mass != 0] * values[mass != 0]).sum())
    return Regret(
        own.value(start), reached, expected_return(truth, own.policy, start), expected_return(truth, policy, start)
    )
