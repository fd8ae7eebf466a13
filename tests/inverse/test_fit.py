"""Fits end to end: recovery, certificates, errors, and what cannot be learnt, named."""

import dataclasses

import numpy as np
import pytest

from inverse.small_fits import (
    N_ACTIONS,
    N_STATES,
    simulated,
    small_problem,
)
from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import fit
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.textbook import TextbookGradient
from maxentrl.inverse.uncertainty import ErrorKind
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.planning.choose_solver import solve
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput, Status

KINDS = [FeatureMatching, ConditionalLikelihood]


def corridor(n=5):
    """Left or right on a line, walls stay where they are."""
    cells = np.arange(n)
    successor = np.stack([np.maximum(cells - 1, 0), np.minimum(cells + 1, n - 1)]).astype(np.int32)
    return MDP(DeterministicTransitions(successor, np.ones((2, n), bool)), np.zeros(n, bool))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("time", "deterministic"), [("finite", False), ("discounted", False), ("to-goal", True)])
def test_parameters_are_recovered_within_their_errors(kind, time, deterministic):
    problem, truth = simulated(time, deterministic=deterministic, count=1500)
    result = fit(problem, objective=kind.of(problem))
    assert result.status is Status.CONVERGED
    assert result.certificate.gradient_norm <= 1e-6
    for row, true in zip(result.table(), truth, strict=True):
        assert row.standard_error is not None
        assert row.low is not None
        assert row.high is not None
        assert 0 < row.standard_error < 0.5
        assert abs(row.estimate - true) < 4.5 * row.standard_error
        assert row.low < row.estimate < row.high
    text = result.summary()
    assert all(name in text for name in (*problem.reward.names, "clustered by trajectory", "converged"))


@pytest.mark.parametrize("optimiser", [LBFGSB(gradient_tolerance=1e-9), Newton(gradient_tolerance=1e-9)])
def test_the_model_s_own_features_give_back_its_parameters(optimiser):
    problem, truth = simulated("finite", deterministic=False, count=3)
    plan = solve(problem.forward(reward_table(problem.reward, truth), Finite(6)))
    counts = []
    for start in range(3):
        visits = plan.occupancy(start).visits
        features = problem.reward.state @ np.asarray(visits.pair).sum(0) + problem.reward.terminal @ visits.terminal
        counts.append(features + np.einsum("kas,as->k", problem.reward.pair, visits.pair))
    demonstrations = FeatureCounts(
        problem.reward.names,
        np.array(counts),
        np.arange(3),
        np.full(3, -1),
        np.full(3, 6),
        np.array([1.0, 2.0, 0.5]),
    )
    result = fit(dataclasses.replace(problem, demonstrations=demonstrations), optimiser=optimiser)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.parameters, truth, atol=1e-6)
    assert np.abs(result.certificate.residual).max() < 1e-7
    assert result.certificate.duality_gap is not None
    assert result.certificate.duality_gap < 1e-7
    assert result.uncertainty is not None
    assert set(result.uncertainty.covariances) == {ErrorKind.CLASSICAL}


def test_matched_features_are_as_good_under_any_linear_cost():
    """|⟨θ, φ_π − φ_E⟩| ≤ ‖θ‖ ‖φ_π − φ_E‖, at the optimum and half way."""
    problem, _ = simulated("finite", deterministic=False, count=40)
    objective = FeatureMatching.of(problem)
    rng = np.random.default_rng(0)
    for tolerance in (1e-1, 1e-7):
        result = fit(problem, objective=objective, optimiser=LBFGSB(gradient_tolerance=tolerance))
        plan = solve(result.planning(Finite(6)))
        source = np.zeros((7, N_STATES))
        np.add.at(source[0], problem.demonstrations.starts, 1.0)
        visits = plan.occupancy(source).visits
        for theta in [result.parameters, *rng.normal(size=(5, 3))]:
            table = reward_table(problem.reward, theta)
            data = objective.data_value(table, theta)
            model = float(np.vdot(table.pair, visits.pair) + np.vdot(table.terminal, visits.terminal))
            bound = np.linalg.norm(theta) * np.linalg.norm(result.certificate.residual)
            assert abs(data - model) <= bound * (1 + 1e-9) + 1e-9
    assert np.linalg.norm(result.certificate.residual) < 1e-4


def test_badly_scaled_features_converge_to_the_same_fit():
    problem, _ = simulated("finite", deterministic=False, count=60)
    plain = problem.reward
    factor = np.array([1e-4, 1.0, 1e5])
    scaled = dataclasses.replace(
        plain,
        state=plain.state * factor[:, None],
        pair=plain.pair * factor[:, None, None],
        terminal=plain.terminal * factor[:, None],
    )
    first = fit(problem, optimiser=LBFGSB(gradient_tolerance=1e-8))
    second = fit(dataclasses.replace(problem, reward=scaled), optimiser=LBFGSB(gradient_tolerance=1e-6))
    assert second.status is Status.CONVERGED
    np.testing.assert_allclose(second.parameters * factor, first.parameters, rtol=1e-3, atol=1e-4)
    errors = np.array([row.standard_error for row in second.table()])
    np.testing.assert_allclose(errors * factor, [row.standard_error for row in first.table()], rtol=1e-3)


def test_textbook_loop_reaches_the_same_optimum():
    problem, _ = simulated("finite", deterministic=True, count=60)
    exact = fit(problem)
    loop = fit(problem, optimiser=TextbookGradient(step_size=0.1, steps=400, gradient_tolerance=1e-5))
    assert loop.status is Status.CONVERGED
    np.testing.assert_allclose(loop.parameters, exact.parameters, atol=1e-4)
    assert len(loop.history) == loop.certificate.evaluations


def test_interrupted_fit_resumes_to_the_same_optimum():
    problem, _ = simulated("finite", deterministic=False, count=60)
    whole = fit(problem, optimiser=LBFGSB(gradient_tolerance=1e-8))

    def stop(step):
        if step.evaluation == 4:
            raise KeyboardInterrupt

    half = fit(problem, progress=stop)
    assert half.status is Status.INTERRUPTED
    assert half.uncertainty is None
    assert all(row.standard_error is None for row in half.table())
    resumed = fit(problem, start=half.parameters, optimiser=LBFGSB(gradient_tolerance=1e-8))
    assert resumed.status is Status.CONVERGED
    np.testing.assert_allclose(resumed.parameters, whole.parameters, atol=1e-6)


def test_bounds_fixed_ties_and_prior_in_the_table():
    problem, _ = simulated("finite", deterministic=False, count=60)
    names = problem.reward.names
    space = ParameterSpace.of(names, bounds={"shade": (None, -0.2)}, fixed={"grass": -0.5})
    result = fit(problem, space=space)
    rows = {row.name: row for row in result.table()}
    assert rows["shade"].estimate == -0.2
    assert (rows["shade"].note, rows["grass"].note) == ("at its bound", "fixed")
    assert rows["shade"].standard_error is None
    assert rows["grass"].standard_error is None
    assert rows["jump"].standard_error is not None
    tied = fit(problem, space=ParameterSpace.of(names, tied=[("shade", "grass")]))
    assert tied.parameters[0] == tied.parameters[1]
    one, two = tied.table()[:2]
    assert one.standard_error == pytest.approx(two.standard_error)
    assert one.note == "tied"
    strong = fit(problem, prior=GaussianPrior.of(names, scale=1e-3, mean=0.25))
    np.testing.assert_allclose(strong.parameters, 0.25, atol=1e-3)
    np.testing.assert_allclose([r.standard_error for r in strong.table(ErrorKind.CLASSICAL)], 1e-3, rtol=1e-2)


def test_classical_and_outer_product_errors_agree_for_many_correct_walks():
    """Information equality: under the true model H, Σ g gᵀ and the clustered meat estimate one matrix."""
    problem, _ = simulated("finite", deterministic=False, count=3000)
    result = fit(problem, objective=ConditionalLikelihood.of(problem))
    assert result.uncertainty is not None
    classical = np.array(result.uncertainty.standard_errors(ErrorKind.CLASSICAL))
    for kind in (ErrorKind.OUTER_PRODUCT, ErrorKind.ROBUST, ErrorKind.CLUSTERED):
        np.testing.assert_allclose(result.uncertainty.standard_errors(kind), classical, rtol=0.1)


def test_feature_matching_under_slip_says_that_classical_errors_do_not_hold():
    problem, _ = simulated("finite", deterministic=False, count=3000)
    result = fit(problem, objective=FeatureMatching.of(problem))
    assert result.uncertainty is not None
    assert any("deterministic dynamics only" in remark for remark in result.uncertainty.remarks)
    clustered = np.array(result.uncertainty.standard_errors(ErrorKind.CLUSTERED))
    classical = np.array(result.uncertainty.standard_errors(ErrorKind.CLASSICAL))
    assert (clustered > 1.1 * classical).any()


class TestWithoutMaximum:
    def test_a_feature_that_no_policy_can_match_is_named(self):
        mdp = corridor()
        reward = LinearReward.of(
            2, state={"right end": np.array([0.0, 0, 0, 0, 1]), "middle": np.array([0.0, 0, 1, 0, 0])}
        )
        counts = FeatureCounts(
            reward.names, np.array([[9.0, 1.0]]), np.array([0]), np.array([-1]), np.array([6]), np.ones(1)
        )
        result = fit(InverseProblem(mdp, reward, counts, Finite()))
        assert result.status is Status.UNBOUNDED_DUAL
        assert "right end (more)" in result.certificate.detail
        assert "middle" not in result.certificate.detail
        assert result.uncertainty is None
        assert result.certificate.evaluations < 300

    def test_separation_in_the_dual_is_named(self):
        """Everybody walks straight to the right end: more weight on it is always better."""
        mdp = corridor()
        reward = LinearReward.of(
            2, state={"right end": np.array([0.0, 0, 0, 0, 1]), "middle": np.array([0.0, 0, 1, 0, 0])}
        )
        walks = Trajectories.of([[0, 1, 2, 3, 4, 4], [1, 2, 3, 4, 4, 4]], [[1] * 5] * 2)
        result = fit(InverseProblem(mdp, reward, walks, Finite()))
        assert result.status is Status.SEPARATION
        assert "right end (more)" in result.certificate.detail

    def test_separation_in_a_discounted_likelihood_is_named(self):
        mdp = corridor()
        reward = LinearReward.of(
            2, state={"right end": np.array([0.0, 0, 0, 0, 1]), "middle": np.array([0.0, 0, 1, 0, 0])}
        )
        walks = Trajectories.of([[0, 1, 2, 3, 4], [1, 2, 3, 4, 4]], [[1] * 4] * 2)
        result = fit(InverseProblem(mdp, reward, walks, Discounted(0.9)))
        assert result.status is Status.SEPARATION
        assert "right end (more)" in result.certificate.detail

    def test_a_prior_or_bounds_cure_it(self):
        mdp = corridor()
        reward = LinearReward.of(2, state={"right end": np.array([0.0, 0, 0, 0, 1])})
        walks = Trajectories.of([[0, 1, 2, 3, 4, 4]], [[1] * 5])
        problem = InverseProblem(mdp, reward, walks, Finite())
        assert fit(problem, prior=GaussianPrior.of(reward.names, scale=2.0)).status is Status.CONVERGED
        bounded = fit(problem, space=ParameterSpace.of(reward.names, bounds={"right end": (-3.0, 3.0)}))
        assert bounded.status is Status.CONVERGED
        assert bounded.parameters[0] == 3.0

    def test_an_ordinary_fit_is_not_accused(self):
        problem, _ = simulated("finite", deterministic=True, count=200)
        tight = fit(problem, optimiser=LBFGSB(gradient_tolerance=1e-2))
        assert tight.status is Status.CONVERGED


class TestIdentification:
    def test_null_directions_are_named(self):
        problem, _ = simulated("finite", deterministic=False, count=60)
        first = problem.reward.state[0]
        state = {"shade": first, "twice": 2 * first, "grass": problem.reward.state[1], "constant": np.ones(N_STATES)}
        reward = LinearReward.of(N_ACTIONS, state=state)
        result = fit(dataclasses.replace(problem, reward=reward))
        assert result.status is Status.CONVERGED
        assert result.uncertainty is not None
        text = " | ".join(result.uncertainty.identification.messages)
        assert "shade and twice cannot be told apart" in text
        assert "constant changes no choice" in text
        rows = {row.name: row for row in result.table()}
        assert rows["grass"].standard_error is not None
        for name in ("shade", "twice", "constant"):
            assert rows[name].standard_error is None
            assert rows[name].note == "not identified"
        sum_identified = result.uncertainty.combination(np.array([1.0, 2.0, 0.0, 0.0]))
        alone = fit(
            dataclasses.replace(
                problem, reward=LinearReward.of(N_ACTIONS, state={k: state[k] for k in ("shade", "grass")})
            )
        )
        assert sum_identified == pytest.approx(alone.table()[0].standard_error, rel=1e-4)
        assert result.uncertainty.combination(np.array([1.0, 0.0, 0.0, 0.0])) is None

    def test_a_feature_that_is_zero_everywhere_is_refused(self):
        problem, _ = simulated("finite", deterministic=False, count=5)
        reward = LinearReward.of(N_ACTIONS, state={"shade": np.arange(5.0), "nothing": np.zeros(5)})
        with pytest.raises(InvalidInput, match="'nothing' is zero"):
            fit(dataclasses.replace(problem, reward=reward))


def grid_problem(*, cost: bool):
    """Eight moves on 6 × 6 cells towards a corner."""
    side, moves = 6, [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    rows, columns = np.divmod(np.arange(side * side), side)
    successor, available = [], []
    for down, right in moves:
        to_row, to_column = rows + down, columns + right
        inside = (to_row >= 0) & (to_row < side) & (to_column >= 0) & (to_column < side)
        successor.append(np.where(inside, to_row * side + to_column, np.arange(side * side)))
        available.append(inside)
    mdp = MDP(DeterministicTransitions(np.array(successor, np.int32), np.array(available)), np.zeros(side * side, bool))
    rough = np.random.default_rng(2).uniform(-1, 1, side * side)
    state = {"rough": rough, "step": np.ones(side * side)} if cost else {"rough": rough}
    walks = Trajectories.of(
        [[0, 7, 14, 21, 28, 35], [0, 1, 8, 15, 21, 28, 29, 35], [6, 7, 8, 14, 15, 22, 29, 35]], goals=[35] * 3
    )
    return InverseProblem(mdp, LinearReward.of(8, state=state), walks, ToGoal())


def test_a_feasible_start_is_found_on_an_eight_move_grid():
    problem = grid_problem(cost=True)
    result = fit(problem)
    assert result.status is Status.CONVERGED
    assert result.start[1] < -np.log(3)
    assert result.coefficients["step"] < 0
    bounded = fit(problem, space=ParameterSpace.of(("rough", "step"), bounds={"step": (-4.0, -0.5)}))
    np.testing.assert_allclose(bounded.parameters, result.parameters, atol=1e-4)


def test_no_feasible_start_says_what_to_add():
    with pytest.raises(InvalidInput, match="constant cost per step"):
        fit(grid_problem(cost=False))


def test_small_problems_of_every_kind_have_default_objectives():
    assert isinstance(fit(small_problem("finite", deterministic=True)).objectives[0], FeatureMatching)
    assert isinstance(fit(small_problem("discounted", deterministic=True)).objectives[0], ConditionalLikelihood)
