"""Write the tables and pictures of docs/eth_ucy.md from the results that docs/eth_ucy_tables.py left.

MAXENTRL_DATA=… python docs/eth_ucy_page.py [folder of the results, by default runs/eth_ucy]
"""

import json
import re
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from eth_ucy_models import SCENES, Momentum, Recording, linear, part
from scipy.special import ndtr

from maxentrl.mdp.world import GridGeometry
from maxentrl.plots.figure import PALETTE, finish
from maxentrl.plots.ground import Scene
from maxentrl.plots.scene import VisitPicture, visit_map

PAGE = Path(__file__).with_name("eth_ucy.md")
NOISY = "noisy constant velocity, smoothed"
LEARNT = ("linear", "linear, goals on the border", "convolutional")
METHODS = ("constant velocity", "noisy constant velocity, 25°", NOISY, *LEARNT)
DRAWN = (NOISY, "linear", "convolutional")
"""The methods whose losses over time are drawn."""
MEASURES = {"nll": "nats", "ade": "ADE", "fde": "FDE", "best_ade": "best-of-20 ADE", "best_fde": "best-of-20 FDE"}
DRAWS = 4000
SHOWN = ("Zara 1", 0.12)
"""The scene of the forecast that is drawn, and how fine its cells are, in metres."""


def by_person(person, values):
    """Sum and number of each person's windows."""
    _, who = np.unique(person, return_inverse=True)
    return np.bincount(who, values), np.bincount(who)


def means_of_resampled(person, values, generator):
    """Means over windows when people are drawn with replacement."""
    sums, counts = by_person(person, values)
    drawn = generator.integers(len(sums), size=(DRAWS, len(sums)))
    return sums[drawn].sum(1) / counts[drawn].sum(1)


def measured(scenes, name, minus=None):
    """Mean and interval of each scene and of the mean over scenes; of a paired difference where ``minus`` is given."""
    generator, found, each = np.random.default_rng(0), [], []
    for scene in scenes.values():
        values = scene[name] - (0 if minus is None else scene[minus])
        values = values.mean(1) if values.ndim == 2 else values
        draws = means_of_resampled(scene["person"], values, generator)
        each.append((values.mean(), draws))
        found.append((values.mean(), *np.quantile(draws, [0.025, 0.975])))
    draws = np.mean([one for _, one in each], axis=0)
    return [*found, (np.mean([one for one, _ in each]), *np.quantile(draws, [0.025, 0.975]))]


def shown(measure):
    """A mean with half of its interval."""
    mean, low, high = measure
    return f"{mean:.2f} ± {(high - low) / 2:.2f}"


def table(scenes, measure):
    """One row a method, one column a scene."""
    lines = [f"| {MEASURES[measure]} | " + " | ".join(scenes) + " | mean |", "|---|" + "---|" * (len(scenes) + 1)]
    for method in METHODS:
        if f"{method}/{measure}" in next(iter(scenes.values())):
            cells = map(shown, measured(scenes, f"{method}/{measure}"))
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def differences(scenes):
    """Nats behind (above 0) or ahead of (below 0) noisy constant velocity, and the linear reward, paired by window."""
    lines = ["| difference in nats | " + " | ".join(scenes) + " | mean |", "|---|" + "---|" * (len(scenes) + 1)]
    pairs = [*((method, NOISY) for method in LEARNT), *((method, LEARNT[0]) for method in LEARNT[1:])]
    for method, other in pairs:
        found = measured(scenes, f"{method}/nll", f"{other}/nll")
        cells = [f"{mean:+.3f} ({low:+.3f}, {high:+.3f})" for mean, low, high in found]
        name = "noisy" if other == NOISY else other
        lines.append(f"| {method} − {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def on_the_map(scenes):
    """The same for windows apart: those in which straight on stays on the open map, and the others."""
    lines = ["| linear, nats less those of noisy constant velocity | " + " | ".join(scenes) + " |"]
    lines.append("|---|" + "---|" * len(scenes))
    stays = {name: straight_stays(Recording(name)) for name in scenes}
    for label, wanted in (("straight on stays on the map", True), ("straight on leaves it", False)):
        cells = []
        for name, one in scenes.items():
            mine = stays[name] == wanted
            values = (one["linear/nll"] - one[f"{NOISY}/nll"]).mean(1)[mine]
            if len(np.unique(one["person"][mine])) < 5:
                cells.append(f"too few ({mine.sum()})")
                continue
            draws = means_of_resampled(one["person"][mine], values, np.random.default_rng(0))
            low, high = np.quantile(draws, [0.025, 0.975])
            cells.append(f"{values.mean():+.2f} ({low:+.2f}, {high:+.2f}), n = {mine.sum()}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def straight_stays(recording):
    """Whether the last move, repeated twelve times, stays on open cells."""
    found, cut = recording.grounds[min(recording.grounds)], recording.score
    last = cut.observed[:, -1] - cut.observed[:, -2]
    path = cut.observed[:, -1:] + np.arange(1, 13)[None, :, None] * last[:, None]
    cell = np.floor((path - np.array(found.ground.origin)) / found.ground.cell_size).astype(int)[..., ::-1]
    inside = ((cell >= 0) & (cell < np.array(found.ground.shape))).all(-1)
    row, column = np.moveaxis(np.clip(cell, 0, np.array(found.ground.shape) - 1), -1, 0)
    return (inside & ~found.walls[row, column]).all(1)


def choices(chosen):
    """What was chosen on validation for each scene left out."""
    lines = ["| left out | cells | last 1, 2, 4 moves | noise, moves | network stopped after |", "|" + "---|" * 5]
    for name, one in chosen.items():
        angle, moves = one["noise"]
        sizes = ", ".join(f"{size} m {loss:.3f}" for size, (loss, _) in one["sizes"].items())
        cells = [f"{one['cell size']} m ({sizes})", f"{one['velocity']}", f"{angle:g}°, {moves}", f"{one['stopped']}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def validation(chosen):
    """Nats on the people held out of the training scenes."""
    pulls = list(next(iter(chosen.values()))["goals"])
    heads = ["noisy", "linear", "convolutional", *(f"goals, κ = {pull}" for pull in pulls)]
    lines = ["| left out | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name, one in chosen.items():
        cells = [f"{value:.3f}" for value in (*one["validation"], *one["goals"].values())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def losses_over_time(scenes, file):
    """Mean over the scenes of the nats at each future step, and of the paired difference with its interval."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.6))
    seconds = 0.4 * np.arange(1, 13)
    for method, colour in zip(DRAWN, (PALETTE[1], PALETTE[0], PALETTE[2]), strict=True):
        mean = np.mean([scene[f"{method}/nll"].mean(0) for scene in scenes.values()], axis=0)
        left.plot(seconds, mean, color=colour, marker="o", ms=3, label=method)
        if method == NOISY:
            continue
        each = []
        for step in range(12):
            at = {
                name: {"person": one["person"], "d": (one[f"{method}/nll"] - one[f"{NOISY}/nll"])[:, step]}
                for name, one in scenes.items()
            }
            each.append(measured(at, "d")[-1])
        middle, low, high = np.array(each).T
        right.plot(seconds, middle, color=colour, marker="o", ms=3, label=method)
        right.fill_between(seconds, low, high, color=colour, alpha=0.2, lw=0)
    right.axhline(0, color="0.4", lw=0.8)
    for ax, title in ((left, "Nats of the occupied cell"), (right, "… less those of noisy velocity")):
        ax.set_xlabel("seconds ahead")
        ax.set_ylabel("nats")
        finish(ax, title)
    left.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=130)


def forecast_picture(chosen, scenes, file):
    """Where one walker will be after 1.6, 3.2 and 4.8 s, learnt on the other four scenes."""
    name, size = SHOWN
    recording, one = Recording(name), chosen[name]
    way = Momentum(one["cell size"], linear, np.array(list(one["linear"].values())))
    way.mixture = np.array(one["velocity"]) / np.sum(one["velocity"])
    window = int(np.argsort(turns(recording.score))[int(0.9 * len(recording.score))])
    cut = part(recording.score, np.array([window]))
    points = way.points(recording, cut)
    ground = recording.grounds[one["cell size"]]
    path = np.concatenate([cut.observed[0], cut.future[0]])
    origin, shape = path.mean(0) - 6.0, (100, 100)
    geometry = GridGeometry(np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape), size, tuple(origin))
    image = walkable_picture(recording, ground, geometry)
    scene = Scene(geometry, image)
    figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.9), layout="constrained")
    rate = np.digitize(np.linalg.norm(cut.observed[0, -1] - cut.observed[0, -3]) / 2, [0.03, 0.15, 0.35])
    for ax, step in zip(axes, (3, 7, 11), strict=True):
        sigma = max(one["bandwidths"][rate][step], size)
        mass = blurred(points[step], geometry, sigma)
        picture = VisitPicture(
            scene,
            mass.ravel(),
            cut.observed[0],
            cut.future[0][: step + 1],
            title=f"after {0.4 * (step + 1):.1f} s",
            measure="probability of a cell",
        )
        visit_map(picture, ax=ax)
    figure.savefig(file, dpi=110, bbox_inches="tight")


def turns(cut):
    """How far each walker ends from straight on, in metres, among those who walk."""
    last = cut.observed[:, -1] - cut.observed[:, -2]
    away = np.linalg.norm(cut.future[:, -1] - cut.observed[:, -1] - 12 * last, axis=1)
    return np.where(np.linalg.norm(last, axis=1) > 0.3, away, 0.0)


def blurred(points, geometry, sigma):
    """Points with a Gaussian about each, as probabilities of the cells of a map."""
    (x, y), (rows, columns) = geometry.origin, geometry.shape
    edges = [np.arange(n + 1) * geometry.cell_size + start for n, start in ((columns, x), (rows, y))]
    along, down = (
        np.diff(ndtr((edge[None] - points.position[:, k, None]) / sigma), axis=1) for k, edge in enumerate(edges)
    )
    return (down * points.weight[:, None]).T @ along


def walkable_picture(recording, ground, geometry):
    """The walkable ground in white."""
    pixels = recording.homography.pixels(geometry.position)
    column, row = np.rint(pixels).astype(int).T
    height, width = recording.walkable.shape
    inside = (row >= 0) & (column >= 0) & (row < height) & (column < width)
    seen = recording.walkable[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)] > 0
    return np.where(inside, np.where(seen, 1.0, 0.55), 0.75).reshape(geometry.shape)


def replaced(text, name, content):
    """The text with new content between the named comment and the next end."""
    pattern = rf"(<!-- {name} -->\n).*?(\n<!-- end -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{content}{found[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    mpl.use("Agg")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/eth_ucy")
    scenes = {name: dict(np.load(folder / f"{name}.npz")) for name in SCENES if (folder / f"{name}.npz").exists()}
    chosen = {name: json.loads((folder / f"{name}.json").read_text()) for name in scenes}
    page = PAGE.read_text()
    counts = ", ".join(
        f"{name} {len(s['person'])} of {len(np.unique(s['person']))} people" for name, s in scenes.items()
    )
    minutes = json.loads((folder / "minutes.json").read_text())
    counted = (
        f"Windows scored: {counts}. Learning and scoring took {minutes:.0f} minutes on two cores that others used too."
    )
    page = replaced(page, "counts", counted)
    page = replaced(page, "differences", differences(scenes))
    page = replaced(page, "choices", choices(chosen))
    page = replaced(page, "validation", validation(chosen))
    page = replaced(page, "on the map", on_the_map(scenes))
    for measure in MEASURES:
        page = replaced(page, measure, table(scenes, measure))
    PAGE.write_text(page)
    losses_over_time(scenes, PAGE.parent / "images/eth_ucy_nats.png")
    forecast_picture(chosen, scenes, PAGE.parent / "images/eth_ucy_forecast.png")
