"""The page's figures as SVG, without scripts and without styles that the page's policy forbids.

Colors come from the style sheet by class. Every figure has a text that says the same. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

# Of the similarity scale, in units of its view box.
_SCALE_WIDTH, _SCALE_HEIGHT, _MARGIN = 640, 74, 16
_TRACK_TOP, _TRACK_HEIGHT = 32, 12
_LABEL_ROOM = 66


class Drawing:
    """An SVG picture with a text alternative; coordinates are units of its view box."""

    def __init__(self, width: float, height: float, title: str, css: str = "") -> None:
        self._start = Markup(
            '<svg class="plot {}" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        ).format(css, _number(width), _number(height), title)
        self._parts: list[Markup] = []

    def rectangle(
        self, x: float, y: float, width: float, height: float, css: str, title: str = ""
    ) -> None:
        """Add a rectangle; `title` is shown when the pointer rests on it."""
        inner = Markup("<title>{}</title>").format(title) if title else Markup()
        self._parts.append(
            Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}">{}</rect>').format(
                _number(x), _number(y), _number(max(width, 0)), _number(max(height, 0)), css, inner
            )
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str) -> None:
        self._parts.append(
            Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(
                _number(x1), _number(y1), _number(x2), _number(y2), css
            )
        )

    def path(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """Add a line through the points."""
        if points:
            data = "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
            self._parts.append(Markup('<path d="{}" class="{}"/>').format(data, css))

    def area(self, outline: Sequence[tuple[float, float]], css: str) -> None:
        """Add a closed shape."""
        if outline:
            data = "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in outline) + "Z"
            self._parts.append(Markup('<path d="{}" class="{}"/>').format(data, css))

    def circle(self, x: float, y: float, radius: float, css: str, title: str = "") -> None:
        inner = Markup("<title>{}</title>").format(title) if title else Markup()
        self._parts.append(
            Markup('<circle cx="{}" cy="{}" r="{}" class="{}">{}</circle>').format(
                _number(x), _number(y), _number(radius), css, inner
            )
        )

    def text(self, x: float, y: float, text: str, css: str = "", anchor: str = "middle") -> None:
        self._parts.append(
            Markup('<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>').format(
                _number(x), _number(y), anchor, css, text
            )
        )

    def render(self) -> Markup:
        return self._start + Markup().join(self._parts) + Markup("</svg>")


def similarity_scale(
    similarity: float, threshold: float | None, title: str, threshold_label: str
) -> Markup:
    """Draw a similarity from 0 to 100 against its threshold."""
    drawing = Drawing(_SCALE_WIDTH, _SCALE_HEIGHT, title, "scale")
    x = _position(similarity)
    split = _position(threshold if threshold is not None else 0)
    drawing.rectangle(_MARGIN, _TRACK_TOP, split - _MARGIN, _TRACK_HEIGHT, "below")
    right = _SCALE_WIDTH - _MARGIN
    drawing.rectangle(split, _TRACK_TOP, right - split, _TRACK_HEIGHT, "above")
    for tick in range(0, 101, 20):
        at = _position(tick)
        # The threshold's own label is more important than a tick next to it.
        if threshold is None or abs(at - split) > _LABEL_ROOM:
            drawing.text(at, _SCALE_HEIGHT - 10, f"{tick}", "tick")
    if threshold is not None:
        bottom = _TRACK_TOP + _TRACK_HEIGHT
        drawing.line(split, _TRACK_TOP - 6, split, bottom + 6, "threshold")
        drawing.text(split, _SCALE_HEIGHT - 10, threshold_label, "label", _anchor(split))
    passes = threshold is None or similarity >= threshold
    drawing.circle(
        x, _TRACK_TOP + _TRACK_HEIGHT / 2, 9, "point passes" if passes else "point fails"
    )
    drawing.text(x, _TRACK_TOP - 12, f"{similarity:g}", "value", _anchor(x, room=24))
    return drawing.render()


def small_bar(similarity: float, threshold: float | None) -> Markup:
    """Draw a similarity as a bar in a table's cell; the number stands beside it."""
    drawing = Drawing(100, 10, "", "small")
    passes = threshold is None or similarity >= threshold
    drawing.rectangle(0, 3, 100, 4, "track")
    drawing.rectangle(0, 3, similarity, 4, "passes" if passes else "fails")
    if threshold is not None:
        drawing.line(threshold, 0, threshold, 10, "threshold")
    return drawing.render().replace('role="img" aria-label=""', Markup('aria-hidden="true"'))


def _position(similarity: float) -> float:
    return _MARGIN + (_SCALE_WIDTH - 2 * _MARGIN) * similarity / 100


def _anchor(x: float, room: float = _LABEL_ROOM) -> str:
    if x < room:
        return "start"
    return "end" if x > _SCALE_WIDTH - room else "middle"


def _number(value: float) -> str:
    """Format a coordinate with only as many digits as a picture needs."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def nice_step(largest: float, steps: int = 4) -> float:
    """Return 1, 2 or 5 times a power of ten, so that about `steps` of it reach `largest`."""
    if largest <= 0:
        return 1.0
    rough, unit = largest / steps, 1.0
    while unit * 10 <= rough:
        unit *= 10
    while unit > rough:
        unit /= 10
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
