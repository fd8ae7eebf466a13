"""Learn on four scenes of ETH/UCY, forecast the fifth, and keep the scores that the tables of docs/eth_ucy.md are made of.

MAXENTRL_DATA=… python docs/eth_ucy_tables.py [folder, by default runs/eth_ucy [scenes to leave out, by default all]]
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from eth_ucy_goals import PULLS, MomentumToGoals
from eth_ucy_models import (
    ANGLES,
    CELL_SIZES,
    SCENES,
    VELOCITIES,
    Momentum,
    Noisy,
    Recording,
    best_of,
    distances,
    linear,
    say,
    velocity,
)

from maxentrl.inverse.decay import weight_decay
from maxentrl.inverse.fit import fit
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.optimise import silent
from maxentrl.rewards.convolution import convolutional
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.rewards.outputs import AnySign, Ends
from maxentrl.rewards.reward import starting_parameters
from maxentrl.rewards.sums import SumReward

TOLERANCE = 3e-3  # of the gradient, in nats a window
DECAY = 5.0  # of the network's weights, against 500 windows of each of four scenes
STOPS = (8, 16, 30)  # evaluations after which the network may be stopped; or at once, at the linear reward


def learnt(recordings, reward, size, start, most=150, prior=None, progress=silent):
    """A reward fitted to several scenes together."""
    problems = [recording.problem(size, reward) for recording in recordings]
    optimiser = LBFGSB(gradient_tolerance=TOLERANCE, max_evaluations=most)
    return fit(problems, start=start, optimiser=optimiser, prior=prior, progress=progress)


def network_reward(first):
    """The linear reward plus a network over the map, its layers scaled as in the first scene."""
    network = convolutional(first.world, channels=(8, 8), output=AnySign(), ends=Ends.LIKE_STATES)
    return lambda momentum: SumReward.of(MomentumReward.of(momentum), network.on(momentum.world))


def network_start(reward, weights):
    """The linear reward's weights, and a network that gives 0: its last layer's weights and bias are 0."""
    start, last = starting_parameters(reward), sum(int(np.prod(shape)) for _, shape in reward.parts[1].blocks[-2:])
    start[: len(weights)], start[-last:] = weights, 0.0
    return start


def deepened(training, plain):
    """The linear reward with a network learnt from there, stopped where validation says: 0 is the linear reward."""
    momentum, path = training[0].worlds[plain.way.size], []
    reward = network_reward(momentum)
    first = reward(momentum)
    start = network_start(first, plain.way.parameters)
    prior = weight_decay(first, DECAY)
    fitted = learnt(training, reward, plain.way.size, start, STOPS[-1], prior, path.append)
    found = {0: Momentum(plain.way.size, reward, start).smoothed(training)}
    for stop in STOPS:
        best = max(path[:stop], key=lambda step: step.value)
        found[stop] = Momentum(plain.way.size, reward, best.parameters).smoothed(training)
    stop = min(found, key=lambda one: found[one].loss)
    say(f"network: {fitted.status.name} after {len(path)}", {k: round(v.loss, 4) for k, v in found.items()})
    return found[stop], stop


def sized(training, size, start):
    """The linear reward on cells of a size, with its smoothing."""
    began = time.time()
    fitted = learnt(training, linear, size, start)
    found = Momentum(size, linear, fitted.parameters).smoothed(training)
    say(f"{size} m, {fitted.status.name} after {len(fitted.history)}, validation {found.loss:.4f}")
    return found, round(time.time() - began)


def fold(left, recordings, noisy, starts):
    """Everything learnt and chosen on the other scenes, scored on the one left out."""
    training = [r for r in recordings if r is not left]
    sizes = {size: sized(training, size, starts.get(size)) for size in CELL_SIZES}
    starts.update({size: one.way.parameters for size, (one, _) in sizes.items()})
    size = min(CELL_SIZES, key=lambda one: sizes[one][0].loss)
    plain = sizes[size][0]
    tried = {str(one): [round(found.loss, 4), seconds] for one, (found, seconds) in sizes.items()}
    base = min((one.smoothed(training) for one in noisy), key=lambda one: one.loss)
    say(f"noisy {base.way.angle}°, {base.way.moves} moves, validation {base.loss:.4f}")
    deep, stop = deepened(training, plain)
    goals = {pull: MomentumToGoals(plain.way, pull).smoothed(training) for pull in PULLS}
    pull = min(PULLS, key=lambda one: goals[one].loss)
    say("goals", {one: round(found.loss, 4) for one, found in goals.items()})
    last, published = velocity(left.score, 1), Noisy(25.0, 1)
    straight = left.score.observed[:, -1:] + np.arange(1, 13)[None, :, None] * last[:, None]
    scores = {
        "constant velocity": distances(straight, left.score),
        "noisy constant velocity, 25°": best_of(published.sample(left.score, 20, 2), left.score),
        "noisy constant velocity, smoothed": base.scores(left),
        "linear": plain.scores(left),
        "linear, goals on the border": goals[pull].scores(left),
        "convolutional": deep.scores(left),
    }
    chosen = {
        "cell size": size,
        "sizes": tried,
        "velocity": plain.way.mixture.round(2).tolist(),
        "noise": [base.way.angle, base.way.moves],
        "validation": [round(one.loss, 4) for one in (base, plain, deep)],
        "stopped": stop,
        "goals": {str(one): round(found.loss, 4) for one, found in goals.items()},
        "linear": fitted_names(plain.way, training[0]),
        "bandwidths": plain.smoothing.bandwidth.round(2).tolist(),
        "floor": plain.smoothing.floor.tolist(),
    }
    say(
        left.name,
        {name: {k: round(float(v.mean()), 3) for k, v in one.items()} for name, one in scores.items()},
        chosen,
    )
    return scores, chosen


def fitted_names(way, recording):
    """Linear weights by name."""
    names = way.reward(recording.worlds[way.size]).names
    return {name: round(float(value), 3) for name, value in zip(names, way.parameters, strict=True)}


if __name__ == "__main__":
    recordings = [Recording(name) for name in SCENES]
    say("read", {r.name: (len(r.all), r.worlds[CELL_SIZES[0]].world.mdp.n_states) for r in recordings})
    noisy, starts = [Noisy(angle, moves) for angle in ANGLES for moves in VELOCITIES], {}
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/eth_ucy")
    folder.mkdir(parents=True, exist_ok=True)
    began = time.time()
    for recording in (r for r in recordings if r.name in (sys.argv[2:] or SCENES)):
        scores, chosen = fold(recording, recordings, noisy, starts)
        flat = {f"{name}/{key}": value for name, one in scores.items() for key, value in one.items()}
        np.savez(folder / f"{recording.name}.npz", person=recording.score.person, **flat)
        (folder / f"{recording.name}.json").write_text(json.dumps(chosen, indent=1))
    (folder / "minutes.json").write_text(json.dumps(round((time.time() - began) / 60, 1)))
