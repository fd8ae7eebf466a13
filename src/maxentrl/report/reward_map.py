"""The learnt reward on the map, and where the members of an ensemble disagree."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.pullback import reward_table
from maxentrl.plots.ground import Scene as Ground
from maxentrl.plots.reward_map import (
    DisagreementPicture,
    RewardPicture,
    disagreement_map,
    reward_map,
    reward_of_states,
)
from maxentrl.report.page import Picture
from maxentrl.report.pictures import picture_bytes
from maxentrl.runs.job import Job


def reward_pictures(job: Job, parameters: Float[np.ndarray, " K"]) -> tuple[Picture, ...]:
    """The reward of each cell under learnt parameters, linear or not; none in a world without a map.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    geometry = job.scene.world.geometry
    if geometry is None:
        return ()
    table = reward_table(job.reward, np.asarray(parameters, float))
    temperature = job.spec.fit.temperature
    reward = reward_of_states(np.asarray(table.pair), job.scene.world.mdp.available, temperature=temperature or 1.0)
    if not np.isfinite(reward).any():
        return ()
    picture = RewardPicture(Ground(geometry, job.scene.picture), reward)
    caption = (
        "What one decision in each cell pays under what was learnt, the mean over the moves available there, in nats: a move "
        "that pays one nat more is chosen e times as often, other things equal."
    )
    return (Picture("Learnt reward", caption, picture_bytes(reward_map, picture), "reward.png"),)


def disagreement_pictures(job: Job, share: Float[np.ndarray, " S"], members: int) -> tuple[Picture, ...]:
    """Where the members of an ensemble would walk differently; none in a world without a map.

    Args:
        job: a scene with walks.
        share: of next moves on which two members differ, (S,); see ``ensemble_disagreement``.
        members: how many.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    geometry = job.scene.world.geometry
    known = share[np.isfinite(share)]
    if geometry is None or not known.size:
        return ()
    picture = DisagreementPicture(Ground(geometry, job.scene.picture), share, members)
    caption = (
        f"Share of next moves on which two of {members} members, fitted from different first weights, differ at "
        f"least; mean over the goals of the walks. Median cell {100 * np.median(known):.2g} %, worst "
        f"{100 * known.max():.2g} %. Moves are compared and not rewards, which differ by what no walk can tell."
    )
    png = picture_bytes(disagreement_map, picture)
    return (Picture("Where the members disagree", caption, png, "disagreement.png"),)
