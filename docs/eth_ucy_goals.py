"""Walkers with momentum who may be heading for places on the border of the map: a mixture of plans, one a goal.

r_g = r + κ · (−‖x_T − g‖) at the end,    p(g | observed) ∝ p(observed | g),    forecast = Σ_g p(g | observed) p_g
"""

import dataclasses

import numpy as np
import scipy.sparse as sp
from eth_ucy_models import DECISIONS, FRAMES, AbstractMomentum, velocity
from scipy.ndimage import binary_dilation
from scipy.special import logsumexp, softmax

from maxentrl.forecast.momentum import (
    MomentumStarts,
    momentum_ahead,
    momentum_paths,
    momentum_points,
    momentum_starts,
    momentum_walks,
)
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Finite
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem

GOALS = 12  # on the walkable border of a scene's map
PULLS = (0.1, 0.3)  # κ, in nats a metre
NEGLIGIBLE = 0.02  # goals of a smaller share of a walker are left out


def border_goals(recording, size):
    """Walkable cells at the edge of what the camera sees, each as far as can be from those before, (G, 2) in metres."""
    momentum, layers = recording.worlds[size], recording.grounds[size].layers
    number, outside = momentum.geometry.state_of_cell, layers["outside"] > 0
    beside = binary_dilation(np.pad(outside, 1, constant_values=True))[1:-1, 1:-1]
    place = momentum.geometry.position[number[beside & ~outside & (layers["blocked"] < 0.5) & (number >= 0)]]
    chosen = [int(np.argmax(place.sum(1)))]
    away = np.linalg.norm(place - place[chosen[0]], axis=1)
    while len(chosen) < min(GOALS, len(place)):
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(place - place[chosen[-1]], axis=1))
    return place[chosen]


class MomentumToGoals(AbstractMomentum):
    """A learnt reward with a pull of κ nats a metre towards a goal that is not known."""

    def __init__(self, plain, pull):
        self.plain, self.pull, self.mixture, self.solved = plain, pull, plain.mixture, {}

    def solutions(self, recording):
        """A plan for each goal, and log Σ_d exp(V_g − V)(d, c) of each goal and cell, V without a goal."""
        if recording.name not in self.solved:
            momentum, size = recording.worlds[self.plain.size], self.plain.size
            table = reward_table(self.plain.reward(momentum), self.plain.parameters)
            cells, displacements = momentum.n_cells, len(momentum.displacements)
            away = np.linalg.norm(momentum.geometry.position[:cells] - border_goals(recording, size)[:, None], axis=-1)
            ends = [np.zeros(cells), *(-self.pull * away)]
            found = [
                solve(
                    SoftProblem(
                        momentum.world.mdp,
                        RewardTable(table.pair, np.asarray(table.terminal) + np.tile(end, displacements)),
                        Finite(DECISIONS + 1),
                        1.0,
                    )
                )
                for end in ends
            ]
            gains = [one.scaled_values[0] - found[0].scaled_values[0] for one in found[1:]]
            norm = np.stack([logsumexp(gain.reshape(displacements, cells), axis=0) for gain in gains])
            plans = [dataclasses.replace(one, scaled_values=one.scaled_values[1:]) for one in found[1:]]
            self.solved[recording.name] = plans, norm
        return recording.worlds[self.plain.size], *self.solved[recording.name]

    def posterior(self, recording, cut):
        """p(goal | the 8 positions), (G, W): a displacement up to the fourth, then one decision up to the last.

        The displacement tells where somebody is heading: given a goal it has probability ∝ exp(V_g − V), V the value
        without a goal.
        """
        momentum, plans, norm = self.solutions(recording)
        first = FRAMES / (FRAMES - 1) * (cut.observed[:, 3] - cut.observed[:, 0])
        walks = momentum_walks(momentum, cut.observed[:, [3, 7]], first)
        before, now = np.array([walks.states_of(k) for k in range(len(walks))]).T
        found = softmax(np.stack([p.scaled_values[0][now] for p in plans]) - norm[:, before % momentum.n_cells], axis=0)
        found = np.where(found < NEGLIGIBLE, 0.0, found)
        return found / found.sum(0)

    def one(self, recording, cut, moves):
        momentum, plans, _ = self.solutions(recording)
        starts = momentum_starts(momentum, cut.observed[:, -1], FRAMES * velocity(cut, moves))
        ahead = [sp.csr_array((len(starts.state), momentum.world.mdp.n_states)) for _ in range(DECISIONS)]
        for plan, share in zip(plans, self.posterior(recording, cut), strict=True):
            rows = np.flatnonzero(share[starts.walker])
            if not len(rows):
                continue
            mine = MomentumStarts(*(getattr(starts, field.name)[rows] for field in dataclasses.fields(starts)))
            weight = share[starts.walker[rows]]
            spread = sp.csr_array((weight, (rows, np.arange(len(rows)))), shape=(len(starts.state), len(rows)))
            ahead = [
                before + spread @ mass for before, mass in zip(ahead, momentum_ahead(momentum, plan, mine), strict=True)
            ]
        return momentum_points(momentum, starts, ahead, FRAMES)

    def drawn(self, recording, cut, moves, count, blur):
        momentum, plans, _ = self.solutions(recording)
        starts = momentum_starts(momentum, cut.observed[:, -1], FRAMES * velocity(cut, moves))
        share = self.posterior(recording, cut).cumsum(0)
        draw = np.random.default_rng(moves).random((count, len(cut)))
        goal = np.minimum((share[:, None] < draw).sum(0), len(plans) - 1)
        found = np.empty((count, *cut.future.shape))
        for k, plan in enumerate(plans):
            seed = 10 * (k + 1) + moves
            paths = momentum_paths(momentum, plan, starts, count, FRAMES, blur=blur, seed=seed)
            found[goal == k] = paths[goal == k]
        return found
