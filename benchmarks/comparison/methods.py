"""The optimization methods that are compared, and the variants of them that people type."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml
from inspect_ai.solver import Solver

from blpo_inspect._util.inspect_internals import PrerequisiteError

NONE = "none"
"""No optimization: the first prompts."""

REMAP = "remap"
"""No optimizer: the first prompts with a map of the judge's labels."""

STATED = "stated"
"""The embedded world's ceiling: the judge under a prompt that states the hidden policy."""

ENDLESS: Mapping[str, Mapping[str, Any]] = {
    "blpo": {"outer_steps": 1000, "patience": "none"},
    "opro": {"steps": 1000},
    "protegi": {"rounds": 1000},
    "textgrad": {"updates": 1000},
    "gepa": {"iterations": 1000},
    REMAP: {},
}
"""Settings under which nothing but the budget of calls, or being done, ends a run."""

DEFAULTS = (NONE, *ENDLESS)


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Attributes:
        label: As it was typed, such as ``blpo:i2t=fixed``.
        name: The solver's name, `NONE` or `STATED`.
        settings: The solver's settings that were typed.
    """

    label: str
    name: str
    settings: Mapping[str, Any]

    @property
    def optimizes(self) -> bool:
        """Whether it changes prompts, or what labels mean, at all."""
        return self.name in ENDLESS

    @property
    def asks_optimizer(self) -> bool:
        """Whether it needs an optimizer model."""
        return self.optimizes and self.name != REMAP

    @property
    def shows_images(self) -> bool:
        """Whether the judge sees the images: where it reads captions, the first prompts do not do equally well."""
        return self.settings.get("caption_only") is not True

    def solver_args(self, max_calls: int) -> dict[str, Any]:
        """The solver's arguments under a budget."""
        return {**ENDLESS[self.name], **self.settings, "max_calls": max_calls}

    def solver(self, max_calls: int) -> Solver:
        """The solver under a budget.

        Raises:
            ValueError: No such setting, one out of its range, or a library that is lacking.
        """
        # only what is compared is loaded: a method may need a library of its own
        module = importlib.import_module(f"blpo_inspect.optimizers.methods.{self.name}")
        factory = cast(Callable[..., Solver], getattr(module, self.name))
        try:
            return factory(**self.solver_args(max_calls))
        except PrerequisiteError as error:
            raise ValueError(f"{self.label}: {error.message}; or leave it out of --methods") from error


def parse(label: str) -> Method:
    """Read ``NAME`` or ``NAME:SETTING=VALUE,SETTING=VALUE``; values are YAML, as on Inspect's command line.

    Raises:
        ValueError: No such method, or no setting of this form.
    """
    name, _, typed = label.partition(":")
    if name not in (*DEFAULTS, STATED):
        known = ", ".join((*DEFAULTS, STATED))
        raise ValueError(f"no method {name!r}; known: {known}, and variants such as blpo:i2t=fixed")
    settings: dict[str, Any] = {}
    for part in typed.split(",") if typed else []:
        setting, equals, value = part.partition("=")
        if not (setting and equals and value):
            raise ValueError(f"{label}: {part!r} is no setting; write {name}:NAME=VALUE,NAME=VALUE")
        settings[setting.strip()] = yaml.safe_load(value)
    if settings and name not in ENDLESS:
        raise ValueError(f"{label}: {name} takes no settings")
    if "max_calls" in settings:
        raise ValueError(f"{label}: the budget is the same for all methods; set it by --max-calls")
    return Method(label, name, settings)
