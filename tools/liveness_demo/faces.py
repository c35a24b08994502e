"""Draw people who do not exist, each from a number: the reference photo, and a frame of the same
person some time later, by a phone's camera. Needs Pillow."""

from __future__ import annotations

import colorsys
import io
import math
import random
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 400, 500
_SCALE = 2  # drawn large and reduced at the end, for smooth edges
_QUALITY = 82

Point = tuple[float, float]

_SKINS = ("#f3d3bd", "#e8b998", "#d9a07a", "#c48a62", "#a56b46", "#84522f", "#5f3a22")
_HAIRS = ("#17120f", "#2b1c14", "#4a2f1d", "#6d4526", "#8f6a3c", "#b98d4f", "#8a8a8a", "#d7d2c8")
_DARK = 4  # from this skin on, hair is dark or gray
_DARK_HAIRS = ("#17120f", "#1e1713", "#2b1c14", "#77746f")
_IRISES = ("#3a2415", "#5a3a1e", "#2d4a5e", "#46603c", "#6a5030")
_CLOTHES = ("#33475b", "#7b2f3a", "#3d6b4f", "#c9a24a", "#5a4a78", "#a8b0b8", "#20252b", "#b56b45")


class Person(NamedTuple):
    """The features of a person's face; lengths in pixels of the finished picture."""

    skin: str
    hair: str
    iris: str
    face_width: float
    jaw: float
    face_height: float
    eye_distance: float
    eye_size: float
    eye_tilt: float
    brow_weight: float
    brow_height: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lips: float
    hair_style: int
    beard: int
    has_glasses: bool
    has_freckles: bool


class Scene(NamedTuple):
    """How one picture of a person was taken."""

    background: tuple[str, str]
    clothes: str
    tilt: float
    """Of the head, in degrees."""
    zoom: float
    light: float
    """Of the screen on the face, 0 to 1, with a color of `tint`."""
    tint: str
    smile: float


def person(number: int) -> Person:
    """Return the person with this number; no two are alike."""
    draw = random.Random(f"person {number}")
    style = draw.randrange(6)
    tone = draw.randrange(len(_SKINS))
    return Person(
        skin=_SKINS[tone],
        hair=draw.choice(_HAIRS if tone < _DARK else _DARK_HAIRS),
        iris=draw.choice(_IRISES),
        face_width=draw.uniform(82, 106),
        jaw=draw.uniform(0.52, 0.86),
        face_height=draw.uniform(118, 142),
        eye_distance=draw.uniform(36, 47),
        eye_size=draw.uniform(15, 21),
        eye_tilt=draw.uniform(-5, 5),
        brow_weight=draw.uniform(4, 10),
        brow_height=draw.uniform(22, 32),
        nose_length=draw.uniform(40, 60),
        nose_width=draw.uniform(13, 24),
        mouth_width=draw.uniform(30, 46),
        lips=draw.uniform(6, 13),
        hair_style=style,
        beard=draw.choice((1, 2)) if style in (0, 1, 4) and draw.random() < 0.45 else 0,
        has_glasses=draw.random() < 0.22,
        has_freckles=draw.random() < 0.15,
    )


def reference_scene(number: int) -> Scene:
    """Return a passport photo's scene."""
    draw = random.Random(f"reference {number}")
    background = draw.choice(
        (("#e9edf0", "#cfd8de"), ("#dfe8f2", "#b9cbe0"), ("#f0ece4", "#d9d0c2"))
    )
    return Scene(background, draw.choice(_CLOTHES), draw.uniform(-1, 1), 1.0, 0.0, "#ffffff", 0.0)


def live_scene(number: int) -> Scene:
    """Return a phone's scene, in the colored light of the screen."""
    draw = random.Random(f"live {number}")
    background = draw.choice(
        (
            ("#6b6f66", "#3d413c"),
            ("#8a7a68", "#4d4238"),
            ("#5c6b7a", "#2f3843"),
            ("#9a8f86", "#5e564f"),
        )
    )
    return Scene(
        background,
        draw.choice(_CLOTHES),
        draw.uniform(-6, 6),
        draw.uniform(1.06, 1.2),
        draw.uniform(0.25, 0.5),
        draw.choice(("#7fb4ff", "#ff9a8a", "#9dff9a", "#ffe08a")),
        draw.uniform(0.1, 1.0),
    )


def draw_picture(who: Person, scene: Scene) -> bytes:
    """Draw one picture; returns a JPEG of 400 by 500 pixels."""
    canvas = _Canvas(scene)
    _draw_hair_behind(canvas, who)
    _draw_body(canvas, who, scene)
    _draw_head(canvas, who)
    _draw_eyes(canvas, who)
    _draw_nose(canvas, who)
    _draw_mouth(canvas, who, scene)
    _draw_beard(canvas, who)
    _draw_hair_in_front(canvas, who)
    if who.has_glasses:
        _draw_glasses(canvas, who)
    return canvas.finish(scene)


class _Canvas:
    """A picture whose origin is between the eyes, x to the right and y down."""

    def __init__(self, scene: Scene) -> None:
        self.size = (WIDTH * _SCALE, HEIGHT * _SCALE)
        top, bottom = (Image.new("RGB", self.size, color) for color in scene.background)
        self.background = Image.composite(bottom, top, Image.linear_gradient("L").resize(self.size))
        # The person is a layer of its own, so that the head can be tilted.
        self.layer = Image.new("RGBA", self.size, (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.layer)

    def _at(self, x: float, y: float) -> Point:
        return ((WIDTH / 2 + x) * _SCALE, (HEIGHT * 0.43 + y) * _SCALE)

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: str) -> None:
        left, top = self._at(x - rx, y - ry)
        right, bottom = self._at(x + rx, y + ry)
        self._draw.ellipse((left, top, right, bottom), fill=color)

    def shape(self, points: list[Point], color: str) -> None:
        """Fill a closed, smooth outline."""
        self._draw.polygon([self._at(x, y) for x, y in _smooth(points)], fill=color)

    def stroke(self, points: list[Point], width: float, color: str) -> None:
        line = [self._at(x, y) for x, y in points]
        self._draw.line(line, fill=color, width=round(width * _SCALE), joint="curve")
        radius = width * _SCALE / 2
        for x, y in (line[0], line[-1]):
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)

    def ring(self, x: float, y: float, radius: float, width: float, color: str) -> None:
        left, top = self._at(x - radius, y - radius)
        right, bottom = self._at(x + radius, y + radius)
        self._draw.ellipse((left, top, right, bottom), outline=color, width=round(width * _SCALE))

    def soft(self, x: float, y: float, rx: float, ry: float, color: str, opacity: float) -> None:
        """Paint a soft spot over what is there already."""
        blur = min(rx, ry) * 0.5
        (left, top), (right, bottom) = (
            self._at(x - rx - 2 * blur, y - ry - 2 * blur),
            self._at(x + rx + 2 * blur, y + ry + 2 * blur),
        )
        box = (round(left), round(top), round(right), round(bottom))
        size = (box[2] - box[0], box[3] - box[1])
        # A blur needs no detail: a quarter of the size is enough.
        small = (max(1, size[0] // 4), max(1, size[1] // 4))
        radius = blur * _SCALE / 4
        mask = Image.new("L", small)
        inner = (2 * radius, 2 * radius, small[0] - 2 * radius, small[1] - 2 * radius)
        ImageDraw.Draw(mask).ellipse(inner, fill=round(255 * opacity))
        mask = mask.filter(ImageFilter.GaussianBlur(radius)).resize(size)
        region = self.layer.crop(box)
        alpha = region.getchannel("A")
        region.paste(Image.new("RGBA", size, color), (0, 0), mask)
        region.putalpha(alpha)
        self.layer.paste(region, box[:2])

    def finish(self, scene: Scene) -> bytes:
        center = self._at(0, 90)
        layer = self.layer.rotate(scene.tilt, center=center, resample=Image.Resampling.BICUBIC)
        self.background.paste(layer, (0, 0), layer)
        picture = self.background
        if scene.light:
            glow = Image.new("RGB", self.size, scene.tint)
            spot = Image.radial_gradient("L").resize(self.size)
            strength = spot.point([round((255 - v) * scene.light * 0.55) for v in range(256)])
            picture = Image.composite(glow, picture, strength)
        width, height = self.size
        dx, dy = width * (1 - 1 / scene.zoom) / 2, height * (1 - 1 / scene.zoom) / 2
        picture = picture.resize(
            (WIDTH, HEIGHT),
            Image.Resampling.LANCZOS,
            box=(dx, dy, width - dx, height - dy),
            reducing_gap=2.0,
        )
        output = io.BytesIO()
        picture.save(output, "JPEG", quality=_QUALITY)
        return output.getvalue()


def _smooth(points: list[Point], steps: int = 10) -> list[Point]:
    """Return a closed Catmull-Rom spline through the points."""
    closed = [points[-1], *points, points[0], points[1]]
    line: list[Point] = []
    for a, b, c, d in zip(closed, closed[1:], closed[2:], closed[3:], strict=False):
        for step in range(steps):
            t = step / steps
            x, y = (
                0.5
                * (
                    2 * b[i]
                    + (c[i] - a[i]) * t
                    + (2 * a[i] - 5 * b[i] + 4 * c[i] - d[i]) * t**2
                    + (3 * b[i] - a[i] - 3 * c[i] + d[i]) * t**3
                )
                for i in (0, 1)
            )
            line.append((x, y))
    return line


def _shade(color: str, factor: float) -> str:
    """Return a color with its lightness multiplied, and a little more saturated where darker."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    if factor < 1:
        saturation = min(1.0, saturation * 1.1)
    rgb = colorsys.hls_to_rgb(hue, max(0.0, min(1.0, light * factor)), saturation)
    return "#" + "".join(f"{round(part * 255):02x}" for part in rgb)


def _mirrored(points: list[Point]) -> list[Point]:
    """Complete an outline, given from top to bottom on the right, by its left side."""
    return points + [(-x, y) for x, y in reversed(points) if abs(x) > 0.5]


def _draw_body(c: _Canvas, who: Person, scene: Scene) -> None:
    top = who.face_height + 22
    shoulders = [(0.0, top), (52, top + 6), (118, top + 34), (168, top + 72), (184, 330)]
    c.shape(_mirrored(shoulders), scene.clothes)
    neck = who.face_width * 0.5
    c.shape(
        _mirrored(
            [(neck * 0.9, 60.0), (neck * 0.92, top - 12), (neck * 1.25, top + 14), (0.0, top + 46)]
        ),
        _shade(who.skin, 0.84),
    )
    c.stroke(
        [
            (-neck * 1.3, top + 10),
            (-neck * 0.7, top + 36),
            (0, top + 50),
            (neck * 0.7, top + 36),
            (neck * 1.3, top + 10),
        ],
        8,
        _shade(scene.clothes, 0.8),
    )


def _outline(who: Person, margin: float = 0.0) -> list[Point]:
    """Return the right half of the face's outline, from the forehead to the chin."""
    wide, high = who.face_width + margin, who.face_height + margin
    return [
        (0.0, -104.0 - margin),
        (wide * 0.62, -92 - margin),
        (wide * 0.96, -42),
        (wide, 14),
        (wide * 0.93, high * 0.5),
        (wide * who.jaw, high * 0.82),
        (wide * who.jaw * 0.45, high * 0.98),
        (0.0, high),
    ]


def _draw_head(c: _Canvas, who: Person) -> None:
    for side in (-1, 1):
        c.ellipse(side * who.face_width * 0.99, 16, 13, 24, _shade(who.skin, 0.86))
    c.shape(_mirrored(_outline(who)), who.skin)
    c.soft(-18, 6, who.face_width * 0.7, 105, _shade(who.skin, 1.08), 0.55)
    c.soft(who.face_width * 0.86, 30, 34, 92, _shade(who.skin, 0.78), 0.6)
    c.soft(-who.face_width * 0.9, 40, 22, 84, _shade(who.skin, 0.82), 0.45)
    c.soft(0, who.face_height - 4, 58, 16, _shade(who.skin, 0.82), 0.5)
    for side in (-1, 1):
        c.soft(side * 46, 52, 22, 15, "#d2665a", 0.22)
    if who.has_freckles:
        draw = random.Random(f"{who.skin}{who.face_width}")
        for _ in range(34):
            x, y = draw.gauss(0, 34), draw.gauss(34, 10)
            c.ellipse(x, y, 1.3, 1.3, _shade(who.skin, 0.72))


def _draw_eyes(c: _Canvas, who: Person) -> None:
    size = who.eye_size
    for side in (-1, 1):
        x = side * who.eye_distance
        tilt = who.eye_tilt * side
        c.soft(x, -2, size * 1.7, size * 1.1, _shade(who.skin, 0.74), 0.5)
        inner, outer = (x - side * size * 1.1, tilt * 0.5), (x + side * size * 1.15, -tilt * 0.5)
        upper, lower = (x, -size * 0.62), (x, size * 0.5)
        c.shape([inner, upper, outer, lower], "#f5f1ec")
        c.ellipse(x, -0.5, size * 0.46, size * 0.46, who.iris)
        c.ellipse(x, -0.5, size * 0.22, size * 0.22, "#0d0a08")
        c.ellipse(x - 3, -3.5, 2.1, 2.1, "#ffffff")
        lid = _smooth([inner, upper, outer, lower])[:20]
        c.stroke(lid, 2.6, "#24170f")
        crease = [(px, py - size * 0.3) for px, py in lid[3:17]]
        c.stroke(crease, 1.5, _shade(who.skin, 0.66))
        brow = [
            (x - side * size * 1.2, -who.brow_height + 4),
            (x, -who.brow_height - 3),
            (x + side * size * 0.9, -who.brow_height - 2),
            (x + side * size * 1.6, -who.brow_height + 5),
        ]
        c.stroke(brow[:3], who.brow_weight, _shade(who.hair, 0.9))
        c.stroke(brow[2:], who.brow_weight * 0.6, _shade(who.hair, 0.9))


def _draw_nose(c: _Canvas, who: Person) -> None:
    length, wide = who.nose_length, who.nose_width
    c.soft(6, length * 0.5, 8, length * 0.5, _shade(who.skin, 0.78), 0.5)
    c.soft(-3, length * 0.5, 6, length * 0.52, _shade(who.skin, 1.14), 0.7)
    c.soft(0, length + 4, wide * 1.4, 9, _shade(who.skin, 0.76), 0.6)
    c.soft(-1, length - 6, wide * 0.8, 10, _shade(who.skin, 1.1), 0.7)
    for side in (-1, 1):
        c.ellipse(side * wide * 0.5, length + 2, wide * 0.24, 3, _shade(who.skin, 0.45))
        wing = [
            (side * wide * 0.95, length - 10),
            (side * wide * 1.12, length - 2),
            (side * wide * 0.85, length + 4),
        ]
        c.stroke(wing, 1.8, _shade(who.skin, 0.68))


def _draw_mouth(c: _Canvas, who: Person, scene: Scene) -> None:
    y = who.nose_length + (who.face_height - who.nose_length) * 0.42
    wide, lips, lift = who.mouth_width, who.lips, scene.smile * 6
    color = _blend(who.skin, "#b0453f", 0.55)
    corner = (wide + scene.smile * 3, y - lift)
    c.shape(
        [
            (-corner[0], corner[1]),
            (-wide * 0.3, y - lips * 0.7),
            (0, y - lips * 0.45),
            (wide * 0.3, y - lips * 0.7),
            corner,
            (0, y + 3),
        ],
        color,
    )
    c.shape(
        [
            (-corner[0], corner[1]),
            (0, y + 1),
            corner,
            (wide * 0.45, y + lips * 0.9),
            (0, y + lips * 1.15),
            (-wide * 0.45, y + lips * 0.9),
        ],
        _shade(color, 1.12),
    )
    line = [(-corner[0], corner[1]), (-wide * 0.4, y), (0, y + 1.5), (wide * 0.4, y), corner]
    c.stroke(line, 2, _shade(color, 0.5))
    c.soft(0, y + lips * 1.5 + 6, 26, 6, _shade(who.skin, 0.76), 0.5)


def _draw_beard(c: _Canvas, who: Person) -> None:
    if who.beard == 0:
        return
    y = who.nose_length + (who.face_height - who.nose_length) * 0.42
    color = _shade(who.hair, 0.95)
    c.stroke(
        [
            (-who.mouth_width, y - 8),
            (-10, y - 15),
            (0, y - 13),
            (10, y - 15),
            (who.mouth_width, y - 8),
        ],
        8,
        color,
    )
    if who.beard == 2:
        wide, high = who.face_width, who.face_height
        outer = [
            (wide * 0.95, high * 0.36),
            (wide * 0.9, high * 0.56),
            (wide * who.jaw, high * 0.86),
            (wide * 0.3, high * 1.04),
            (0.0, high * 1.06),
        ]
        inner = [
            (0.0, y + who.lips + 10),
            (who.mouth_width + 6, y + 8),
            (who.mouth_width + 12, y - 14),
            (wide * 0.8, high * 0.34),
        ]
        right = outer + inner
        for side in (1, -1):
            c.shape([(side * x, py) for x, py in right], color)


def _draw_hair_behind(c: _Canvas, who: Person) -> None:
    wide = who.face_width
    if who.hair_style == 2:  # long
        c.shape(
            _mirrored(
                [
                    (0.0, -136.0),
                    (wide * 0.9, -116),
                    (wide * 1.26, -20),
                    (wide * 1.34, 110),
                    (wide * 1.2, 196),
                    (wide * 0.4, 206),
                ]
            ),
            _shade(who.hair, 0.82),
        )
    elif who.hair_style == 3:  # to the chin
        c.shape(
            _mirrored(
                [
                    (0.0, -134.0),
                    (wide * 0.95, -112),
                    (wide * 1.3, -10),
                    (wide * 1.3, 90),
                    (wide * 0.9, 122),
                ]
            ),
            _shade(who.hair, 0.82),
        )
    elif who.hair_style == 5:  # curls
        draw = random.Random(f"{who.face_width}")
        for step in range(26):
            angle = math.pi * (0.98 + 1.04 * step / 25)
            radius = draw.uniform(26, 36)
            c.ellipse(
                math.cos(angle) * wide * 1.12,
                -18 + math.sin(angle) * 112,
                radius,
                radius,
                _shade(who.hair, draw.uniform(0.75, 1.0)),
            )


def _draw_hair_in_front(c: _Canvas, who: Person) -> None:
    wide = who.face_width
    if who.hair_style == 0:  # short
        c.shape(
            [
                (-wide * 1.02, 0.0),
                (-wide * 1.06, -62),
                (-wide * 0.7, -124),
                (0, -140),
                (wide * 0.7, -124),
                (wide * 1.06, -62),
                (wide * 1.02, 0),
                (wide * 0.9, -44),
                (wide * 0.55, -82),
                (0, -88),
                (-wide * 0.55, -82),
                (-wide * 0.9, -44),
            ],
            who.hair,
        )
    elif who.hair_style == 1:  # parted on the side
        c.shape(
            [
                (-wide * 1.03, 4.0),
                (-wide * 1.08, -66),
                (-wide * 0.66, -130),
                (wide * 0.1, -144),
                (wide * 0.8, -118),
                (wide * 1.08, -56),
                (wide * 1.02, 6),
                (wide * 0.88, -40),
                (wide * 0.4, -62),
                (-wide * 0.3, -100),
                (-wide * 0.72, -70),
                (-wide * 0.92, -36),
            ],
            who.hair,
        )
    elif who.hair_style == 2:
        for side in (-1, 1):
            c.shape(
                [
                    (side * x, y)
                    for x, y in [
                        (-4.0, -128.0),
                        (wide * 0.6, -126),
                        (wide * 1.12, -60),
                        (wide * 1.2, 60),
                        (wide * 1.12, 150),
                        (wide * 0.95, 60),
                        (wide * 0.86, -30),
                        (wide * 0.4, -84),
                    ]
                ],
                who.hair,
            )
    elif who.hair_style == 3:  # with a fringe
        c.shape(
            [
                (-wide * 1.22, 70.0),
                (-wide * 1.16, -50),
                (-wide * 0.7, -126),
                (0, -138),
                (wide * 0.7, -126),
                (wide * 1.16, -50),
                (wide * 1.22, 70),
                (wide * 1.0, 40),
                (wide * 0.9, -38),
                (wide * 0.3, -50),
                (-wide * 0.3, -50),
                (-wide * 0.9, -38),
                (-wide * 1.0, 40),
            ],
            who.hair,
        )
    elif who.hair_style == 4:  # nearly none
        c.soft(0, -104, wide * 0.9, 26, who.hair, 0.35)
        for side in (-1, 1):
            c.soft(side * wide * 0.95, -30, 10, 36, who.hair, 0.5)
    else:
        draw = random.Random(f"{who.face_height}")
        for step in range(15):
            x = wide * (-0.95 + 1.9 * step / 14)
            y = -104 - 22 * math.cos(x / wide * 1.5)
            radius = draw.uniform(20, 27)
            c.ellipse(x, y, radius, radius, _shade(who.hair, draw.uniform(0.9, 1.15)))


def _draw_glasses(c: _Canvas, who: Person) -> None:
    radius = who.eye_size * 1.55
    for side in (-1, 1):
        c.ring(side * who.eye_distance, 0, radius, 3, "#23262b")
        c.stroke(
            [(side * (who.eye_distance + radius), -4), (side * who.face_width, -8)], 3, "#23262b"
        )
    gap = who.eye_distance - radius
    c.stroke([(-gap, -3), (0, -6), (gap, -3)], 3, "#23262b")


def _blend(first: str, second: str, share: float) -> str:
    parts = (
        round(int(first[i : i + 2], 16) * (1 - share) + int(second[i : i + 2], 16) * share)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)
