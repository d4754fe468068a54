"""Settings that all methods have in common, and how a preset and changes make settings.

A method's own settings are a dataclass derived from `Settings`; its annotations and `at_least` say what is allowed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

Loss = Literal["scale", "raters", "zero_one", "likelihood"]
LossSetting = Literal["auto", "scale", "raters", "zero_one", "likelihood"]
Selection = Literal["validation", "train"]


def at_least(least: float, default: float | None) -> Any:
    """A dataclass field: a number from ``least`` on; also None (no limit) where the annotation says so."""
    return field(default=default, metadata={"least": least})


@dataclass(frozen=True)
class Settings:
    """Settings of every method.

    Attributes:
        loss: ``scale`` (0/1 for categories, distance for ordered labels, as `LabelScale.loss`), ``raters`` (its mean
            over the raters of an image, which knows how far they differ), ``zero_one``, or ``likelihood``: the negative
            log-likelihood of people's label, see `likelihood.label_probabilities`. ``auto`` is ``raters`` where most
            images have three or more, else ``scale``.
        caption_only: Whether the judge reads the caption instead of seeing the image (an ablation).
        max_calls: Model calls, made or replayed, before the run ends with the best pair so far; the final measurement
            on the test split comes on top. None: no limit.
        attempts: How often a proposal is asked for before the old prompt stays.
        max_prompt_chars: The longest judge prompt accepted.
        max_i2t_chars: The longest I2T prompt accepted.
        copied_words: A prompt that shares so many consecutive words with a caption counts as copied from it.
        map: Whether the run ends with a map of the best pair's labels, fitted on the validation split and kept only if
            it lowers the scale's loss there on images that it was not fitted on (`optimizers.label_map`).

    Raises:
        ValueError: A value out of its range; the message names it.
    """

    loss: LossSetting = "auto"
    caption_only: bool = False
    max_calls: int | None = at_least(1, None)
    attempts: int = at_least(1, 3)
    max_prompt_chars: int = at_least(1, 4000)
    max_i2t_chars: int = at_least(1, 1000)
    copied_words: int = at_least(2, 8)
    map: bool = True

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for setting in fields(self):
            name = setting.name
            _check(name, getattr(self, name), hints[name], setting.metadata.get("least"))


@dataclass(frozen=True)
class PromptSettings(Settings):
    """Settings of the methods that optimize the judge prompt alone.

    Attributes:
        images: Whether the optimizer is shown the images themselves, else captions under the first pair's I2T prompt.
        selection: ``validation`` keeps a prompt only if it also lowers the loss on the validation split; ``train``
            goes by the method's own score on training images.
    """

    images: bool = False
    selection: Selection = "validation"

    def captions_under(self, first_i2t: str) -> str | None:
        """The I2T prompt of the captions that the optimizer reads; None where it is shown the images themselves."""
        return None if self.images else first_i2t


S = TypeVar("S", bound=Settings)


def settings_of(presets: Mapping[str, S], preset: str, changes: Mapping[str, Any]) -> S:
    """A preset with changes; None changes nothing, and ``none`` stands for no limit.

    Raises:
        ValueError: No such preset or setting, or a value out of its range.
    """
    if preset not in presets:
        raise ValueError(f"no preset {preset!r}; one of {', '.join(presets)}")
    known = {setting.name for setting in fields(presets[preset])}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise ValueError(f"no setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    given = {name: value for name, value in changes.items() if value is not None}
    unlimited: dict[str, Any] = {name: None if value == "none" else value for name, value in given.items()}
    return replace(presets[preset], **unlimited)


def _check(name: str, value: object, hint: Any, least: float | None) -> None:
    kinds = get_args(hint)
    if value is None and NoneType in kinds:
        return
    if get_origin(hint) is Literal:
        if value not in kinds:
            raise ValueError(f"{name}={value!r}: one of {', '.join(kinds)}")
    elif hint is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, not {value!r}")
    else:
        whole = hint is not float
        number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or (least is not None and value < least):  # type: ignore
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{name} must be {kind} from {least} on, not {value!r}")
