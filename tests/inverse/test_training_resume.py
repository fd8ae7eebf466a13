"""Training that was broken off goes on to the same parameters, bit for bit."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import optax
import pytest

from inverse.test_training import GOALS, STILL, problem_of, walks
from maxentrl.inverse.batches import EveryWalk, GoalBatches, WalkBatches
from maxentrl.inverse.fit import fit
from maxentrl.inverse.gradient_steps import GradientSteps, adam
from maxentrl.inverse.held_out import HeldOut
from maxentrl.inverse.training_state import TrainingState
from maxentrl.runs.training_files import load_training, save_training
from maxentrl.status import InvalidInput, Status

HELD = HeldOut(walks(STILL, count=4, length=None, goals=GOALS, seed=5), every=3, patience=50)


@pytest.mark.parametrize(
    ("kind", "batches", "held_out"),
    [
        ("sum, to goal", EveryWalk(), None),
        ("sum, to goal", GoalBatches(1), HELD),
        ("perceptron, discounted", WalkBatches(3), None),
    ],
)
def test_a_resumed_run_has_the_same_parameters(kind, batches, held_out, tmp_path):
    problem = problem_of(kind, count=9)
    problem = dataclasses.replace(
        problem, time=problem.time if held_out or "goal" in kind else type(problem.time)(0.999)
    )
    states: list[TrainingState] = []
    steps = GradientSteps(adam(0.05), steps=14, batches=batches, held_out=held_out, seed=2, keep=states.append)
    whole = fit(problem, optimiser=steps)
    for broken_off in (3, 8):
        save_training(tmp_path / "state", states[broken_off - 1])
        state = load_training(tmp_path / "state")
        assert state.step == broken_off
        rest: list[TrainingState] = []
        resumed = fit(problem, optimiser=dataclasses.replace(steps, resume=state, keep=rest.append))
        assert resumed.parameters.tobytes() == whole.parameters.tobytes()
        assert len(rest) == 14 - broken_off
        assert rest[-1].to_bytes() == states[-1].to_bytes()
    if "discounted" in kind:
        assert states[-1].plans


def test_the_state_of_another_fit_is_refused():
    problem, states = problem_of("sum, to goal"), []
    steps = GradientSteps(adam(0.05), steps=2, keep=states.append)
    fit(problem, optimiser=steps)
    for wrong, match in (
        (dataclasses.replace(steps, seed=1), "seed 0, this fit has 1"),
        (dataclasses.replace(steps, batches=GoalBatches(1)), "1 batches, this fit has 2"),
        (GradientSteps(optax.sgd(0.1)), "another optimiser"),
    ):
        with pytest.raises(InvalidInput, match=match):
            fit(problem, optimiser=dataclasses.replace(wrong, resume=states[-1]))
    with pytest.raises(InvalidInput, match="the first that differs is 'distance' where this fit has 'convolutional"):
        fit(problem_of("convolutional, to goal"), optimiser=dataclasses.replace(steps, resume=states[-1]))
    with pytest.raises(InvalidInput, match="state: not a checkpoint"):
        TrainingState.from_bytes(b"no", source="state")


def test_ctrl_c_loses_nothing():
    problem, states = problem_of("sum, to goal"), []

    def keep(state):
        states.append(state)
        if state.step == 4:
            raise KeyboardInterrupt

    steps = GradientSteps(adam(0.05), steps=9, held_out=HELD, keep=keep)
    broken = fit(problem, optimiser=steps)
    assert broken.status is Status.INTERRUPTED
    whole = fit(problem, optimiser=dataclasses.replace(steps, keep=lambda state: None))
    resumed = fit(problem, optimiser=dataclasses.replace(steps, keep=lambda state: None, resume=states[-1]))
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()


SCRIPT = """
import os, signal, sys
from pathlib import Path
from inverse.test_training import problem_of
from maxentrl.inverse.batches import WalkBatches
from maxentrl.inverse.fit import fit
from maxentrl.inverse.gradient_steps import GradientSteps, adam
from maxentrl.runs.training_files import save_training

def keep(state):
    save_training(Path(sys.argv[1]), state)
    if state.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)

fit(problem_of("sum, to goal"), optimiser=GradientSteps(adam(0.05), steps=10, batches=WalkBatches(3), keep=keep))
"""


def test_training_goes_on_after_it_was_killed(tmp_path):
    path = tmp_path / "state"
    killed = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], cwd=Path(__file__).resolve().parents[1], check=False, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL
    steps = GradientSteps(adam(0.05), steps=10, batches=WalkBatches(3))
    problem = problem_of("sum, to goal")
    resumed = fit(problem, optimiser=dataclasses.replace(steps, resume=load_training(path)))
    np.testing.assert_array_equal(resumed.parameters, fit(problem, optimiser=steps).parameters)
