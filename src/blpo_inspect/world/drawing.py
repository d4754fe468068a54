"""Scene → picture: the same scene and seed give the same pixels.

Does not encode for a model: that is the checkpoint's image processor.
"""

import io
import math
import random

from PIL import Image, ImageDraw

from blpo_inspect.world.scenes import POSITIONS, Scene, Shape

SIDE = 144
"""Width and height of a drawing in pixels."""

PALETTE = {
    "red": (214, 40, 40),
    "blue": (38, 84, 205),
    "green": (34, 150, 70),
    "yellow": (240, 200, 30),
    "purple": (140, 60, 170),
}
RADIUS = {"small": 15.0, "large": 29.0}


def draw(scene: Scene, seed: int | str) -> Image.Image:
    """Draw a scene with seeded jitter of place, angle, size and colour.

    Returns:
        An RGB image of `SIDE` × `SIDE` pixels.
    """
    rng = random.Random(f"drawing/{seed}")
    paper = tuple(rng.randint(232, 255) for _ in range(3))
    image = Image.new("RGB", (SIDE, SIDE), paper)
    canvas = ImageDraw.Draw(image)
    for figure in scene.figures:
        _draw_figure(canvas, figure, rng)
    return image


def png(image: Image.Image) -> bytes:
    """Encode as PNG (the same pixels give the same bytes)."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _draw_figure(canvas: ImageDraw.ImageDraw, figure: Shape, rng: random.Random) -> None:
    place = POSITIONS.index(figure.position)
    quarter = SIDE / 4
    x = quarter * (1 + 2 * (place % 2)) + rng.uniform(-4, 4)
    y = quarter * (1 + 2 * (place // 2)) + rng.uniform(-4, 4)
    radius = RADIUS[figure.size] * rng.uniform(0.93, 1.07)
    red, green, blue = (min(255, max(0, c + rng.randint(-14, 14))) for c in PALETTE[figure.colour])
    fill = (red, green, blue)
    turn = rng.uniform(-0.25, 0.25)
    if figure.shape == "circle":
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    else:
        canvas.polygon(_corners(figure.shape, x, y, radius, turn), fill=fill)


def _corners(shape: str, x: float, y: float, radius: float, turn: float) -> list[tuple[float, float]]:
    if shape == "square":
        angles = [math.pi / 4 + k * math.pi / 2 for k in range(4)]
        radii = [radius * 1.18] * 4
    elif shape == "triangle":
        angles = [-math.pi / 2 + k * 2 * math.pi / 3 for k in range(3)]
        radii = [radius * 1.18] * 3
    else:
        angles = [-math.pi / 2 + k * math.pi / 5 for k in range(10)]
        radii = [radius * (1.15 if k % 2 == 0 else 0.46) for k in range(10)]
    return [(x + r * math.cos(a + turn), y + r * math.sin(a + turn)) for a, r in zip(angles, radii, strict=True)]
