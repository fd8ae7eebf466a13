"""What all pictures share: figures outside pyplot, one palette, one typography."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maxentrl.status import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patheffects import AbstractPathEffect
else:
    Axes = AbstractPathEffect = Any

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1", "#B8A400")
"""Colours that stay apart for colour-blind readers (after Okabe & Ito 2008)."""
INK, MUTED, FAINT = "#1b1f24", "#59636e", "#d5dae0"
"""Text; secondary text; grid lines and frames."""
GREY = "#9aa4ae"
"""For what has no colour of its own."""
FONTS = ("Inter", "Source Sans 3", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans")
"""The first of these that is installed is used."""
TITLE, LABEL, SMALL = 14, 11, 10
"""Sizes of text in points."""


def new_axes(width: float, height: float) -> Axes:
    """Axes of a fresh figure, in inches, that pyplot does not know of.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
    return figure.add_subplot()


def colour_of(index: int, count: int) -> str:
    """A colour for one of ``count`` things: the palette, and beyond its length the muted grey."""
    return PALETTE[index] if count <= len(PALETTE) or index < len(PALETTE) - 1 else GREY


def halo(width: float = 3.0, colour: str = "white") -> list[AbstractPathEffect]:
    """An outline that keeps lines and text readable on any background."""
    from matplotlib.patheffects import Normal, Stroke  # noqa: PLC0415

    return [Stroke(linewidth=width, foreground=colour), Normal()]


def finish(ax: Axes, title: str) -> Axes:
    """Title at the left, quiet frame, one font for all text."""
    from matplotlib.text import Text  # noqa: PLC0415

    ax.set_title(title, loc="left", fontsize=TITLE, fontweight="bold", color=INK, pad=10)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
    family = text_font()
    ax.tick_params(colors=MUTED, labelsize=SMALL, length=0, labelfontfamily=family, which="both")
    ax.xaxis.label.set(color=MUTED, fontsize=LABEL)
    ax.yaxis.label.set(color=MUTED, fontsize=LABEL)
    for text in ax.findobj(Text):
        text.set_fontfamily(family)
    return ax


def quiet_legend(ax: Axes, **placement: Any) -> None:
    """A legend without a frame line, in small muted text."""
    handles, _ = ax.get_legend_handles_labels()
    if handles:
        ax.legend(fontsize=SMALL, labelcolor=INK, frameon=False, handlelength=1.8, borderaxespad=0.2, **placement)


def text_font() -> str:
    """The first font of the list that is installed."""
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    installed = {font.name for font in fontManager.ttflist}
    return next(name for name in (*FONTS, "DejaVu Sans") if name in installed or name == "DejaVu Sans")
