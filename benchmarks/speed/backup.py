"""One soft Bellman backup and one gradient, against the bandwidth at which this machine copies memory.

    python benchmarks/speed/backup.py [--side 1000] [--steps 20] [--rounds 7]

A backup reads r (A, S), the int32 successors (A, S) and V (S), each counted once; a copy is counted as read and written,
by all cores and by one. Copy and backup take turns, so that a change of the machine's speed meets both; ratios are of
neighbours, and their spread is printed. Each precision is timed as the library sweeps it: double in products of scaled
numbers, single in log space. `backup_ms` keeps nothing, `sweep_ms` is one backup of a sweep, which keeps V.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.numerics.scaled import Scaled, exponential
from maxentrl.planning.backup import Backup
from maxentrl.planning.scaled import ScaledBackup, finite_values, finite_visits

MOVES = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


def grid_backup(side: int, dtype: np.dtype) -> Backup:
    """A square map with 8 moves (a blocked move stays) and random costs."""
    rows, columns = np.mgrid[:side, :side]
    successor = [np.clip(rows + dy, 0, side - 1) * side + np.clip(columns + dx, 0, side - 1) for dy, dx in MOVES]
    n_states = side * side
    table = np.stack([s.ravel() for s in successor]).astype(np.int32)
    weight = (-np.random.default_rng(0).random((len(MOVES), n_states)) - 2.0).astype(dtype)
    backup = Backup(
        transitions=DeterministicTransitions(table, np.ones(table.shape, bool)).indexed,
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
    """``steps`` backups in log space, nothing kept."""
    return jax.lax.scan(lambda v, _: (backup.values(v, backup.weight), None), values, None, length=steps)[0]


@partial(jax.jit, static_argnames="steps")
def repeat_scaled(scaled: ScaledBackup, values: jax.Array, steps: int) -> Scaled:
    """``steps`` backups in products, nothing kept."""
    growing = jnp.any(jnp.isneginf(values))
    return jax.lax.fori_loop(0, steps, lambda _, z: scaled.step(z, growing), exponential(values))


def copy_in_parts(source: np.ndarray, target: np.ndarray, threads: int) -> None:
    """A plain copy of memory, by so many threads."""
    edges = np.linspace(0, len(source), threads + 1).astype(int)
    parts = [
        threading.Thread(target=np.copyto, args=(target[first:last], source[first:last]))
        for first, last in itertools.pairwise(edges)
    ]
    for part in parts:
        part.start()
    for part in parts:
        part.join()


def gradient(backup: Backup, source: jax.Array, steps: int) -> jax.Array:
    """Values and visits of a finite horizon: what one evaluation of a fit costs."""
    values = finite_values(backup, steps)
    return finite_visits(backup, values, source, per_step=False, outcomes=False).pair


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
        scaled = ScaledBackup.of(backup, steps)
        original = np.ones(counted // 8)
        target, cores = np.empty_like(original), os.cpu_count() or 1
        runs = {
            "copy": lambda: [copy_in_parts(original, target, cores) for _ in range(steps)],
            "copy by one core": lambda: [copy_in_parts(original, target, 1) for _ in range(steps)],
            "backup": lambda: (
                repeat_backup(backup, values, steps) if scaled is None else repeat_scaled(scaled, values, steps)
            ),
            "sweep": lambda: finite_values(backup, steps),
            "gradient": lambda: gradient(backup, source, steps),
        }
        for run in runs.values():
            seconds(run)
        times = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                times[name].append(seconds(run) / steps)
    copied, alone = ([2 * original.nbytes / t / 1e9 for t in times[name]] for name in ("copy", "copy by one core"))
    moved = [counted / t / 1e9 for t in times["backup"]]
    return {
        "device": jax.devices()[0].device_kind,
        "precision": np.dtype(dtype).name,
        "states": n_states,
        "backup_ms": spread([1e3 * t for t in times["backup"]]),
        "sweep_ms": spread([1e3 * t for t in times["sweep"]]),
        "copy_gb_s": spread(copied),
        "copy_by_one_core_gb_s": spread(alone),
        "backup_gb_s": spread(moved),
        "backup_share_of_copy": spread([b / c for b, c in zip(moved, copied, strict=True)]),
        "backup_share_of_one_core": spread([b / c for b, c in zip(moved, alone, strict=True)]),
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
