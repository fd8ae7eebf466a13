"""The protocol of crowd forecasting, on a small crowd and on the published data where they are there."""

import os
from pathlib import Path

import numpy as np
import pytest

from maxentrl.forecast.baselines import ConstantVelocity, NoisyConstantVelocity
from maxentrl.forecast.windows import windows
from maxentrl.readers.crowds import read_crowd_text
from maxentrl.status import InvalidInput

DATA = Path(os.environ.get("MAXENTRL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
FOLDER = DATA / "eth_ucy" / "raw"


def brute(person, frame, position, observed, future, least):
    """The protocol spelt out: every start, every person, one dictionary look-up a position."""
    at = {(p, f): tuple(x) for p, f, x in zip(person, frame, position, strict=True)}
    frames, found = sorted(set(frame)), []
    for i in range(len(frames) - observed - future + 1):
        wanted = frames[i : i + observed + future]
        whole = [p for p in sorted(set(person)) if all((p, f) in at for f in wanted)]
        if len(whole) >= least:
            found += [(p, wanted[0], [at[p, f] for f in wanted]) for p in whole]
    return found


@pytest.mark.parametrize("least", [1, 2, 3])
def test_windows_are_those_of_the_protocol(least):
    generator = np.random.default_rng(least)
    rows = [(p, f) for p in range(5) for f in (0, 10, 20, 50, 60, 70, 80) if generator.random() < 0.85]
    person, frame = np.array(rows).T
    position = generator.random((len(rows), 2))
    shuffled = generator.permutation(len(rows))
    found = windows(person[shuffled], frame[shuffled], position[shuffled], observed=2, future=1, least_people=least)
    expected = brute(person.tolist(), frame.tolist(), position.tolist(), 2, 1, least)
    assert len(found) == len(expected) > 0
    assert found.person.tolist() == [p for p, _, _ in expected]
    assert found.frame.tolist() == [f for _, f, _ in expected]
    assert np.array_equal(np.concatenate([found.observed, found.future], axis=1), [w for _, _, w in expected])


def test_no_window_is_said():
    with pytest.raises(InvalidInput, match="nobody is seen for 20 successive frames"):
        windows(np.zeros(5, int), np.arange(5), np.zeros((5, 2)))
    with pytest.raises(InvalidInput, match="at least one position"):
        windows(np.zeros(5, int), np.arange(5), np.zeros((5, 2)), future=0)


def test_noisy_velocity_turns_and_keeps_its_speed():
    observed = np.array([[[0.0, 0.0], [1.0, 0.0]], [[2.0, 2.0], [2.0, 4.0]]])
    paths = NoisyConstantVelocity(25.0).sample(observed, 3, 4000, seed=1)
    assert paths.shape == (4000, 2, 4, 2)
    assert np.allclose(paths[:, :, 0], observed[:, -1])
    steps = np.linalg.norm(np.diff(paths, axis=2), axis=-1)
    assert np.allclose(steps, [[1.0] * 3, [2.0] * 3])
    turned = paths[:, 0, 1] - paths[:, 0, 0]
    angle = np.degrees(np.arctan2(turned[:, 1], turned[:, 0]))
    assert abs(angle.mean()) < 4 * 25 / np.sqrt(4000)
    assert abs(angle.std() - 25) < 4 * 25 / np.sqrt(2 * 4000)
    straight = NoisyConstantVelocity(0.0).sample(observed, 3, 2, seed=1)
    assert np.allclose(straight[0, 0], ConstantVelocity(1).path(observed[0], 3))
    with pytest.raises(InvalidInput, match="expected degrees"):
        NoisyConstantVelocity(-1.0)


PUBLISHED = {
    "eth": (["biwi_eth"], 70, 181, 1.08, 2.28),
    "hotel": (["biwi_hotel"], 301, 1053, 0.32, 0.61),
    "univ": (["students001", "students003"], 947, 24334, 0.52, 1.16),
    "zara1": (["crowds_zara01"], 602, 2253, 0.43, 0.95),
    "zara2": (["crowds_zara02"], 921, 5833, 0.32, 0.72),
}
"""Files, sequences and walks with two people or more; errors of constant velocity on all windows, in metres, as published."""


@pytest.mark.parametrize("scene", PUBLISHED)
def test_published_counts_and_errors_are_reproduced(scene):
    if not FOLDER.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the ETH/UCY data are missing: set MAXENTRL_DATA")
        pytest.skip("needs the ETH/UCY data in MAXENTRL_DATA")
    files, sequences, walks, ade, fde = PUBLISHED[scene]
    crowds = [read_crowd_text(FOLDER / f"{name}.txt") for name in files]
    company = [windows(c.person, c.frame, c.position) for c in crowds]
    assert sum(w.sequences for w in company) == sequences
    assert sum(map(len, company)) == walks
    every = [windows(c.person, c.frame, c.position, least_people=1) for c in crowds]
    errors = np.concatenate(
        [
            np.linalg.norm(NoisyConstantVelocity(0.0).sample(w.observed, 12, 1, seed=0)[0, :, 1:] - w.future, axis=-1)
            for w in every
        ]
    )
    assert errors.mean() == pytest.approx(ade, abs=0.0051)
    assert errors[:, -1].mean() == pytest.approx(fde, abs=0.0051)
