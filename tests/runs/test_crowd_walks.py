"""Recordings of crowds in specifications: worlds with momentum and the windows that are learnt from."""

import json

import numpy as np
import pytest

from maxentrl.inverse.fit import fit
from maxentrl.inverse.pullback import reward_table
from maxentrl.readers.spec import read_spec, read_study
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.runs.job import read_job, read_jobs
from maxentrl.runs.run import fit_run, load_run
from maxentrl.status import InvalidInput

SCENE = """
[world]
kind = "momentum"
walkable = "walkable.npy"
homography = "H.txt"
cell_size = 0.5
reach = 2.0
change = 0.7

[demonstrations]
kind = "crowd"
files = "crowd*.txt"
observed = 3
future = 4
frames_per_decision = 2
held_out = 0.25
"""


def write_crowd(path, seed, unit=1.0):
    """Eight people who walk across, 0.4 m a frame with a little noise, for 12 frames together."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(8):
        start, angle = rng.uniform(3, 6, 2), rng.uniform(0, 2 * np.pi)
        step = 0.2 * np.array([np.cos(angle), np.sin(angle)])
        noise = rng.normal(0, 0.05, (12, 2))
        for frame in range(12):
            x, y = (start + frame * step + noise[frame]) / unit
            rows.append(f"{10 * frame} {person} {x:.4f} {y:.4f}")
    path.write_text("\n".join(rows) + "\n")


@pytest.fixture
def folder(tmp_path):
    """A square of 10 × 10 m seen straight from above at 10 pixels a metre, with a pillar in the middle."""
    walkable = np.ones((100, 100))
    walkable[45:55, 45:55] = 0
    np.save(tmp_path / "walkable.npy", walkable)
    np.savetxt(tmp_path / "H.txt", np.diag([0.1, 0.1, 1.0]))
    write_crowd(tmp_path / "crowd1.txt", 1)
    write_crowd(tmp_path / "crowd2.txt", 2)
    (tmp_path / "one.toml").write_text(SCENE + '[time]\nkind = "finite"\n')
    return tmp_path


def test_windows_become_walks_of_whole_decisions(folder):
    job = read_job(read_spec(folder / "one.toml"))
    train, held_out = job.demonstrations.train, job.demonstrations.held_out
    assert len(train) + len(held_out) == 2 * 8 * (12 - 7 + 1)
    assert set(train.lengths) == {2}
    whose = [{name.partition(" from")[0] for name in walks.names} for walks in (train, held_out)]
    assert not whose[0] & whose[1]
    assert len(whose[1]) == 4
    position = job.scene.world.geometry.position
    first = np.loadtxt(folder / "crowd1.txt")
    walk = train.names.index(next(name for name in train.names if name.startswith("crowd1: ")))
    person, frame = train.names[walk].removeprefix("crowd1: ").split(" from frame ")
    rows = first[(first[:, 1] == float(person)) & (first[:, 0] >= float(frame))]
    recorded = rows[[2, 4, 6], 2:]  # the last one observed, then each second one
    assert np.abs(position[train.states_of(walk)] - recorded).max() < 0.75


def test_pixels_are_taken_to_metres(folder):
    plain = read_job(read_spec(folder / "one.toml")).demonstrations.train
    for seed in (1, 2):
        write_crowd(folder / f"crowd{seed}.txt", seed, unit=0.1)
    text = (folder / "one.toml").read_text().replace("observed = 3", 'observed = 3\nhomography = "H.txt"')
    (folder / "pixels.toml").write_text(text)
    again = read_job(read_spec(folder / "pixels.toml")).demonstrations.train
    assert (plain.states == again.states).mean() > 0.99  # rounding of the file


def test_trajnet_files_give_the_same_walks(folder):
    plain = read_job(read_spec(folder / "one.toml")).demonstrations
    for seed in (1, 2):
        rows = [line.split() for line in (folder / f"crowd{seed}.txt").read_text().splitlines()]
        tracks = [{"f": int(f), "p": int(p), "x": float(x), "y": float(y)} for f, p, x, y in rows]
        guesses = [{**track, "f": track["f"] + 10, "x": 9.0, "prediction_number": 0} for track in tracks]
        entries = [{"scene": {"id": 0, "p": 0, "s": 0, "e": 110, "fps": 2.5}}]
        entries += [{"track": track} for track in reversed(tracks + guesses)]
        (folder / f"crowd{seed}.ndjson").write_text("\n".join(map(json.dumps, entries)) + "\n")
    text = (folder / "one.toml").read_text()
    lines = folder / "lines.toml"
    lines.write_text(text.replace('files = "crowd*.txt"', 'files = "crowd*.ndjson"\nformat = "trajnet"'))
    again = read_job(read_spec(lines)).demonstrations
    for mine, theirs in ((plain.train, again.train), (plain.held_out, again.held_out)):
        assert mine.names == theirs.names
        assert np.array_equal(mine.states, theirs.states)
        assert np.array_equal(mine.actions, theirs.actions)
    (folder / "wrong.toml").write_text(text.replace("held_out = 0.25", 'held_out = 0.25\nformat = "trajnet"'))
    with pytest.raises(InvalidInput, match=r"crowd1.txt, line 1: expected '\{\"track\"") as caught:
        read_job(read_spec(folder / "wrong.toml"))
    assert len(caught.value.problems) <= 20


def write_paths(path, paths):
    """One person a path, (T, 2) in metres, from frame 0 on."""
    rows = [f"{10 * t} {person} {x!r} {y!r}" for person, one in paths.items() for t, (x, y) in enumerate(one.tolist())]
    path.write_text("\n".join(rows) + "\n")


def straight(start, step, frames=7):
    return np.asarray(start, float) + np.arange(frames)[:, None] * np.asarray(step, float)


def test_the_first_displacement_is_that_of_a_whole_decision(folder):
    paths = {"1": straight((1.25, 1.25), (0.5, 0.0)), "2": straight((7.25, 8.25), (0.0, -0.5))}
    write_paths(folder / "crowd1.txt", paths)
    (folder / "crowd2.txt").unlink()
    (folder / "straight.toml").write_text((folder / "one.toml").read_text().replace("held_out = 0.25", ""))
    job = read_job(read_spec(folder / "straight.toml"))
    momentum, walks = job.scene.momentum, job.demonstrations.train
    assert walks.names == ("crowd1: 1 from frame 0", "crowd1: 2 from frame 0")
    displacements = momentum.displacements[walks.states // momentum.n_cells].reshape(2, 3, 2)
    assert displacements.tolist() == [[[0, 2]] * 3, [[-2, 0]] * 3]
    assert momentum.changes[walks.actions].tolist() == [[0, 0]] * 4


def lost(folder, paths, *, least=1):
    """Why windows of these people are left out, beside those of ``crowd2``, by person; and the job."""
    write_paths(folder / "crowd1.txt", paths)
    text = (folder / "one.toml").read_text().replace("held_out = 0.25", f"least_people = {least}")
    (folder / "lost.toml").write_text(text)
    job = read_job(read_spec(folder / "lost.toml"))
    return {name.split()[1]: reason for name, reason in job.report.dropped}, job


def test_who_leaves_the_map_or_open_ground_is_left_out_by_name(folder):
    walkable = np.ones((100, 100))
    walkable[20:80, 20:80] = 0
    np.save(folder / "walkable.npy", walkable)
    write_paths(folder / "crowd2.txt", {str(k): straight((0.5 + 0.1 * k, 0.5), (0.0, 0.3), 12) for k in range(8)})
    paths = {"11": straight((9.0, 0.5), (0.6, 0.0)), "12": straight((0.5, 5.0), (0.6, 0.0))}
    reasons, job = lost(folder, {**paths, "13": straight((0.5, 9.5), (0.6, 0.0))})
    assert set(reasons) == {"11", "12"}
    assert reasons["11"].startswith("left the map (at x = 11.4, y = 0.5 m): check that world.homography")
    assert reasons["12"].startswith("left open ground (at x = 4.1, y = 5.0 m)")
    train = job.demonstrations.train
    assert (len(train), job.report.used, job.demonstrations.loss) == (8 * 6 + 1, 8 * 6 + 1, "")


def test_jumps_of_the_recording_are_left_out_and_many_are_said_first(folder):
    """Five metres between two frames: before the walk begins, at its first decision, or at its last."""
    paths = {}
    for person, frame in {"2": 2, "4": 4, "6": 6, "7": 7}.items():
        paths[person] = straight((1.0, 1.0), (0.0, 0.3))
        paths[person][frame:, 0] += 5.0
    reasons, job = lost(folder, paths)
    assert set(reasons) == {"2", "4", "6"}
    assert all(reason.startswith("went farther than the walks of this world can (") for reason in reasons.values())
    assert job.demonstrations.loss == ""
    crowd = np.loadtxt(folder / "crowd2.txt")
    np.savetxt(folder / "crowd2.txt", crowd[(crowd[:, 1] < 2) & (crowd[:, 0] < 70)])
    _, job = lost(folder, paths)
    assert job.demonstrations.loss.startswith(
        "3 of 6 walks were left out: each went farther than the walks of this world"
    )
    assert job.counts["walks dropped"] == 3


def test_a_crowd_far_from_its_ground_is_refused(folder):
    np.savetxt(folder / "H.txt", [[0.1, 0, 500], [0, 0.1, 0], [0, 0, 1]])
    with pytest.raises(InvalidInput) as caught:
        read_job(read_spec(folder / "one.toml"))
    assert caught.value.problems[0] == "96 of 96 windows were left out: a fit needs at least two"
    assert caught.value.problems[1].startswith("crowd1: 0 from frame 0: left the map (at x =")
    assert len(caught.value.problems) == 6


def test_fewer_windows_weigh_as_many_as_are_wanted(folder):
    text = (folder / "one.toml").read_text().replace("held_out = 0.25", "at_most = 20")
    (folder / "few.toml").write_text(text)
    walks = read_job(read_spec(folder / "few.toml")).demonstrations.train
    assert len(walks) == 20
    report = read_job(read_spec(folder / "few.toml")).report
    assert report.used == 96  # or few windows left out would seem many beside the few that are drawn
    assert report.warnings[1:] == ("demonstrations.at_most = 20: 76 of 96 windows were not drawn",)
    (folder / "more.toml").write_text(text.replace("at_most = 20", "at_most = 500"))
    walks = read_job(read_spec(folder / "more.toml")).demonstrations.train
    assert walks.weights.sum() == pytest.approx(500)
    assert len(walks) == 96


def test_rewards_are_of_changes_and_cells(folder):
    text = (folder / "one.toml").read_text() + '[reward]\nfeatures = ["blocked"]\npair_features = ["ch*", "speed"]\n'
    (folder / "chosen.toml").write_text(text)
    job = read_job(read_spec(folder / "chosen.toml"))
    assert isinstance(job.reward, MomentumReward)
    assert job.reward.names[-2:] == ("speed", "blocked")
    assert "change_log" in job.reward.names
    (folder / "chosen.toml").write_text(text.replace('"speed"', '"sped"'))
    with pytest.raises(InvalidInput, match="'sped' is no feature of this world; did you mean 'speed'"):
        read_job(read_spec(folder / "chosen.toml"))
    (folder / "chosen.toml").write_text(text + "constant = true\n")
    with pytest.raises(InvalidInput, match="constant and terminal"):
        read_job(read_spec(folder / "chosen.toml"))


def test_a_run_of_two_places_with_a_network(folder):
    (folder / "a.toml").write_text(SCENE.replace("crowd*", "crowd1"))
    (folder / "b.toml").write_text(SCENE.replace("crowd*", "crowd2").replace("reach = 2.0", "reach = 1.5"))
    spec = folder / "both.toml"
    spec.write_text(
        'scenes = ["a.toml", "b.toml"]\n[time]\nkind = "finite"\n[reward]\npair_features = ["change", "speed"]\n'
        'features = []\n[reward.network]\nkind = "convolutional"\nchannels = [2]\nkernels = [1]\n'
        "[fit.training]\nsteps = 3\nvalidation = 0.0\n"
    )
    run = fit_run(read_study(spec), spec, folder / "run")
    again = load_run(folder / "run")
    assert again.fit.names == ("change", "speed")
    assert again.parameters.tobytes() == run.parameters.tobytes()
    linear = folder / "linear.toml"
    linear.write_text(
        'scenes = ["a.toml", "b.toml"]\n[time]\nkind = "finite"\n[reward]\npair_features = ["change", "speed"]\nfeatures = []\n'
    )
    jobs = read_jobs(read_study(linear))
    found = fit([job.problem() for job in jobs.values()])
    assert found.coefficients["change"] < 0
    table = reward_table(jobs["a"].reward, found.parameters)
    assert table.pair.shape == (jobs["a"].scene.world.mdp.n_actions, jobs["a"].scene.world.mdp.n_states)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("future = 4", "future = 5", "no multiple of frames_per_decision"),
        ("reach = 2.0", "reach = 0.2", "shorter than a cell"),
        ('"H.txt"', '"none.txt"', "none.txt"),
        ("held_out = 0.25", "held_out = 1.0", "all 16 people are held out"),
        ('kind = "finite"', 'kind = "to-goal"', '[time] kind = "to-goal": demonstrations.kind = "crowd" needs'),
        ('kind = "finite"', 'kind = "discounted"\ndiscount = 0.9', '[time] kind = "discounted": demonstrations'),
        (
            'kind = "momentum"\nwalkable = "walkable.npy"\nhomography = "H.txt"\ncell_size = 0.5\nreach = 2.0\nchange = 0.7',
            'kind = "grid"\nlayers = "walkable.npy"',
            'is for [world] kind = "momentum"',
        ),
    ],
)
def test_crowds_that_cannot_be_read(folder, old, new, says):
    text = (folder / "one.toml").read_text()
    assert old in text
    (folder / "bad.toml").write_text(text.replace(old, new))
    with pytest.raises(InvalidInput) as caught:
        read_job(read_spec(folder / "bad.toml"))
    assert says in str(caught.value)


def test_simulated_walks_are_refused_where_walkers_have_momentum(folder):
    text = (folder / "one.toml").read_text()
    crowd = text[text.index('kind = "crowd"') : text.index("[time]")]
    simulated = 'kind = "simulated"\nnumber = 5\nlength = 3\nparameters = { speed = 1.0 }\n'
    (folder / "simulated.toml").write_text(text.replace(crowd, simulated))
    with pytest.raises(InvalidInput, match=r'"simulated" is not for \[world\] kind = "momentum"'):
        read_job(read_spec(folder / "simulated.toml"))
