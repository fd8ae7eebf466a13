"""Fitting mixtures: starts, order, status, interruption, the number of components, standard errors."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

import maxentrl.inverse.mixture_target
from inverse.test_mixture import INTENTS, planted
from maxentrl.demos.counts import FeatureCounts
from maxentrl.inverse.fit import fit
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.mixture import MixtureSettings, fit_mixture
from maxentrl.inverse.mixture_choice import HeldOutLikelihood, InformationCriterion, choose_components
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.uncertainty import ErrorKind
from maxentrl.mdp.time import Finite
from maxentrl.planning.choose_solver import solve
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput, Status

APART = 0.8 * INTENTS
"""Intents that walks of twelve decisions tell apart."""
FEW = MixtureSettings(starts=2)
LENGTH = 12


@pytest.fixture(scope="module")
def problem():
    return planted("finite", APART, [130, 70], horizon=LENGTH)[0]


@pytest.fixture(scope="module")
def two(problem):
    return fit_mixture(problem, 2, settings=MixtureSettings(starts=3))


def test_planted_intents_are_found(problem, two):
    labels = planted("finite", APART, [130, 70], horizon=LENGTH)[1]
    assert two.status is Status.CONVERGED
    assert two.gradient_norm <= 1e-6
    errors = np.array([row.standard_error for row in two.table()[:6]], float).reshape(2, 3)
    assert (np.abs(two.parameters - APART) < 4 * errors).all()
    assert two.weight_errors is not None
    assert (np.abs(two.weights - [0.65, 0.35]) < 4 * two.weight_errors).all()
    guessed = two.responsibilities.argmax(1)
    assert (guessed == labels).mean() > 0.8
    assert two.value > ConditionalLikelihood.of(problem).evaluate(fit(problem).reward_table()).value + 10
    solve(two.planning(0, Finite(LENGTH)))
    assert "log-odds of component 1 against 2" in two.summary()


def test_every_start_is_reported_and_the_best_is_kept(two):
    assert [report.number for report in two.starts] == [0, 1, 2]
    assert two.value == max(report.value for report in two.starts)
    assert two.starts[two.kept].value == two.value
    for report in two.starts:
        values = np.array(report.em_values)
        assert (np.diff(values) >= -1e-8).all()
        assert report.value >= values[-1] - 1e-8
        assert (np.diff(report.weights) <= 0).all()
        assert report.status is Status.CONVERGED


def test_the_same_seed_gives_the_same_result(problem):
    first, again = (fit_mixture(problem, 2, settings=FEW) for _ in range(2))
    np.testing.assert_array_equal(first.parameters, again.parameters)
    np.testing.assert_array_equal(first.responsibilities, again.responsibilities)
    assert [report.em_values for report in first.starts] == [report.em_values for report in again.starts]


def test_the_order_of_components_does_not_depend_on_the_start(problem):
    one = MixtureSettings(starts=1)
    forth = fit_mixture(problem, 2, settings=one, start=APART)
    back = fit_mixture(problem, 2, settings=one, start=APART[::-1])
    np.testing.assert_allclose(forth.parameters, back.parameters, rtol=0, atol=1e-6)
    assert forth.weights[0] > forth.weights[1]
    np.testing.assert_allclose(forth.weights @ [1, 1], 1.0, rtol=1e-12)


def test_equal_weights_are_ordered_by_parameters(problem):
    """Two equal components: any order of weight is a tie."""
    settings = MixtureSettings(starts=1, em_iterations=0, evaluations=1)
    found = fit_mixture(problem, 2, settings=settings, start=APART[::-1])
    assert found.weights.tolist() == [0.5, 0.5]
    np.testing.assert_array_equal(found.parameters, APART[np.lexsort(APART.T[::-1])])


def test_one_component_is_the_fit_of_one_reward(problem):
    found = fit_mixture(problem, 1)
    single = fit(problem, objective=ConditionalLikelihood.of(problem), optimiser=Newton())
    np.testing.assert_allclose(found.parameters[0], single.parameters, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.value, single.value, rtol=1e-12)
    assert found.uncertainty is not None
    assert single.uncertainty is not None
    for kind in (ErrorKind.CLASSICAL, ErrorKind.CLUSTERED):
        np.testing.assert_allclose(
            found.uncertainty.covariance(kind), single.uncertainty.covariance(kind), rtol=1e-4, atol=1e-10
        )
    assert found.weights.tolist() == [1.0]
    assert found.n_free == 3


def test_standard_errors_are_those_of_the_whole_mixture(problem, two):
    """Against the Hessian of the mixture's likelihood by differences of values alone."""
    space = ParameterSpace.of(problem.reward.names)
    target = maxentrl.inverse.mixture_target.MixtureTarget.of(ConditionalLikelihood.of(problem), space, 2, None)
    free = target.free_of(two.parameters, two.weights)
    steps, size = 3e-3 * np.eye(len(free)), len(free)

    def cross(a, b):
        signs = itertools.product((1, -1), repeat=2)
        return sum(m * n * target.evaluate(free + m * a + n * b).value for m, n in signs) / (4 * 3e-3**2)

    hessian = np.array(
        [[cross(steps[min(k, l)], steps[max(k, l)]) if k <= l else 0.0 for l in range(size)] for k in range(size)]
    )
    hessian = hessian + np.triu(hessian, 1).T
    expected = np.linalg.inv(-hessian)
    np.testing.assert_allclose(two.uncertainty.covariance(), expected, rtol=2e-3, atol=2e-5)
    outer = two.uncertainty.covariance(ErrorKind.OUTER_PRODUCT)
    robust = two.uncertainty.covariance(ErrorKind.CLUSTERED)
    for other in (outer, robust):
        assert (np.abs(np.log(np.diag(other) / np.diag(expected))) < np.log(2)).all()


def test_a_weight_counts_like_so_many_copies(problem):
    walks = problem.demonstrations.select(np.arange(0, 180, 3))
    copies = walks.select(np.concatenate([np.arange(60), np.arange(20)]))
    weighted = dataclasses.replace(walks, weights=np.where(np.arange(60) < 20, 2.0, 1.0))
    settings = MixtureSettings(starts=1)
    a, b = (
        fit_mixture(dataclasses.replace(problem, demonstrations=d), 2, settings=settings, start=APART)
        for d in (copies, weighted)
    )
    np.testing.assert_allclose(a.parameters, b.parameters, rtol=0, atol=1e-4)
    np.testing.assert_allclose([a.value, a.bic], [b.value, b.bic], rtol=1e-9)


def test_a_prior_holds_components_back(problem, two):
    prior = GaussianPrior.of(problem.reward.names, scale=0.1)
    held = fit_mixture(problem, 2, prior=prior, settings=FEW)
    assert held.status is Status.CONVERGED
    assert np.abs(held.parameters).max() < 0.7 * np.abs(two.parameters).max()
    assert held.value < held.log_likelihood
    assert any("posterior" in remark for remark in held.remarks)


def test_bounds_hold_for_every_component(problem):
    names = problem.reward.names
    space = ParameterSpace.of(names, bounds={names[0]: (0.0, None)}, fixed={names[2]: 0.5})
    found = fit_mixture(problem, 2, space=space, settings=FEW)
    assert found.status is Status.CONVERGED
    assert (found.parameters[:, 0] >= 0).all()
    assert (found.parameters[:, 2] == 0.5).all()
    notes = {row.name: row.note for row in found.table()}
    assert notes[f"{names[2]} of component 1"] == "fixed"
    assert "at its bound" in notes.values()


def test_an_empty_component_is_said_in_the_result(problem):
    start = np.array([APART[0], [-300.0, -300.0, -300.0]])
    found = fit_mixture(problem, 2, settings=MixtureSettings(starts=1), start=start)
    assert any("component 2 held" in remark for remark in found.remarks)
    assert found.starts[0].restarts
    assert (found.responsibilities.sum(0) > 20).all()
    assert found.status is Status.CONVERGED


def test_stopping_early_is_not_convergence(problem):
    settings = MixtureSettings(starts=1, em_iterations=1, evaluations=1)
    found = fit_mixture(problem, 2, settings=settings)
    assert found.status is Status.MAXIMUM_ITERATIONS
    assert found.uncertainty is None
    assert found.gradient_norm is not None
    assert found.gradient_norm > 1e-6
    assert all(row.standard_error is None for row in found.table())


@pytest.mark.parametrize("calls", [1, 4, 9, 14])
def test_an_interruption_returns_the_best_so_far(problem, calls):
    seen = []

    def interrupt(progress):
        seen.append(progress)
        if len(seen) == calls:
            raise KeyboardInterrupt

    found = fit_mixture(problem, 2, settings=MixtureSettings(starts=3, em_tolerance=1e-6), progress=interrupt)
    assert found.status is Status.INTERRUPTED
    assert found.uncertainty is None
    np.testing.assert_allclose(found.value, max(p.value for p in seen), rtol=1e-12)
    np.testing.assert_allclose(found.walk_log_likelihood.sum(), found.value, rtol=1e-12)
    assert found.starts[-1].status is Status.INTERRUPTED


def test_without_hessians_too(problem, two, monkeypatch):
    """As for the weights of a network: quasi-Newton steps and starts at random."""
    monkeypatch.setattr(maxentrl.inverse.mixture_target, "MAXIMUM_PARAMETERS", 0)
    settings = MixtureSettings(starts=1, m_evaluations=4, em_iterations=8, evaluations=200, gradient_tolerance=1e-5)
    found = fit_mixture(problem, 2, settings=settings)
    assert found.status is Status.CONVERGED
    assert found.uncertainty is None
    assert any("no standard errors" in remark for remark in found.remarks)
    np.testing.assert_allclose(found.value, two.value, rtol=1e-6)


def test_a_feature_that_changes_no_choice_is_named(problem, two):
    columns = dict(zip(problem.reward.names[:2], np.asarray(problem.reward.state)[:2], strict=True))
    reward = LinearReward.of(
        3,
        state={**columns, "everywhere": np.ones(5)},
        pair={"jump": np.asarray(problem.reward.pair)[2]},
        terminal={**columns, "everywhere": np.ones(5)},
    )
    settings = MixtureSettings(starts=1, evaluations=300, gradient_tolerance=1e-5)
    found = fit_mixture(dataclasses.replace(problem, reward=reward), 2, settings=settings)
    assert found.status is Status.CONVERGED
    np.testing.assert_allclose(found.value, two.value, rtol=1e-6)
    assert np.abs(found.parameters).max() < 10
    rows = {row.name: row for row in found.table()}
    assert rows["everywhere of component 2"].standard_error is None
    assert rows["shade of component 2"].standard_error is not None
    assert any("everywhere" in remark for remark in found.remarks)


def test_held_out_walks_are_read_like_those_of_the_fit(problem, two):
    read = two.read(problem.demonstrations)
    np.testing.assert_allclose(read.log_likelihood, two.walk_log_likelihood, rtol=0, atol=1e-9)
    np.testing.assert_allclose(read.responsibilities, two.responsibilities, rtol=0, atol=1e-9)


def test_the_number_of_intents_is_chosen(problem):
    settings = MixtureSettings(starts=1, em_iterations=15, evaluations=10)
    choice = choose_components(problem, [1, 2, 3], InformationCriterion(), settings=settings)
    assert choice.components == 2
    assert choice.scores[1] > choice.scores[0] + 10
    assert "<- chosen" in str(choice)
    assert "n = weight of the trajectories" in choice.criterion.label
    best = choice.best
    np.testing.assert_allclose(best.bic, -2 * best.log_likelihood + 7 * np.log(200), rtol=1e-12)
    fresh = planted("finite", APART, [65, 35], seed=7, horizon=LENGTH)[0].demonstrations
    one, two, _ = (HeldOutLikelihood(fresh).score(found) for found in choice.fits)
    assert two > one + 0.1
    np.testing.assert_allclose(two, best.read(fresh).log_likelihood.mean(), rtol=1e-12)


def test_wrong_requests_are_named(problem):
    for components in (0, 201):
        with pytest.raises(InvalidInput, match="expected 1 to 200"):
            fit_mixture(problem, components)
    with pytest.raises(InvalidInput, match=r"start has shape \(1, 3\)"):
        fit_mixture(problem, 2, start=np.zeros((1, 3)))
    with pytest.raises(InvalidInput, match="starts = 0"):
        MixtureSettings(starts=0)
    with pytest.raises(InvalidInput, match="counts is empty"):
        choose_components(problem, [], InformationCriterion())
    counts = FeatureCounts(
        problem.reward.names, np.ones((1, 3)), np.zeros(1, int), np.full(1, -1), np.full(1, 3), np.ones(1)
    )
    with pytest.raises(InvalidInput, match="needs trajectories"):
        fit_mixture(dataclasses.replace(problem, demonstrations=counts), 2)


@pytest.mark.slow
def test_intervals_of_a_mixture_cover():
    """All parameters and log-odds, 100 data sets of 400 walks; one in 10 000 strays outside."""
    covered = []
    truth = np.concatenate([APART.ravel(), [np.log(0.6 / 0.4)]])
    for replication in range(100):
        generator = np.random.default_rng(replication)
        count = int(generator.binomial(400, 0.6))
        drawn, _ = planted("finite", APART, [count, 400 - count], seed=replication + 1, horizon=LENGTH)
        found = fit_mixture(drawn, 2, settings=MixtureSettings(starts=1), start=APART)
        assert found.status is Status.CONVERGED
        rows = found.table()
        covered.append([row.low <= value <= row.high for row, value in zip(rows, truth, strict=True)])
    assert 0.915 <= np.mean(covered) <= 0.98
    assert (np.mean(covered, axis=0) > 0.86).all()
