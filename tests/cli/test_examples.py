"""The shipped examples with planted rewards, and worlds and demonstrations of other kinds, through the commands."""

import json
from pathlib import Path

import numpy as np
import pytest

from maxentrl.runs.run import load_run

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["frozen_lake", "cliff_walking"])
def test_the_planted_reward_of_an_example_is_found_again(command, tmp_path, name):
    pytest.importorskip("gymnasium")
    code, _, errors = command("fit", EXAMPLES / f"{name}.toml", "--out", tmp_path / "run")
    assert code == 0, errors
    table = load_run(tmp_path / "run").fit.table
    assert len(table) == 2
    for row in table:
        assert row.truth is not None
        assert row.standard_error is not None
        assert 0 < row.standard_error < 0.2 * abs(row.truth)
        assert abs(row.estimate - row.truth) < 4 * row.standard_error


LINE = """
[world]
kind = "table"
transitions = "moves.csv"
features = "features.csv"
[demonstrations]
kind = "counts"
file = "counts.csv"
[reward]
terminal = "none"
[time]
kind = "to-goal"
goals = ["end"]
"""


def test_feature_counts_are_fitted(command, tmp_path):
    """A wait that costs one count: each is a coin, so that n waits in m walks are best explained by ln(n / (n + m))."""
    (tmp_path / "moves.csv").write_text(
        "state,action,next_state,probability\nhere,wait,here,1\nhere,go,end,1\nend,wait,end,1\n"
    )
    (tmp_path / "features.csv").write_text("state,action,waits\nhere,wait,1\nhere,go,0\nend,wait,0\n")
    (tmp_path / "counts.csv").write_text("start,waits\n" + "here,0\nhere,1\nhere,2\nhere,0\n")
    (tmp_path / "s.toml").write_text(
        LINE.replace("[reward]", '[reward]\npair_features = ["waits"]\nfeatures = []\nstart = { waits = -3.0 }')
    )
    code, _, errors = command("fit", tmp_path / "s.toml", "--out", tmp_path / "run")
    assert code == 0, errors
    (row,) = load_run(tmp_path / "run").fit.table
    assert row.estimate == pytest.approx(np.log(3 / 7), abs=1e-4)


ESTIMATED = """
[world]
kind = "table"
transitions = "estimate"
prior_count = 0.0
features = "features.csv"
[demonstrations]
files = "walks.csv"
[reward]
features = []
pair_features = ["fee"]
terminal = "none"
[fit]
objective = "likelihood"
[time]
kind = "to-goal"
goals = ["shore"]
"""
ROWS = """trajectory,step,state,action
a,0,pier,swim
a,1,pier,swim
a,2,shore,
b,0,pier,swim
b,1,shore,
c,0,pier,ferry
c,1,shore,
d,0,pier,swim
d,1,pier,ferry
d,2,shore,
"""


@pytest.fixture
def estimated(tmp_path):
    (tmp_path / "walks.csv").write_text(ROWS)
    (tmp_path / "features.csv").write_text("state,action,fee\npier,swim,0\npier,ferry,1\n")
    (tmp_path / "s.toml").write_text(ESTIMATED)
    return tmp_path / "s.toml"


def test_transitions_estimated_from_the_walks(command, estimated):
    folder = estimated.parent / "run"
    code, text, errors = command("fit", estimated, "--out", folder)
    assert code == 0, errors
    assert "transitions were estimated from 6 decisions over 2 state-action pairs" in " ".join(text.split())
    run = load_run(folder)
    mdp = run.job.scene.world.mdp
    assert mdp.state_names == ("pier", "shore")
    assert mdp.action_names == ("swim", "ferry")
    assert mdp.terminal.tolist() == [False, True]
    # Four swims from the pier, of which two came ashore; the ferry always does.
    successor, probability = mdp.transitions.successors_of(np.array([0, 1]), np.array([0, 0]))
    ashore = np.where(successor == 1, probability, 0.0).sum(axis=0)
    np.testing.assert_allclose(ashore, [0.5, 1.0], atol=1e-12)
    assert any("transitions were estimated" in warning for warning in run.fit.warnings)
    # Swimming has the value V/2, the ferry θ; they were taken 4 : 2 times, and V = log(e^{V/2} + e^θ) makes
    # log 2 = V/2 − θ, e^V = (3/2) e^{V/2}.
    assert run.coefficients["fee"] == pytest.approx(np.log(1.5) - np.log(2), abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('files = "walks.csv"', 'files = "walks.csv"\nformat = "tracks"', "needs [demonstrations] with kind"),
        ('"estimate"', '"moves.csv"', "prior_count is for world.transitions"),
        ("prior_count = 0.0", "prior_count = -1.0", "world.prior_count = -1.0: expected greater than or equal to 0"),
    ],
)
def test_an_estimate_that_cannot_be_made(command, estimated, old, new, says):
    text = estimated.read_text().replace(old, new)
    estimated.write_text(text.replace("prior_count = 0.0", "prior_count = 1.0"))
    code, _, errors = command("check", estimated)
    assert code == 2
    assert says in errors


def test_walks_without_actions_cannot_be_estimated_from(command, estimated):
    (estimated.parent / "walks.csv").write_text("trajectory,step,state,action\na,0,pier,\na,1,shore,\n")
    code, _, errors = command("check", estimated)
    assert code == 2
    assert "transitions cannot be estimated from states alone" in errors


def test_problems_of_reward_and_walks_are_named_together(command, spec, tmp_path):
    text = spec.read_text().replace('"my maps/', f'"{spec.parent}/my maps/')
    (tmp_path / "s.toml").write_text(text.replace('["distance"]', '["distence"]'))
    (tmp_path / "walks.csv").write_text("trajectory,t,x,y\nw,0,0,2\nw,1,far,2\n")
    code, _, errors = command("check", tmp_path / "s.toml")
    assert code == 2
    assert "did you mean 'distance'" in errors
    assert "row 3" in errors
    assert "far" in errors


def test_a_wrong_probability_is_named_once(command, estimated):
    (estimated.parent / "moves.csv").write_text(
        "state,action,next_state,probability\npier,swim,shore,0.4\npier,ferry,shore,1\nshore,ferry,shore,1\n"
    )
    estimated.write_text(estimated.read_text().replace('"estimate"', '"moves.csv"').replace("prior_count = 0.0\n", ""))
    code, found, errors = command("check", estimated, "--json")
    assert code == 2
    assert errors.count("probabilities sum to 0.4") == 1
    assert json.dumps(found).count("probabilities sum to 0.4") == 1


def test_an_id_that_is_out_of_date_is_refused_in_one_sentence(command, tmp_path, recwarn):
    pytest.importorskip("gymnasium")
    (tmp_path / "s.toml").write_text(
        '[world]\nkind = "gymnasium"\nid = "Taxi-v3"\n[time]\nkind = "finite"\nhorizon = 5\n'
    )
    code, _, errors = command("check", tmp_path / "s.toml")
    assert code == 2
    assert "did you mean 'Taxi-v4'?" in errors
    assert "\x1b" not in errors
    assert not [warning for warning in recwarn if "out of date" in str(warning.message)]
