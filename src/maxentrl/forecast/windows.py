"""The protocol of crowd forecasting: windows of so many observed and future positions of everyone who is there throughout."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """W stretches of walks, cut at the same frames for all people of a sequence.

    Attributes:
        observed: positions seen, (W, t, 2).
        future: positions to be forecast, (W, n, 2).
        person: whose, (W,).
        frame: first frame of each, (W,); equal within a sequence.
    """

    observed: Float[np.ndarray, "W t 2"]
    future: Float[np.ndarray, "W n 2"]
    person: Int[np.ndarray, " W"]
    frame: Int[np.ndarray, " W"]

    def __len__(self) -> int:
        return len(self.person)

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        return len(np.unique(self.frame))


def windows(
    person: Int[np.ndarray, " N"],
    frame: Int[np.ndarray, " N"],
    position: Float[np.ndarray, "N 2"],
    *,
    observed: int = 8,
    future: int = 12,
    least_people: int = 2,
) -> Windows:
    """Every window of ``observed + future`` successive recorded frames, with the people seen in all of them.

    Windows begin at every recorded frame and overlap, as the published scores of ETH/UCY count them (Gupta et al., CVPR
    2018; Schöller et al., RA-L 2020). Frames in which nobody was seen are no frames: the protocol steps over them.

    Args:
        person: number of the person of each row, (N,).
        frame: its frame, (N,).
        position: its position, (N, 2).
        observed: positions seen, at least one.
        future: positions to come, at least one.
        least_people: sequences of fewer people are left out; the published scores need two.

    Raises:
        InvalidInput: lengths below one, or no window.
    """
    if observed < 1 or future < 1:
        raise InvalidInput(f"observed = {observed}, future = {future}: expected at least one position of each")
    length = observed + future
    frames, index = np.unique(frame, return_inverse=True)
    order = np.lexsort((index, person))
    person, index, position = person[order], index[order], position[order]
    last = np.arange(len(person)) + length - 1
    whole = last < len(person)
    there = np.minimum(last, len(person) - 1)
    whole &= (person[there] == person) & (index[there] == index + length - 1)
    first = np.flatnonzero(whole)
    crowd = np.bincount(index[first], minlength=len(frames))
    first = first[crowd[index[first]] >= least_people]
    if not len(first):
        raise InvalidInput(f"nobody is seen for {length} successive frames beside {least_people - 1} others")
    first = first[np.lexsort((person[first], index[first]))]
    cut = position[first[:, None] + np.arange(length)]
    return Windows(cut[:, :observed], cut[:, observed:], person[first], frames[index[first]])
