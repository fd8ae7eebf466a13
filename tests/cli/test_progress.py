"""The bar fills as the gradient falls."""

import math
import time

import pytest

from maxentrl.cli.progress import announcer, share_done
from maxentrl.cli.terminal import Terminal
from maxentrl.runs.run import Stage


@pytest.mark.parametrize(
    ("norm", "share"), [(1.0, 0.0), (1e-3, 0.5), (1e-6, 1.0), (1e-9, 1.0), (10.0, 0.0), (math.inf, 0.0)]
)
def test_share_done(norm, share):
    assert share_done(1.0, norm, 1e-6) == pytest.approx(share)


def test_a_fit_that_is_done_at_once():
    assert share_done(1e-9, 1e-9, 1e-6) == 1.0


@pytest.mark.parametrize(("json", "patience", "said"), [(False, 0.0, True), (False, 60.0, False), (True, 0.0, False)])
def test_a_stage_that_takes_long_is_told(monkeypatch, capsys, json, patience, said):
    monkeypatch.setattr("maxentrl.cli.progress.PATIENCE", patience)
    steps = []
    with announcer(Terminal(json=json)) as announce:
        announce(Stage("reading"))
        time.sleep(0.2)
        announce.until(steps.append)("first evaluation")
    assert steps == ["first evaluation"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ("reading …\n" if said else "")


def test_lost_walks_are_told_at_once(capsys):
    with announcer(Terminal(json=False)) as announce:
        announce(Stage("preparing", "9 of 10 walks were left out"))
        assert capsys.readouterr().out == "WARNING: 9 of 10 walks were left out\n"
