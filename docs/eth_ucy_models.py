"""The recordings of docs/eth_ucy.md, the ways to forecast that are compared there, and how they are scored."""

import abc
import dataclasses
import os
import time
from pathlib import Path

import numpy as np

from maxentrl.forecast.baselines import NoisyConstantVelocity
from maxentrl.forecast.momentum import momentum_ahead, momentum_paths, momentum_points, momentum_starts, momentum_walks
from maxentrl.forecast.points import (
    BANDWIDTHS,
    Tiling,
    choose_smoothing,
    mixed_points,
    occupied_probability,
    sampled_points,
)
from maxentrl.forecast.windows import Windows, windows
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.momentum import momentum_world
from maxentrl.mdp.time import Finite
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.readers.crowd_scene import crowd_ground
from maxentrl.readers.crowds import read_crowd_text
from maxentrl.readers.homography import read_homography
from maxentrl.readers.picture import read_picture
from maxentrl.rewards.momentum import MomentumReward

DATA = Path(os.environ.get("MAXENTRL_DATA", "../shared/data")) / "eth_ucy"
SCENES = {  # recordings, camera, picture, and the longest displacement in metres a decision
    "ETH": (["biwi_eth"], "biwi_eth", "seq_eth", 4.5),
    "Hotel": (["biwi_hotel"], "biwi_hotel", "seq_hotel", 3.0),
    "Univ": (["students001", "students003"], "students003", "students003", 3.0),
    "Zara 1": (["crowds_zara01"], "crowds_zara01", "crowds_zara01", 3.0),
    "Zara 2": (["crowds_zara02"], "crowds_zara02", "crowds_zara02", 3.0),
}
FRAMES, DECISIONS = 4, 3  # recorded frames a decision; decisions in 12 frames
CHANGE = 1.4  # longest change of a displacement, in metres a decision
CELL_SIZES = (0.9, 0.7)  # of the model, chosen on validation
SCORED = 0.25  # metres: cells whose occupation is scored
LEARN, TUNE, SCORE = 500, 120, 600  # windows a scene at most, drawn once
VELOCITIES = (1, 2, 4)  # observed moves that a velocity is the mean of
MIXTURES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]])  # of these, chosen on validation
ANGLES = (3.0, 8.0, 25.0)  # degrees, chosen on validation
PATHS = 200
BEGAN = time.time()


def say(*words):
    """Print with the seconds since the beginning."""
    print(f"{time.time() - BEGAN:5.0f} s", *words, flush=True)


def part(cut, chosen):
    """Some of the windows."""
    return Windows(cut.observed[chosen], cut.future[chosen], cut.person[chosen], cut.frame[chosen])


def velocity(cut, moves):
    """Mean of the last observed moves, in metres a frame."""
    return (cut.observed[:, -1] - cut.observed[:, -1 - moves]) / moves


def speed(cut):
    """Metres a frame when last seen, by which smoothing is classed."""
    return np.linalg.norm(velocity(cut, 2), axis=1)


class Recording:
    """A scene: its windows for learning, validation and scoring, and its ground in cells of each size."""

    def __init__(self, name):
        files, camera, picture, self.reach = SCENES[name]
        self.name, self.homography = name, read_homography(DATA / f"homography/{camera}_H.txt")
        self.picture = DATA / f"scene/{picture}_reference.png"
        self.walkable = read_picture(DATA / f"scene/{picture}_oracle.png")[..., 0]
        found = []
        for number, file in enumerate(files):
            crowd = read_crowd_text(DATA / f"raw/{file}.txt")
            one = windows(crowd.person, crowd.frame, crowd.position)
            found.append(dataclasses.replace(one, person=one.person + 100_000 * number))
        self.all = Windows(
            *(np.concatenate([getattr(one, f.name) for one in found]) for f in dataclasses.fields(Windows))
        )
        generator = np.random.default_rng(0)
        people = generator.permutation(np.unique(self.all.person))
        held = np.isin(self.all.person, people[: max(1, len(people) // 5)])
        self.learn, self.tune, self.score = (
            part(self.all, np.sort(generator.permutation(np.flatnonzero(mine))[:most]))
            for mine, most in ((~held, LEARN), (held, TUNE), (np.ones(len(held), bool), SCORE))
        )
        self.grounds = {size: crowd_ground(self.walkable, self.homography, cell_size=size) for size in CELL_SIZES}
        self.worlds = {size: self.world(size) for size in CELL_SIZES}
        self.tiling = Tiling(self.grounds[CELL_SIZES[0]].ground.origin, SCORED)
        self.cells = round(self.grounds[CELL_SIZES[0]].area / SCORED**2)

    def world(self, size):
        """Walkers with momentum on cells of a size."""
        ground = self.grounds[size]
        return momentum_world(
            ground.layers,
            cell_size=size,
            reach=self.reach,
            change=CHANGE,
            walls=ground.walls,
            origin=ground.ground.origin,
        )

    def problem(self, size, reward):
        """Learning from windows; each scene weighs alike."""
        momentum, cut = self.worlds[size], self.learn
        places = np.concatenate([cut.observed[:, -1:], cut.future[:, FRAMES - 1 :: FRAMES]], axis=1)
        walks = momentum_walks(momentum, places, FRAMES * velocity(cut, 2))
        walks = dataclasses.replace(walks, weights=np.full(len(walks), LEARN / len(walks)))
        return InverseProblem(momentum.world.mdp, reward(momentum), walks, Finite())


def linear(momentum):
    """A weight for each feature of changes and cells, without standard errors: windows overlap."""
    reward = MomentumReward.of(momentum)
    return dataclasses.replace(reward, coefficients=np.zeros(len(reward.names), bool))


class AbstractMomentum(abc.ABC):
    """A forecast of walkers with momentum, its starts mixed over estimates of the velocity."""

    mixture: np.ndarray

    @abc.abstractmethod
    def one(self, recording, cut, moves):
        """Points when the velocity is the mean of so many moves."""

    @abc.abstractmethod
    def drawn(self, recording, cut, moves, count, blur):
        """Paths when the velocity is the mean of so many moves."""

    def points(self, recording, cut):
        """Points of the mixture."""
        used = [(self.one(recording, cut, m), w) for m, w in zip(VELOCITIES, self.mixture, strict=True) if w]
        return tuple(mixed_points(list(at), [w for _, w in used]) for at in zip(*(p for p, _ in used), strict=True))

    def paths(self, recording, cut, blur):
        """Twenty paths of the mixture."""
        counts = np.diff(np.rint(20 * np.concatenate([[0], self.mixture.cumsum()])).astype(int))
        each = zip(VELOCITIES, counts.tolist(), strict=True)
        return np.concatenate([self.drawn(recording, cut, m, count, blur) for m, count in each if count])

    def candidates(self, recording):
        """Probabilities of the occupied cells of the validation windows, one a mixture and bandwidth."""
        cut = recording.tune
        each = [
            occupied_probability(self.one(recording, cut, m), cut.future, recording.tiling, BANDWIDTHS)
            for m in VELOCITIES
        ]
        return np.tensordot(MIXTURES, np.stack(each), 1)

    def smoothed(self, recordings):
        """With the mixture and smoothing of least loss on the validation windows of some scenes."""
        known = np.concatenate([self.candidates(r) for r in recordings], axis=2)
        found = [smoothing_of(one, recordings) for one in known]
        best = int(np.argmin([loss for _, loss in found]))
        self.mixture = MIXTURES[best]
        return Smoothed(self, *found[best])


class Momentum(AbstractMomentum):
    """Of a learnt reward alone."""

    def __init__(self, size, reward, parameters):
        self.size, self.reward, self.parameters, self.mixture, self.solved = size, reward, parameters, MIXTURES[3], {}

    def solution(self, recording):
        """The plan in a scene."""
        if recording.name not in self.solved:
            momentum = recording.worlds[self.size]
            table = reward_table(self.reward(momentum), self.parameters)
            self.solved[recording.name] = solve(SoftProblem(momentum.world.mdp, table, Finite(DECISIONS), 1.0))
        return recording.worlds[self.size], self.solved[recording.name]

    def one(self, recording, cut, moves):
        momentum, solution = self.solution(recording)
        starts = momentum_starts(momentum, cut.observed[:, -1], FRAMES * velocity(cut, moves))
        return momentum_points(momentum, starts, momentum_ahead(momentum, solution, starts), FRAMES)

    def drawn(self, recording, cut, moves, count, blur):
        momentum, solution = self.solution(recording)
        starts = momentum_starts(momentum, cut.observed[:, -1], FRAMES * velocity(cut, moves))
        return momentum_paths(momentum, solution, starts, count, FRAMES, blur=blur, seed=moves)


class Noisy:
    """Constant velocity turned by a Gaussian angle."""

    def __init__(self, angle, moves):
        self.angle, self.moves, self.known = angle, moves, {}

    def sample(self, cut, count, seed):
        last = cut.observed[:, -1]
        seen = np.stack([last - velocity(cut, self.moves), last], axis=1)
        return NoisyConstantVelocity(self.angle).sample(seen, 12, count, seed=seed)[:, :, 1:]

    def points(self, recording, cut):
        return sampled_points(self.sample(cut, PATHS, 1))

    def candidates(self, recording):
        if recording.name not in self.known:
            cut = recording.tune
            found = occupied_probability(self.points(recording, cut), cut.future, recording.tiling, BANDWIDTHS)
            self.known[recording.name] = found
        return self.known[recording.name]

    def smoothed(self, recordings):
        known = np.concatenate([self.candidates(r) for r in recordings], axis=1)
        return Smoothed(self, *smoothing_of(known, recordings))

    def paths(self, recording, cut, blur):
        noise = np.random.default_rng(3).normal(size=(20, len(cut), 1, 2)) * blur[None, :, :, None]
        return self.sample(cut, 20, 2) + noise


def smoothing_of(known, recordings):
    """Each scene weighs alike."""
    weight = np.concatenate([np.full(len(r.tune), 1 / len(r.tune)) for r in recordings])
    cells = np.concatenate([np.full(len(r.tune), float(r.cells)) for r in recordings])
    return choose_smoothing(known, np.concatenate([speed(r.tune) for r in recordings]), weight, cells)


@dataclasses.dataclass
class Smoothed:
    """A way to forecast, how its points are smoothed, and its loss on validation."""

    way: object
    smoothing: object
    loss: float

    def scores(self, recording):
        """Nats of the occupied cells and distances of the mean, (W, 12); distances of the best of 20 paths, (W,)."""
        cut, rate = recording.score, speed(recording.score)
        points = self.way.points(recording, cut)
        losses = self.smoothing.losses(points, cut.future, recording.tiling, rate, recording.cells)
        mean = np.stack([here.mean(len(cut)) for here in points], axis=1)
        paths = self.way.paths(recording, cut, self.smoothing.of(rate))
        return {"nll": losses, **distances(mean, cut), **best_of(paths, cut)}


def distances(mean, cut):
    """Of the expected position, mean over steps and at the last."""
    away = np.linalg.norm(mean - cut.future, axis=-1)
    return {"ade": away.mean(1), "fde": away[:, -1]}


def best_of(paths, cut):
    """The nearest of some paths, by each measure."""
    away = np.linalg.norm(paths - cut.future, axis=-1)
    return {"best_ade": away.mean(-1).min(0), "best_fde": away[..., -1].min(0)}
