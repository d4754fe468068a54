"""What the embedded judge answers to an image-to-text prompt: exactly what was asked for, no more.

The properties asked for are recognised by their words; a prompt that names none gets a vague caption (how many
shapes and which), as a general captioner leaves out what it was not asked about.
"""

from collections.abc import Collection

from blpo_inspect.world.scenes import NUMBERS, Scene, Shape

PROPERTIES = ("number", "size", "colour", "shape", "position")
VAGUE = frozenset({"number", "shape"})
"""What a prompt that asks for nothing in particular gets."""

KEYWORDS = {
    "number": ("how many", "number", "count"),
    "size": ("size", "sizes", "large or small", "how big"),
    "colour": ("colour", "colours", "color", "colors"),
    "shape": ("shape", "shapes", "form"),
    "position": ("position", "positions", "where", "place", "location"),
}
"""Words that ask for a property; training prompts are built from these."""


def describe(scene: Scene, asked: Collection[str]) -> str:
    """The caption of a scene for the properties asked for (`VAGUE` if none).

    E.g. ``two shapes. a red circle at the top left, a blue star at the bottom right.``
    """
    wanted = set(asked) or VAGUE
    unknown = wanted - set(PROPERTIES)
    if unknown:
        raise ValueError(f"unknown properties {sorted(unknown)}; known: {', '.join(PROPERTIES)}")
    sentences = []
    if "number" in wanted:
        n = len(scene.figures)
        sentences.append(f"{NUMBERS[n]} shape{'s' if n > 1 else ''}.")
    if wanted - {"number"}:
        sentences.append(", ".join(_phrase(figure, wanted) for figure in scene.figures) + ".")
    return " ".join(sentences)


def _phrase(figure: Shape, wanted: Collection[str]) -> str:
    words = ["a"]
    if "size" in wanted:
        words.append(figure.size)
    if "colour" in wanted:
        words.append(figure.colour)
    words.append(figure.shape if "shape" in wanted else "shape")
    if "position" in wanted:
        words.append(f"at the {figure.position}")
    return " ".join(words)
