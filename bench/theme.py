"""Plots for pages: an SVG for light and one for dark, equal figures in equal bytes.

Needs matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from .pages import DOCS


class Theme(NamedTuple):
    """Colours on a transparent background."""

    name: str
    text: str
    grid: str
    ours: str
    naive: str
    other: str


THEMES = (
    Theme("light", "#1f2328", "#d1d9e0", "#0969da", "#cf222e", "#9a6700"),
    Theme("dark", "#f0f6fc", "#3d444d", "#4493f8", "#f85149", "#d29922"),
)


def available() -> bool:
    """Whether the plotting library is installed."""
    return find_spec("matplotlib") is not None


def draw(
    name: str, panels: int, size: tuple[float, float], plot: Callable[[list[Any], Theme], None]
) -> None:
    """Write docs/<name>-light.svg and -dark.svg; `plot` fills the panels, side by side."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    for theme in THEMES:
        style: Any = {
            "svg.hashsalt": "liveness",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.size": 10,
            "grid.color": theme.grid,
            "axes.grid": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "legend.fontsize": 9,
            **dict.fromkeys(("text.color", "axes.labelcolor"), theme.text),
            **dict.fromkeys(("xtick.color", "ytick.color", "axes.edgecolor"), theme.text),
        }
        with pyplot.rc_context(style):
            figure, axes = pyplot.subplots(1, panels, figsize=size, layout="constrained")
            plot([axes] if panels == 1 else list(axes), theme)
            file = DOCS / f"{name}-{theme.name}.svg"
            figure.savefig(
                file, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
            )
            pyplot.close(figure)
        _strip(file)


def _strip(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
