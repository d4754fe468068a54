"""The forms in which language models ask for a description of an image, for a set of properties on the menu."""

from collections.abc import Iterator

from blpo_inspect.world.optimizer.language import joined

_OF_THE_IMAGE = {
    "number": ("the number of objects", "How many objects are there?"),
    "background": ("the background", "What is in the background?"),
    "lighting": ("the lighting", "What is the lighting like?"),
}
_OF_EACH_OBJECT = {
    "colour": ("colour", "What colour is each object?"),
    "shape": ("shape", "What shape is each object?"),
    "size": ("size", "What size is each object?"),
    "position": ("position", "Where is each object?"),
    "texture": ("texture", "What texture has each object?"),
}
"""Property → how it is named in a list, and how it is asked for."""


def forms(properties: frozenset[str]) -> Iterator[str]:
    """Requests for just these properties; none for no properties."""
    whole = [named for name, (named, _) in _OF_THE_IMAGE.items() if name in properties]
    each = [named for name, (named, _) in _OF_EACH_OBJECT.items() if name in properties]
    questions = [asked for name, (_, asked) in {**_OF_THE_IMAGE, **_OF_EACH_OBJECT}.items() if name in properties]
    if not questions:
        return
    its = joined([f"the {named}" for named in each], "and")
    items = [*whole[:1], *([f"for each object {its}"] if each else []), *whole[1:]]
    numbered = "; ".join(f"({n}) {item}" for n, item in enumerate(items, 1))
    yield f"Provide a detailed inventory of the image: {numbered}."
    bullets = "\n".join(f"- {item}" for item in (*whole, *(f"the {named} of each object" for named in each)))
    yield f"Describe the image thoroughly and objectively. Cover all of the following:\n{bullets}"
    yield f"Look closely at the image and answer these questions in full sentences. {' '.join(questions)}"
    named = joined([*whole, *(f"each object's {named}" for named in each)], "and")
    yield f"You are describing the image to somebody who cannot see it. Be precise about {named}. Leave nothing out."
    sections = [
        f"**{named[0].upper()}{named[1:]}**" for named in (*whole, *(f"the {name}s of all objects" for name in each))
    ]
    yield f"## Description\nWrite a factual description with these sections: {joined(sections, 'and')}. Do not guess."
    steps = "\n".join(f"{n}. State {item}." for n, item in enumerate(items, 1))
    yield f"Go over the image object by object, from left to right and from top to bottom.\n{steps}"
