"""One soft Bellman backup and one gradient, against the bandwidth at which this machine copies memory.

    python benchmarks/speed/backup.py [--side 1000] [--steps 20] [--rounds 7]

A backup reads r (A, S), the int32 successors (A, S) and V (S), each counted once. Copy and backup take turns, so that
a change of the machine's speed meets both; ratios are of neighbours, and their spread is printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.planning.backup import Backup
from maxentrl.planning.sweeps import sweep_values, sweep_visits

MOVES = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


def grid_backup(side: int, dtype: np.dtype) -> Backup:
    """A square map with 8 moves (a blocked move stays) and random costs."""
    rows, columns = np.mgrid[:side, :side]
    successor = [np.clip(rows + dy, 0, side - 1) * side + np.clip(columns + dx, 0, side - 1) for dy, dx in MOVES]
    n_states = side * side
    table = np.stack([s.ravel() for s in successor]).astype(np.int32)
    weight = (-np.random.default_rng(0).random((len(MOVES), n_states)) - 2.0).astype(dtype)
    backup = Backup(
        transitions=DeterministicTransitions(table, np.ones(table.shape, bool)),
        weight=weight,
        outcome=None,
        ends=np.zeros(n_states, bool),
        end_value=np.zeros(n_states, dtype),
        discount=np.asarray(1.0, dtype),
        form="soft",
    )
    return jax.tree.map(jnp.asarray, backup)


@partial(jax.jit, static_argnames="steps")
def repeat_backup(backup: Backup, values: jax.Array, steps: int) -> jax.Array:
    """``steps`` backups, nothing kept."""
    return jax.lax.scan(lambda v, _: (backup.values(v, backup.weight), None), values, None, length=steps)[0]


@jax.jit
def negate(values: jax.Array) -> jax.Array:
    """A copy that the compiler cannot leave out, by the same threads or device as the backup."""
    return -values


def gradient(backup: Backup, source: jax.Array, steps: int) -> jax.Array:
    """Values and visits of a finite horizon: what one evaluation of a fit costs."""
    values = sweep_values(backup, steps)
    return sweep_visits(backup, values, source, per_step=False, outcomes=False).pair


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call, waited for."""
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


def measure(side: int, steps: int, rounds: int, dtype: type) -> dict[str, object]:
    """Medians and spread of the ratios for one precision."""
    with jax.enable_x64(dtype is np.float64):
        backup = grid_backup(side, np.dtype(dtype))
        n_states = side * side
        values, source = jnp.zeros(n_states, dtype), jnp.zeros((steps + 1, n_states), dtype).at[0].set(1.0 / n_states)
        counted = backup.weight.nbytes + backup.transitions.successor.nbytes + values.nbytes
        original = jnp.ones(counted // np.dtype(dtype).itemsize // 2, dtype)
        runs = {
            "copy": lambda: [negate(original) for _ in range(steps)],
            "backup": lambda: repeat_backup(backup, values, steps),
            "gradient": lambda: gradient(backup, source, steps),
        }
        for run in runs.values():
            seconds(run)
        times = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                times[name].append(seconds(run) / steps)
    copied = [2 * original.nbytes / t / 1e9 for t in times["copy"]]  # it reads and writes
    moved = [counted / t / 1e9 for t in times["backup"]]
    return {
        "device": jax.devices()[0].device_kind,
        "precision": np.dtype(dtype).name,
        "states": n_states,
        "backup_ms": spread([1e3 * t for t in times["backup"]]),
        "copy_gb_s": spread(copied),
        "backup_gb_s": spread(moved),
        "backup_share_of_copy": spread([b / c for b, c in zip(moved, copied, strict=True)]),
        "gradient_in_backups_per_step": spread(
            [g / b for g, b in zip(times["gradient"], times["backup"], strict=True)]
        ),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": round(statistics.median(values), 4), "min": round(min(values), 4), "max": round(max(values), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    for dtype in (np.float32, np.float64):
        print(json.dumps(measure(arguments.side, arguments.steps, arguments.rounds, dtype), indent=1), flush=True)


if __name__ == "__main__":
    main()
