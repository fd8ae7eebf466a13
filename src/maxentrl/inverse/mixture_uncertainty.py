"""Standard errors of a whole mixture: of all components' parameters and the log-odds of the weights together.

    classical                 H⁻¹, H the exact observed information of the mixture (Louis 1982)
    outer product             (Σ_i w_i s_i s_iᵀ)⁻¹ on the identified directions, s_i the score of a trajectory (BHHH)
    clustered by trajectory   H⁻¹ (Σ_i w_i² s_i s_iᵀ) H⁻¹ · M/(M − 1)

They hold for well separated components within one maximum, the labels kept. Not knowing which component a trajectory is
of is in H, so errors are wider than those of the components' own fits.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.inverse.identification import identify
from maxentrl.inverse.mixture_target import MixtureTarget
from maxentrl.inverse.uncertainty import ErrorKind, Uncertainty
from maxentrl.status import Failure


def mixture_uncertainty(target: MixtureTarget, free: Float[np.ndarray, " F"]) -> tuple[Uncertainty | None, list[str]]:
    """Covariances at a maximum, or None and why there are none."""
    if not target.has_hessian:
        return None, ["no standard errors: no Hessian is formed for the weights of a network or so many parameters"]
    inside = ~target.space.at_bound(free)
    try:
        information = -target.hessian(free, inside)
        scores = target.scores(target.point(free))[:, inside]
    except Failure as failure:
        return None, [f"no standard errors: {failure}"]
    interior, objective = np.flatnonzero(inside), target.objective
    names = tuple(target.space.free_names[k] for k in interior)
    total = float(max(objective.n_decisions, objective.total_weight))
    found = identify(names, information, target.scales(free)[interior], total)
    if not found.concave:
        return None, ["no standard errors: the likelihood is not concave here, so this is no maximum"]
    bread, weights = found.inverse(), objective.trajectories.weights
    covariances = {
        ErrorKind.CLASSICAL: bread,
        ErrorKind.OUTER_PRODUCT: _within((scores * weights[:, None]).T @ scores, found.null),
    }
    count, remarks = int((weights > 0).sum()), list(found.messages)
    if count > max(len(bread) - len(found.null), 1):
        meat = (scores * weights[:, None] ** 2).T @ scores
        covariances[ErrorKind.CLUSTERED] = bread @ meat @ bread * count / (count - 1)
    else:
        remarks.append(f"{count} trajectories for {len(bread)} parameters: too few for clustered errors")
    if target.prior is not None:
        remarks.append("errors are of the posterior under the Gaussian prior (Laplace)")
    notes = _notes(target, inside, found.identified)
    matrix = target.space.directions(inside)
    kept = Uncertainty(interior, found, covariances, matrix, notes, tuple(remarks), ErrorKind.CLASSICAL)
    return kept, remarks


def _within(outer: Float[np.ndarray, "I I"], null: Float[np.ndarray, "N I"]) -> Float[np.ndarray, "I I"]:
    """Inverse of the outer product on what is not null."""
    basis = np.eye(len(outer))
    if len(null):
        basis = np.linalg.svd(null)[2][len(null) :].T
    return basis @ np.linalg.pinv(basis.T @ outer @ basis, hermitian=True) @ basis.T


def _notes(
    target: MixtureTarget, inside: Bool[np.ndarray, " F"], identified: Bool[np.ndarray, " I"]
) -> tuple[str, ...]:
    space, open_ = target.space, np.zeros(len(inside), bool)
    open_[np.flatnonzero(inside)[~identified]] = True
    notes = np.full(len(space.names), "", object)
    for marked, note in ((~space.alone, "tied"), (open_, "not identified"), (~inside, "at its bound")):
        notes[space.follow(marked)] = note
    notes[space.fixed] = "fixed"
    return tuple(notes)
