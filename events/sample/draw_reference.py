"""Draw reference.jpg, the portrait of a person who does not exist. Run by hand; needs Pillow."""

from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 512, 640
SCALE = 3  # drawn large and reduced at the end, for smooth edges

SKIN, SKIN_LIGHT, SKIN_SHADE = "#e2b08f", "#f3cdb0", "#b57c5e"
HAIR, HAIR_LIGHT, HAIR_DARK = "#3f2a20", "#6b4936", "#2a1b15"
SWEATER, SWEATER_SHADE = "#4c7286", "#34535f"


class Canvas:
    """A picture painted with soft shapes; all measures are in pixels of the finished picture."""

    def __init__(self) -> None:
        self.size = (WIDTH * SCALE, HEIGHT * SCALE)
        self.image = Image.linear_gradient("L").resize(self.size)
        self.image = Image.composite(
            Image.new("RGB", self.size, "#a9b8bd"),
            Image.new("RGB", self.size, "#e6ebe9"),
            self.image,
        )

    def ellipse(self, x, y, rx, ry, angle=0):
        mask = Image.new("L", self.size)
        box = [v * SCALE for v in (x - rx, y - ry, x + rx, y + ry)]
        ImageDraw.Draw(mask).ellipse(box, fill=255)
        return mask.rotate(angle, center=(x * SCALE, y * SCALE), resample=Image.Resampling.BICUBIC)

    def curve(self, points):
        """Return the mask of a closed outline: a Catmull-Rom spline through the points."""
        mask = Image.new("L", self.size)
        ImageDraw.Draw(mask).polygon(spline(points, closed=True), fill=255)
        return mask

    def stroke(self, points, widths):
        """Return the mask of an open line through the points, of interpolated width."""
        mask = Image.new("L", self.size)
        draw = ImageDraw.Draw(mask)
        line = spline(points, closed=False)
        for i, (x, y) in enumerate(line):
            position = i / len(line) * (len(widths) - 1)
            low = int(position)
            width = widths[low] + (widths[low + 1] - widths[low]) * (position - low)
            radius = width * SCALE / 2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        return mask

    def paint(self, mask, color, blur=0.6, opacity=1.0, inside=None):
        mask = mask.filter(ImageFilter.GaussianBlur(blur * SCALE))
        if inside is not None:
            mask = ImageChops.multiply(mask, inside)
        self.image.paste(color, (0, 0), mask.point(lambda v: int(v * opacity)))

    def save(self, path):
        small = self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        small.save(path, quality=86, optimize=True)


def spline(points, closed, steps=40):
    if closed:
        points = [points[-1], *points, points[0], points[1]]
    else:
        points = [points[0], *points, points[-1]]
    line = []
    for a, b, c, d in zip(points, points[1:], points[2:], points[3:], strict=False):
        for step in range(steps):
            t = step / steps
            line.append(
                tuple(
                    SCALE
                    * 0.5
                    * (
                        2 * b[i]
                        + (c[i] - a[i]) * t
                        + (2 * a[i] - 5 * b[i] + 4 * c[i] - d[i]) * t**2
                        + (3 * b[i] - a[i] - 3 * c[i] + d[i]) * t**3
                    )
                    for i in (0, 1)
                )
            )
    return line


def mirrored(points):
    return [(WIDTH - x, y) for x, y in points]


def draw_portrait(canvas):
    c = canvas

    # Light behind the head.
    c.paint(c.ellipse(256, 250, 210, 230), "#f4f5f1", blur=60, opacity=0.7)

    # Hair behind the face.
    back = c.curve(
        [
            (256, 78),
            (340, 98),
            (388, 170),
            (396, 270),
            (404, 360),
            (392, 436),
            (340, 462),
            (256, 440),
            *mirrored([(340, 462), (392, 436), (404, 360), (396, 270), (388, 170), (340, 98)]),
        ]
    )
    c.paint(back, HAIR, blur=1.2)
    c.paint(c.ellipse(256, 400, 112, 120), HAIR_DARK, blur=22, opacity=0.95, inside=back)

    # Shoulders and sweater.
    body = c.curve(
        [
            (256, 470),
            (310, 474),
            (370, 500),
            (440, 532),
            (486, 590),
            (500, 700),
            (256, 720),
            *mirrored([(500, 700), (486, 590), (440, 532), (370, 500), (310, 474)]),
        ]
    )
    c.paint(body, SWEATER, blur=1)
    c.paint(c.ellipse(256, 660, 150, 110), SWEATER_SHADE, blur=40, opacity=0.35, inside=body)
    c.paint(c.ellipse(120, 560, 80, 50, 25), "#6f97a9", blur=25, opacity=0.6, inside=body)

    # Neck.
    neck = c.curve(
        [(204, 380), (308, 380), (310, 450), (330, 484), (256, 522), (182, 484), (202, 450)]
    )
    c.paint(neck, SKIN)
    c.paint(c.ellipse(262, 415, 84, 52), SKIN_SHADE, blur=14, opacity=0.75, inside=neck)
    collar = [(176, 478), (204, 505), (256, 524), (308, 505), (336, 478)]
    c.paint(c.stroke([(x, y + 6) for x, y in collar], [16, 19, 16]), SWEATER_SHADE, blur=3)
    c.paint(c.stroke(collar, [13, 16, 13]), "#587f93", blur=1)

    # Face.
    face = c.curve(
        [
            (256, 112),
            (318, 126),
            (354, 180),
            (360, 250),
            (352, 312),
            (326, 370),
            (288, 404),
            (256, 412),
            *mirrored([(288, 404), (326, 370), (352, 312), (360, 250), (354, 180), (318, 126)]),
        ]
    )
    c.paint(face, SKIN, blur=0.8)
    c.paint(c.ellipse(228, 250, 88, 130), SKIN_LIGHT, blur=34, opacity=0.75, inside=face)
    c.paint(c.ellipse(372, 280, 34, 150), SKIN_SHADE, blur=20, opacity=0.6, inside=face)
    c.paint(c.ellipse(140, 290, 24, 140), SKIN_SHADE, blur=18, opacity=0.4, inside=face)
    c.paint(c.ellipse(256, 424, 90, 26), SKIN_SHADE, blur=14, opacity=0.5, inside=face)
    for x in (190, 322):
        c.paint(c.ellipse(x, 308, 32, 22), "#dd7f6c", blur=14, opacity=0.34, inside=face)

    draw_eyes(c)
    draw_nose(c)
    draw_mouth(c)

    # Hair in front: a side parting.
    shade = c.curve(
        [(222, 108), (300, 132), (346, 196), (366, 270), (384, 200), (340, 96), (256, 84)]
    )
    c.paint(shade, SKIN_SHADE, blur=10, opacity=0.7, inside=face)
    right = c.curve(
        [
            (214, 94),
            (262, 74),
            (334, 88),
            (384, 150),
            (397, 250),
            (403, 350),
            (392, 420),
            (362, 372),
            (366, 310),
            (358, 250),
            (336, 200),
            (284, 158),
            (224, 122),
        ]
    )
    left = c.curve(
        [
            (244, 84),
            (180, 92),
            (130, 140),
            (115, 240),
            (109, 350),
            (120, 420),
            (150, 372),
            (146, 310),
            (153, 250),
            (164, 206),
            (190, 162),
            (226, 122),
        ]
    )
    for lock in (left, right):
        c.paint(lock, HAIR, blur=1.4)
    for k in range(9):  # strands, falling from the parting to either side
        tone = HAIR_LIGHT if k % 2 else HAIR_DARK
        strand = [(226 + 4 * k, 118 - 4 * k), (292 + 6 * k, 150 - 7 * k)]
        strand += [(346 + 5 * k, 214 - 5 * k), (362 + 4 * k, 300), (368 + 3 * k, 400)]
        c.paint(c.stroke(strand, [1, 4, 5, 1]), tone, blur=2, opacity=0.5, inside=right)
        strand = [(226 - 3 * k, 118 - 3 * k), (188 - 5 * k, 164 - 6 * k)]
        strand += [(163 - 4 * k, 214 - 5 * k), (150 - 4 * k, 300), (144 - 3 * k, 400)]
        c.paint(c.stroke(strand, [1, 4, 5, 1]), tone, blur=2, opacity=0.5, inside=left)
    c.paint(c.ellipse(322, 118, 46, 10, -32), "#8a6450", blur=9, opacity=0.5, inside=right)
    c.paint(c.ellipse(164, 132, 40, 9, 50), "#8a6450", blur=9, opacity=0.4, inside=left)


def draw_eyes(c):
    for x, side in ((206, -1), (306, 1)):
        c.paint(c.ellipse(x, 240, 34, 20), SKIN_SHADE, blur=9, opacity=0.42)
        outline = [(-29, 2), (-14, -10), (2, -13), (18, -8), (29, 0), (14, 9), (-4, 11), (-18, 9)]
        white = c.curve([(x + side * px, 244 + py) for px, py in outline])
        c.paint(white, "#f6f1ec", blur=0.6)
        c.paint(c.ellipse(x, 244, 13.5, 13.5), "#4a2f1e", blur=0.6, inside=white)
        c.paint(c.ellipse(x, 247, 9, 8), "#8a5a36", blur=2.5, opacity=0.8, inside=white)
        c.paint(c.ellipse(x, 244, 6, 6), "#150d09", blur=0.5, inside=white)
        c.paint(c.ellipse(x, 231, 32, 7), "#5b3a2c", blur=3, opacity=0.45, inside=white)
        c.paint(c.ellipse(x - 4.5, 239.5, 3, 3), "#ffffff", blur=0.5)
        upper = [(x + side * px, 244 + py) for px, py in outline[:5]]
        c.paint(c.stroke(upper, [2, 4, 4.4, 4.4, 3]), "#2b1912", blur=0.7)
        lower = [(x + side * px, 244 + py) for px, py in (outline[4:] + outline[:1])]
        c.paint(c.stroke(lower, [1.6, 1.2, 1]), "#8d5c48", blur=0.8, opacity=0.7)
        crease = [(x + side * px, 230 + py) for px, py in ((-26, 4), (0, -5), (28, 4))]
        c.paint(c.stroke(crease, [1, 2, 1]), "#8d5c48", blur=1.2, opacity=0.6)
        brow = [(x + side * px, 213 + py) for px, py in ((-29, 1), (-8, -5), (14, -6), (36, 4))]
        c.paint(c.stroke(brow, [6, 8, 6.5, 2]), HAIR, blur=2, opacity=0.8)


def draw_nose(c):
    c.paint(c.ellipse(270, 272, 8, 46, 4), SKIN_SHADE, blur=8, opacity=0.5)
    c.paint(c.ellipse(252, 266, 7, 46), "#ffe3cd", blur=7, opacity=0.75)
    c.paint(c.ellipse(256, 318, 26, 9), SKIN_SHADE, blur=6, opacity=0.6)
    c.paint(c.ellipse(254, 304, 13, 10), "#fbd9bf", blur=6, opacity=0.8)
    for side in (-1, 1):
        c.paint(c.ellipse(256 + side * 11, 315, 6, 3, -side * 12), "#7c4533", blur=1.6, opacity=0.8)
        wing = [(256 + side * px, py) for px, py in ((20, 300), (25, 310), (19, 318))]
        c.paint(c.stroke(wing, [1, 2.6, 1.4]), "#a0654c", blur=1.8, opacity=0.7)


def draw_mouth(c):
    upper = c.curve(
        [
            (206, 348),
            (232, 345),
            (248, 343),
            (256, 346),
            (264, 343),
            (280, 345),
            (306, 348),
            (282, 357),
            (256, 360),
            (230, 357),
        ]
    )
    lower = c.curve(
        [
            (208, 349),
            (230, 357),
            (256, 361),
            (282, 357),
            (304, 349),
            (287, 369),
            (256, 379),
            (225, 369),
        ]
    )
    c.paint(c.ellipse(256, 389, 30, 6), SKIN_SHADE, blur=7, opacity=0.5)
    c.paint(lower, "#cb7b70", blur=1.2)
    c.paint(upper, "#bb6a62", blur=1.2)
    c.paint(c.ellipse(250, 368, 18, 4), "#f0b6a8", blur=4, opacity=0.75)
    smile = [(201, 342), (212, 350), (232, 357), (256, 360), (280, 357), (300, 350), (311, 342)]
    c.paint(c.stroke(smile, [1.6, 2.4, 2.8, 2.4, 1.6]), "#7a3a35", blur=1)
    for side in (-1, 1):
        fold = [(256 + side * px, py) for px, py in ((42, 312), (58, 328), (64, 346))]
        c.paint(c.stroke(fold, [1, 4, 1]), SKIN_SHADE, blur=3.5, opacity=0.5)
        c.paint(c.ellipse(256 + side * 62, 342, 5, 7), SKIN_SHADE, blur=4, opacity=0.5)


if __name__ == "__main__":
    canvas = Canvas()
    draw_portrait(canvas)
    canvas.save(Path(__file__).with_name("reference.jpg"))
