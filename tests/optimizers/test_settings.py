"""Settings of every method: what is allowed, what a wrong one is told, and the numbers of the presets."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from inspect_ai.solver import Solver

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.optimizers.methods import blpo_settings
from blpo_inspect.optimizers.methods import gepa as gepa_module
from blpo_inspect.optimizers.methods import opro as opro_module
from blpo_inspect.optimizers.methods import protegi as protegi_module
from blpo_inspect.optimizers.methods import remap as remap_module
from blpo_inspect.optimizers.methods import textgrad as textgrad_module
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.methods.gepa import gepa
from blpo_inspect.optimizers.methods.opro import opro
from blpo_inspect.optimizers.methods.protegi import protegi
from blpo_inspect.optimizers.methods.remap import remap
from blpo_inspect.optimizers.methods.textgrad import textgrad
from blpo_inspect.optimizers.settings import Settings, settings_of

METHODS: dict[str, tuple[Callable[..., Solver], Mapping[str, Settings]]] = {
    "blpo": (blpo, blpo_settings.PRESETS),
    "opro": (opro, opro_module.PRESETS),
    "protegi": (protegi, protegi_module.PRESETS),
    "textgrad": (textgrad, textgrad_module.PRESETS),
    "gepa": (gepa, gepa_module.PRESETS),
    "remap": (remap, remap_module.PRESETS),
}
LEAST = {
    **dict.fromkeys(("max_calls", "attempts", "max_prompt_chars", "max_i2t_chars"), 1),
    "copied_words": 2,
    **dict.fromkeys(("outer_steps", "batch_size", "patience", "max_judged"), 1),
    **dict.fromkeys(("inner_steps", "fresh_errors", "anchors", "shown_right"), 0),
    **dict.fromkeys(("steps", "candidates", "history", "score_size"), 1),
    **dict.fromkeys(("exemplars", "threshold"), 0),
    **dict.fromkeys(("rounds", "beam", "minibatch", "errors", "expansion"), 1),
    **dict.fromkeys(("eval_rounds", "eval_prompts", "eval_samples"), 1),
    **dict.fromkeys(("gradients", "rewordings", "c"), 0),
    **dict.fromkeys(("updates", "epoch", "iterations"), 1),
}
"""The least number that is allowed."""
CHOICES = {
    "loss": ("auto", "scale", "raters", "zero_one", "likelihood"),
    "keep": ("expected", "significant"),
    "inner": ("needed", "always"),
    "told": ("all", "paper"),
    "selection": ("validation", "train"),
    "i2t": ("learned", "fixed", "judge_prompt"),
}
SWITCHES = {"caption_only", "images", "stratify", "carry_i2t", "include_start", "map", "racing"}
UNLIMITED = {"max_calls", "patience", "max_judged"}


def every(kind: Callable[[str], bool]) -> list[Any]:
    """The settings of every method, of one kind."""
    named = [
        (method, setting.name) for method, (_, presets) in METHODS.items() for setting in fields(presets["default"])
    ]
    return [pytest.param(method, name, id=f"{method}-{name}") for method, name in named if kind(name)]


def refused(method: str, **settings: Any) -> str:
    """What a method says of settings that it does not take; it names itself."""
    with pytest.raises(PrerequisiteError) as error:
        METHODS[method][0](**settings)
    text = str(error.value)
    assert text.startswith(f"blpo_inspect/{method}: ")
    return text


@pytest.mark.parametrize(("method", "name"), every(lambda name: True))
def test_every_setting_is_of_a_kind_that_is_checked(method: str, name: str) -> None:
    assert (name in LEAST) + (name in CHOICES) + (name in SWITCHES) == 1
    hint = get_type_hints(type(METHODS[method][1]["default"]))[name]
    assert (NoneType in get_args(hint)) == (name in UNLIMITED)
    assert (get_origin(hint) is Literal) == (name in CHOICES)


@pytest.mark.parametrize(("method", "name"), every(lambda name: name in LEAST))
def test_numbers_have_a_least_value(method: str, name: str) -> None:
    solver, least = METHODS[method][0], LEAST[name]
    solver(**{name: least})
    solver(**{name: least + 1000})
    whole = name not in ("c", "threshold")
    kind = "a whole number" if whole else "a number"
    wrong: list[Any] = [least - 1, -5, True, "3", "many", [3], math.nan, math.inf, -math.inf]
    for value in [*wrong, *([least + 0.5, float(least)] if whole else [least - 0.001])]:
        assert refused(method, **{name: value}).endswith(f": {name} must be {kind} from {least} on, not {value!r}")


@pytest.mark.parametrize(("method", "name"), every(lambda name: name in CHOICES))
def test_choices_are_named(method: str, name: str) -> None:
    choices = ("validation", "last") if (method, name) == ("blpo", "selection") else CHOICES[name]
    for choice in choices:
        METHODS[method][0](**{name: choice})
    for value in ("test", 3, True, ["train"], choices[0].upper()):
        assert refused(method, **{name: value}).endswith(f": {name}={value!r}: one of {', '.join(choices)}")


@pytest.mark.parametrize(("method", "name"), every(lambda name: name in SWITCHES))
def test_switches_are_true_or_false(method: str, name: str) -> None:
    for value in (True, False):
        METHODS[method][0](**{name: value})
    for other in (1, 0, "true", "yes", [True]):
        assert refused(method, **{name: other}).endswith(f": {name} must be true or false, not {other!r}")


@pytest.mark.parametrize(("method", "name"), every(lambda name: True))
def test_none_stands_for_no_limit_where_there_can_be_none(method: str, name: str) -> None:
    if name in UNLIMITED:
        METHODS[method][0](**{name: "none"})
    else:
        assert name in refused(method, **{name: "none"})


def test_a_change_of_none_changes_nothing() -> None:
    """What the command line gives for a setting without a value; ``none`` is the word for no limit."""
    presets = {"short": textgrad_module.TextgradSettings(max_calls=7, updates=2)}
    assert settings_of(presets, "short", {"max_calls": None, "updates": None}) == presets["short"]
    assert settings_of(presets, "short", {"max_calls": "none"}).max_calls is None
    assert settings_of(presets, "short", {"updates": 3}) == textgrad_module.TextgradSettings(max_calls=7, updates=3)


@pytest.mark.parametrize("method", METHODS)
def test_unknown_settings_and_presets_are_named(method: str) -> None:
    presets = METHODS[method][1]
    known = ", ".join(sorted(asdict(presets["default"])))
    assert refused(method, zeal=3, colour=1).endswith(f": no setting colour, zeal; known: {known}")
    assert refused(method, preset="papers").endswith(f": no preset 'papers'; one of {', '.join(presets)}")
    for preset in presets:
        METHODS[method][0](preset=preset)


@pytest.mark.parametrize(("name", "value"), [("max_calls", 0), ("loss", "nll"), ("caption_only", 1)])
def test_settings_made_directly_are_checked_too(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(name)):
        Settings(**{name: value})


def numbers(method: str, preset: str) -> dict[str, Any]:
    """What a preset sets beyond the settings that all methods have."""
    shared = {setting.name for setting in fields(Settings)}
    return {name: value for name, value in asdict(METHODS[method][1][preset]).items() if name not in shared}


def test_the_numbers_of_opro_are_those_of_its_code() -> None:
    original = {"steps": 200, "candidates": 8, "exemplars": 3, "history": 20, "threshold": 30.0, "score_size": 50}
    assert numbers("opro", "reference") == {**original, "images": False, "selection": "train"}
    assert METHODS["opro"][1]["reference"].max_prompt_chars == 500
    assert numbers("opro", "default") == {**original, "exemplars": 10, "images": False, "selection": "validation"}
    assert METHODS["opro"][1]["default"].max_prompt_chars == Settings().max_prompt_chars


def test_the_numbers_of_protegi_are_those_of_its_code() -> None:
    assert numbers("protegi", "reference") == {
        "rounds": 6,
        "beam": 4,
        "minibatch": 64,
        "gradients": 4,
        "errors": 4,
        "rewordings": 2,
        "expansion": 8,
        "eval_rounds": 8,
        "eval_prompts": 8,
        "eval_samples": 32,
        "c": 1.0,
        "images": False,
        "selection": "train",
    }
    default, reference = numbers("protegi", "default"), numbers("protegi", "reference")
    assert default["selection"] == "validation"
    smaller = {name for name, value in default.items() if name in LEAST and value < reference[name]}
    assert smaller == set(LEAST) & set(default) - {"rounds", "errors", "c"}
    assert {name: default[name] for name in ("rounds", "errors", "c")} == {"rounds": 6, "errors": 10, "c": 1.0}


def test_the_numbers_of_textgrad_are_those_of_its_code() -> None:
    original = {"updates": 12, "batch_size": 3, "epoch": 4, "images": False, "selection": "validation"}
    assert numbers("textgrad", "reference") == original
    assert numbers("textgrad", "default") == {**original, "batch_size": 10}


def test_the_numbers_of_gepa_are_those_of_its_library() -> None:
    assert numbers("gepa", "reference") == {"iterations": 50, "minibatch": 3}
    assert numbers("gepa", "default") == {"iterations": 50, "minibatch": 10}


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_limited_unless_it_is_asked_for(method: str) -> None:
    for name, preset in METHODS[method][1].items():
        assert preset.max_calls is None
        loss = "auto" if name == "default" else "scale"
        assert (preset.loss, preset.caption_only, preset.attempts) == (loss, False, 3)
