import dataclasses

import numpy as np
import pytest

from forecast.small_worlds import CENTRE, PRIOR, enumerated
from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.baselines import ConstantVelocity, RandomWalk, ShortestPath
from maxentrl.forecast.evaluation import EvaluationSettings, Fraction, HeldOutWalk, Steps, forecast_walks, held_out
from maxentrl.forecast.filtering import GaussianDetections
from maxentrl.forecast.scores import CONSTANT, DISTANCES, METHODS, MODEL, RANDOM, SHORTEST, summarise
from maxentrl.mdp.world import GridGeometry
from maxentrl.status import Failure, InvalidInput

GEOMETRY = GridGeometry(np.arange(12).reshape(3, 4), cell_size=0.5)
WALK = (0, 1, 5, 6, 7, 11)


def rows(world, walk=WALK, *, geometry=GEOMETRY, **settings):
    settings = EvaluationSettings(observed=(Steps(2),), **settings)
    walk = walk if isinstance(walk, HeldOutWalk) else HeldOutWalk("w", np.array(walk), goal=11)
    return {
        score.method: score for score in forecast_walks(world.forecaster, [walk], geometry=geometry, settings=settings)
    }


def test_likelihoods_are_those_of_all_listed_walks(one_way):
    score = rows(one_way)[MODEL]
    listed = enumerated(one_way, 0, WALK[:3])
    ahead = [sum(p for _, s, p in listed if (*s, *s[-1:] * 9)[step] == WALK[step]) for step in (3, 4, 5)]
    assert score.nll_ahead == pytest.approx(-np.log(ahead).mean(), abs=1e-10)
    following = []
    for step in (3, 4, 5):
        agreeing = enumerated(one_way, 0, WALK[:step])
        following.append(sum(p for _, s, p in agreeing if (*s, *s[-1:] * 9)[step] == WALK[step]))
    assert score.nll_next == pytest.approx(-np.log(following).mean(), abs=1e-10)
    goal = sum(p for g, _, p in listed if g == 0)
    assert score.goal_probability == pytest.approx(goal, abs=1e-12)


def test_the_random_walk_is_uniform_over_moves(one_way):
    score = rows(one_way)[RANDOM]
    moves = np.asarray(one_way.problem.mdp.transitions.available).sum(0)
    expected = np.log(moves[[5, 6, 7]]).mean()
    assert score.nll_next == pytest.approx(expected)


def test_no_likelihood_is_invented(one_way):
    found = rows(one_way)
    assert tuple(found) == METHODS
    for method in (SHORTEST, CONSTANT):
        assert found[method].nll_next is None
        assert found[method].nll_ahead is None
        assert found[method].ade_samples is None
        assert found[method].ade_mean is not None


def test_without_a_geometry_there_are_no_distances(one_way):
    found = rows(one_way, geometry=None)
    assert tuple(found) == METHODS[:3]
    assert all(getattr(score, name) is None for score in found.values() for name in DISTANCES)
    assert found[MODEL].nll_next is not None


def test_distances_in_cells_are_metres_over_the_cell_size(one_way):
    score = rows(one_way)[CONSTANT]
    assert score.in_cells.ade_mean == pytest.approx(score.ade_mean / 0.5)
    assert score.in_cells.nll_next is None


def test_straight_baselines_by_hand(one_way):
    found = rows(one_way, constant_velocity=ConstantVelocity(window=1))
    # from cell 5 downwards: (1, 2), (1, 3), (1, 4) rows-from-top against cells 6, 7, 11 of size one half
    truth = np.array([[2, 1], [3, 1], [3, 2]]) * 0.5
    straight = np.array([[1, 2], [1, 3], [1, 4]]) * 0.5
    errors = np.linalg.norm(straight - truth, axis=1)
    assert found[CONSTANT].ade_mean == pytest.approx(errors.mean())
    assert found[CONSTANT].fde_mean == pytest.approx(errors[-1])


def test_excluded_goals_are_not_candidates(one_way):
    walk = HeldOutWalk("w", np.array(WALK), goal=11, excluded=(11,))
    score = rows(one_way, walk)[MODEL]
    assert score.goal_probability is None
    assert score.impossible == 1 + 1  # past the only goal left on the way, it was called impossible to go on
    assert score.nll_next == np.inf


def test_a_background_keeps_losses_finite(one_way):
    walk = HeldOutWalk("w", np.array(WALK), goal=11, excluded=(11,))
    score = rows(one_way, walk, background=0.01)[MODEL]
    assert np.isfinite(score.nll_next)
    assert score.impossible == 0


def test_detections_are_filtered_first(slippery):
    states = np.array([5, 6, 6, 7, 11])
    exact = GaussianDetections(GEOMETRY.position, GEOMETRY.position[states], np.eye(2) * 1e-6)
    seen = rows(slippery, HeldOutWalk("w", states, goal=11))
    detected = rows(slippery, HeldOutWalk("w", states, goal=11, detections=exact))
    assert detected[MODEL].nll_ahead == pytest.approx(seen[MODEL].nll_ahead, abs=1e-9)
    assert detected[MODEL].goal_probability == pytest.approx(seen[MODEL].goal_probability, abs=1e-9)
    assert detected[MODEL].nll_next is None
    for method in (RANDOM, SHORTEST, CONSTANT):
        assert detected[method].ade_mean == pytest.approx(seen[method].ade_mean, abs=1e-9)


def test_the_filter_begins_at_the_first_detection(slippery):
    states = np.array([5, 6, 7, 11])
    position = GEOMETRY.position[states]
    late = GaussianDetections(GEOMETRY.position, position, np.eye(2) * 1e-6, np.array([False, False, True, True]))
    found = rows(slippery, HeldOutWalk("w", states, goal=11, detections=late))[MODEL]
    fresh = slippery.forecaster.start(7).goals  # one detection, at cell 7
    assert found.goal_probability == pytest.approx(fresh[0], abs=1e-9)
    blind = GaussianDetections(GEOMETRY.position, position, np.eye(2), np.array([False, False, False, True]))
    assert rows(slippery, HeldOutWalk("w", states, goal=11, detections=blind)) == {}
    with pytest.raises(InvalidInput, match="nothing was detected"):
        _ = blind.part(0, 3).first


def test_trajectories_become_walks_and_short_ones_give_no_row(one_way):
    walks = Trajectories.of([WALK, (0, 1)], goals=[11, -1], names=["long", "short"])
    settings = EvaluationSettings(observed=(Fraction(0.5), Steps(1)))
    scores = forecast_walks(one_way.forecaster, held_out(walks), geometry=GEOMETRY, settings=settings)
    assert {(s.walk, s.observed, s.steps) for s in scores} == {("long", "50 %", 3), ("long", "1 steps", 4)}


def test_summaries_average_and_pair_by_walk(slippery):
    walks = [HeldOutWalk(str(i), np.array(s), goal=11) for i, s in enumerate([(5, 6, 7, 11), (1, 5, 6, 10, 11)])]
    settings = EvaluationSettings(observed=(Steps(1),))
    scores = forecast_walks(slippery.forecaster, walks, geometry=GEOMETRY, settings=settings)
    table = {row.method: row for row in summarise(scores)}
    ours = [s.nll_next for s in scores if s.method == MODEL]
    random = [s.nll_next for s in scores if s.method == RANDOM]
    assert table[MODEL].measures["nll_next"].mean == pytest.approx(np.mean(ours))
    assert table[RANDOM].difference["nll_next"].mean == pytest.approx(np.mean(np.subtract(ours, random)))
    assert table[SHORTEST].measures["nll_next"] is None
    assert table[SHORTEST].difference["nll_next"] is None
    assert table[MODEL].walks == 2


def test_random_walk_samples_follow_its_distribution(slippery):
    walk, mass = RandomWalk(slippery.problem.mdp), np.eye(12)[5]
    count = 20_000
    seen = np.bincount(walk.sample(mass, 2, count, seed=0)[:, 2], minlength=12)
    expected = walk.distribution(mass, 2)[2] * count
    spread = np.sqrt(np.maximum(expected, 1.0))
    assert (abs(seen - expected) < 5 * spread).all()
    assert seen[expected == 0].sum() == 0


def test_the_shortest_path_goes_to_the_goal_of_least_detour(slippery):
    baseline = ShortestPath(slippery.problem.mdp, np.array([0, 3, 11]), CENTRE)
    assert baseline.path(np.array([4, 8, 9]), 4).tolist() == [9, 10, 11, 11, 11]
    only = np.array([True, False, False])
    path = baseline.path(np.array([8, 9, 10]), 5, candidates=only)
    assert path[-1] == 0
    assert len(path) == 6
    # 8 → 9 → 10 is on a shortest way to both 3 and 11; 11 lies straight ahead, whatever the order of the goals
    for order in ([3, 11], [11, 3]):
        ahead = ShortestPath(slippery.problem.mdp, np.array(order), CENTRE)
        assert ahead.path(np.array([8, 9, 10]), 2).tolist() == [10, 11, 11]


def test_the_shortest_path_to_nowhere_is_named(one_way):
    baseline = ShortestPath(one_way.problem.mdp, np.array([0]))
    with pytest.raises(Failure, match="from state 5"):
        baseline.path(np.array([4, 5]), 3)


def test_constant_velocity_averages_its_window():
    seen = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 2.0]])
    np.testing.assert_allclose(ConstantVelocity(1).path(seen, 2), [[3, 2], [5, 4], [7, 6]])
    np.testing.assert_allclose(ConstantVelocity(8).path(seen, 1), [[3, 2], [4.5, 3]])
    np.testing.assert_allclose(ConstantVelocity().path(seen[:1], 1), [[0, 0], [0, 0]])


@pytest.mark.parametrize("change", [{"best_of": 30}, {"background": 1.0}, {"horizon": 0}])
def test_settings_are_checked(change):
    with pytest.raises(InvalidInput, match=next(iter(change))):
        EvaluationSettings(**change)


def test_the_same_seed_gives_the_same_scores(slippery):
    first, again = rows(slippery, (5, 6, 7, 11)), rows(slippery, (5, 6, 7, 11))
    assert dataclasses.asdict(first[MODEL]) == dataclasses.asdict(again[MODEL])
    assert abs(PRIOR.sum() - 1) < 1e-12
