"""Everything that training needs to go on to the same parameters, bit for bit."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.rewards.tensor_file import pack, unpack
from maxentrl.status import InvalidInput

KIND = "training state"


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingState:
    """Where training stands after a step.

    The generator is counted, not carried: its draws follow from ``seed`` and the number of the pass.

    Attributes:
        names: the free parameters.
        seed: of the division into batches and of their order.
        batches: how many there are.
        step: steps taken.
        free: the parameters that the next step evaluates, (F,).
        anchor: the last ones that could be evaluated, (F,).
        best: the best ones so far, (F,).
        best_value: the target there, in nats.
        best_gradient: its gradient there, (F,).
        chosen: the parameters under which the walks held out are likeliest so far, (F,), or (0,) where none are.
        held_out: their log-likelihood there; -inf before the first look.
        waited: looks since then.
        optimiser: the arrays of the optimiser's state.
        plans: values that planning begins from, by "batch/problem".
    """

    names: tuple[str, ...]
    seed: int
    batches: int
    step: int
    free: Float[np.ndarray, " F"]
    anchor: Float[np.ndarray, " F"]
    best: Float[np.ndarray, " F"]
    best_value: float
    best_gradient: Float[np.ndarray, " F"]
    chosen: Float[np.ndarray, " chosen"]
    held_out: float
    waited: int
    optimiser: tuple[np.ndarray, ...]
    plans: dict[str, np.ndarray]

    def to_bytes(self) -> bytes:
        """The state as a safetensors file; floats keep every bit."""
        tensors = {
            "free": self.free,
            "anchor": self.anchor,
            "best": self.best,
            "best_gradient": self.best_gradient,
            "chosen": self.chosen,
            "numbers": np.array([self.best_value, self.held_out]),
        }
        tensors |= {f"optimiser/{i}": leaf for i, leaf in enumerate(self.optimiser)}
        tensors |= {f"plans/{key}": values for key, values in self.plans.items()}
        manifest = {"seed": self.seed, "batches": self.batches, "step": self.step, "waited": self.waited}
        return pack(KIND, tensors, {**manifest, "names": list(self.names), "optimiser": len(self.optimiser)})

    @staticmethod
    def from_bytes(data: bytes, *, source: str) -> TrainingState:
        """The state of a file's bytes.

        Raises:
            InvalidInput: not such a file, by ``source``.
        """
        tensors, manifest = unpack(KIND, data, source=source)
        try:
            best_value, held_out = tensors["numbers"].tolist()
            return TrainingState(
                names=tuple(manifest["names"]),
                seed=int(manifest["seed"]),
                batches=int(manifest["batches"]),
                step=int(manifest["step"]),
                free=tensors["free"],
                anchor=tensors["anchor"],
                best=tensors["best"],
                best_value=best_value,
                best_gradient=tensors["best_gradient"],
                chosen=tensors["chosen"],
                held_out=held_out,
                waited=int(manifest["waited"]),
                optimiser=tuple(tensors[f"optimiser/{i}"] for i in range(int(manifest["optimiser"]))),
                plans={key.removeprefix("plans/"): v for key, v in tensors.items() if key.startswith("plans/")},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"{source}: not a complete training state: {error!r}") from None

    def check(self, names: tuple[str, ...], seed: int, batches: int) -> None:
        """Refuse to go on with another reward, seed or division.

        Raises:
            InvalidInput: by what differs.
        """
        problems = []
        if self.names != names:
            first = next(
                (f"'{a}' where this fit has '{b}'" for a, b in zip(self.names, names, strict=False) if a != b), ""
            )
            problems.append(
                f"the training state is of {len(self.names)} free parameters, this fit has {len(names)}"
                f"{'; the first that differs is ' + first if first else ''}"
            )
        if self.seed != seed:
            problems.append(f"the training state was begun with seed {self.seed}, this fit has {seed}")
        if self.batches != batches:
            problems.append(f"the training state has {self.batches} batches, this fit has {batches}")
        if problems:
            raise InvalidInput([f"{problem}; begin anew or use the same settings" for problem in problems])
