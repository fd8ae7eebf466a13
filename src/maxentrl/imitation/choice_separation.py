"""Whether a conditional logit has a maximum: a direction along which every choice made becomes only more likely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.optimize
from jaxtyping import Float

from maxentrl.imitation.choices import Choices
from maxentrl.inverse.prior import GaussianPrior

SMALL = 1e-9
"""Relative size below which a rise or a direction is zero."""


def find_separation(
    choices: Choices, names: Sequence[str], scales: Float[np.ndarray, " K"], prior: GaussianPrior | None = None
) -> str:
    """The features of a direction along which the likelihood grows for ever, in words; empty where there is none.

    The likelihood has no maximum iff some d ≠ 0 has d·(φ(a_t) − φ(b)) ≥ 0 for every choice a_t and open move b, and > 0
    for one of them. The linear programme max Σ d·(φ(a_t) − φ(b)) over such d in a box decides. Decisions whose action
    was not seen are left out, so with these an empty answer is not certain.

    Source: Albert & Anderson (1984).
    """
    differences = _differences(choices)
    if not len(differences):
        return ""
    scaled = differences * scales
    rising = scaled.sum(0)
    limit = np.ones(len(scales)) if prior is None else np.where(prior.precision > 0, 0.0, 1.0)
    answer = scipy.optimize.linprog(
        -rising / max(float(np.abs(rising).max(initial=0.0)), np.finfo(float).tiny),
        A_ub=-scaled,
        b_ub=np.zeros(len(scaled)),
        bounds=list(zip(-limit, limit, strict=True)),
        method="highs",
    )
    if answer.x is None:
        return ""
    gain = float((scaled @ answer.x).sum())
    if not gain > SMALL * float((np.abs(scaled) @ np.abs(answer.x)).sum()) or not np.abs(answer.x).max() > SMALL:
        return ""
    order = np.argsort(-np.abs(answer.x * rising), kind="stable")
    named = [f"{names[k]} ({'more' if answer.x[k] > 0 else 'less'})" for k in order[:5] if np.abs(answer.x[k]) > SMALL]
    return f"no choice speaks against ever {', '.join(named)}"


def _differences(choices: Choices) -> Float[np.ndarray, "C K"]:
    """φ(chosen) − φ(open) for every distinct chosen option and every other option of its situation."""
    rows = choices.rows
    alone = np.bincount(rows.decision, minlength=len(rows.first)) == 1
    counted = alone & (choices.weights > 0)
    chosen = np.unique(choices.option[rows.first[counted]])
    last = np.append(choices.first[1:], len(choices.features))
    situation = choices.situation[chosen]
    count = last[situation] - choices.first[situation]
    start = np.repeat(choices.first[situation], count)
    other = start + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    difference = choices.features[np.repeat(chosen, count)] - choices.features[other]
    return np.unique(difference[(difference != 0).any(1)], axis=0)
