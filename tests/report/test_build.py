"""The report says what the run found, no more and no less."""

import dataclasses

import numpy as np
import pytest

from maxentrl.forecast.metrics import Interval
from maxentrl.forecast.scores import MEASURES, METHODS, Summary
from maxentrl.report.build import headline, make_page
from maxentrl.report.page import shown
from maxentrl.runs.demo import demo_study
from maxentrl.runs.evaluate import Evaluation
from maxentrl.runs.fit_record import CoefficientRow, FitRecord
from maxentrl.runs.record import new_record
from maxentrl.runs.run import Run
from maxentrl.status import Status


def row(name, estimate, z, note=""):
    error = None if z is None else estimate / z
    return CoefficientRow(name, estimate, error, z, None, None, None, note, None)


@pytest.fixture
def fit():
    return FitRecord(
        names=("path", "mud", "noise", "held"),
        parameters=np.array([1.0, -2.0, 0.1, 0.0]),
        features=("path", "mud", "noise", "held"),
        weights=0,
        objective="feature matching",
        value=-10.0,
        status=Status.CONVERGED,
        detail="",
        gradient_norm=1e-8,
        residual=np.array([0.0, -3e-5, 1e-6, 0.0]),
        held=(),
        duality_gap=1e-6,
        evaluations=7,
        seconds=0.5,
        errors="clustered by trajectory",
        remarks=("a remark",),
        table=(row("path", 1.0, 9.0), row("mud", -2.0, -12.0), row("noise", 0.1, 0.4), row("held", 0.0, None, "fixed")),
        members=(),
        scenes={},
        data={"states": 12, "actions": 4, "walks fitted": 5, "decisions fitted": 50},
        dropped=(("walk <3>", "left the map"),),
        warnings=("a warning",),
    )


@pytest.fixture
def evaluation():
    def measures(method):
        known = {name for name in MEASURES if name == "ade_mean" or method == METHODS[0]}
        return {name: Interval(1.5, 1.0, 2.0, 4) if name in known else None for name in MEASURES}

    summaries = tuple(Summary("10 %", method, 4, measures(method), dict.fromkeys(MEASURES), 0) for method in METHODS)
    return Evaluation(
        held_out=True,
        walks=4,
        decisions=40,
        nats_per_decision=1.0,
        uniform_nats=1.0 + float(np.log(2.5)),
        scores=(),
        summaries=summaries,
    )


def test_the_headline_names_what_is_clear_and_nothing_else(fit, evaluation):
    assert headline(fit, evaluation) == (
        "Walkers seek path and avoid mud; on 4 held-out walks each step is 2.5 times as probable as if all moves were alike."
    )
    unclear = dataclasses.replace(fit, table=(row("noise", 0.1, 0.4),))
    assert headline(unclear, evaluation).startswith("No feature is clearly sought or avoided; on 4 held-out")
    fitted = dataclasses.replace(evaluation, held_out=False)
    assert "on 4 fitted walks" in headline(fit, fitted)


def test_a_fit_without_an_answer_is_said_first(fit, evaluation):
    stopped = dataclasses.replace(fit, status=Status.MAXIMUM_ITERATIONS)
    assert headline(stopped, evaluation).startswith("The fit did not finish: stopped at the maximum number")


def test_the_page_holds_all_of_the_run(fit, evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr("maxentrl.report.build.scene_pictures", lambda run, unfolding: ())
    monkeypatch.setattr("maxentrl.report.build.reward_section", lambda run: ())
    record = new_record(tmp_path / "s.toml", "text", [], None).ending("CONVERGED", 1.0)
    page = make_page(Run(tmp_path, demo_study(), record, fit), evaluation)
    assert [c.name for c in page.coefficients] == list(fit.names)
    assert page.coefficients[3].note == "fixed"
    assert page.trusted
    assert page.dropped is not None
    assert page.dropped.rows == fit.dropped
    assert page.scores is not None
    assert page.scores.columns[:2] == ("seen", "forecast by")
    assert [r[1] for r in page.scores.rows] == list(METHODS)
    assert page.scores.emphasised == (0,)
    assert [shown(r[-1]) for r in page.scores.rows] == ["1.500", "", "", ""]
    (worst,) = [fact for fact in page.certificate if fact.label == "worst feature"]
    assert worst.value == "mud: −3e−05"
    assert "a warning" in [fact.value for fact in page.data]


def test_a_network_without_features_is_told_as_one(fit, evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr("maxentrl.report.build.scene_pictures", lambda run, unfolding: ())
    monkeypatch.setattr("maxentrl.report.build.reward_section", lambda run: ())
    member = {"member": 0, "status": "EARLY_STOPPED", "value": -9.0, "validation": -3.0, "chosen": False}
    network = dataclasses.replace(
        fit,
        names=(),
        parameters=np.zeros(0),
        features=(),
        weights=321,
        residual=np.zeros(0),
        table=(),
        members=(member, {**member, "member": 1, "chosen": True}),
        scenes={"east": {"states": 5}, "west": {"states": 7, "walks fitted": 3}},
    )
    record = new_record(tmp_path / "s.toml", "text", [], None).ending("CONVERGED", 1.0)
    page = make_page(Run(tmp_path, demo_study(), record, network), evaluation)
    assert page.headline.startswith("A network of 321 weights was learnt; on 4 held-out walks")
    assert "worst feature" not in [fact.label for fact in page.certificate]
    assert page.members is not None
    assert page.members.rows == ((0, "early stopped", -9.0, -3.0, ""), (1, "early stopped", -9.0, -3.0, "chosen"))
    assert page.members.emphasised == (1,)
    assert page.scenes is not None
    assert page.scenes.rows == (("east", 5, None), ("west", 7, 3))
