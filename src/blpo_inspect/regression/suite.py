"""Suites: which judges are checked on which benchmarks, against which baselines and bars. Read from YAML.

Does not run anything (`running`) and decides nothing (`check`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from blpo_inspect._util.yaml_model import Model, at, between, file_bytes, key_of, must, read_as, read_yaml
from blpo_inspect.regression.perturbations import PERTURBATIONS
from blpo_inspect.statistics.alternative_annotator import EPSILON
from blpo_inspect.statistics.named_statistics import AGREEMENT, CORRELATION

FIGURES = tuple(dict.fromkeys([*(name for of in AGREEMENT.values() for name in of), *CORRELATION]))
"""Every figure of which higher is better, by name; which ones apply depends on the benchmark's scale."""


class SuiteError(ValueError):
    """A suite that cannot be used; one line that says where, what is wrong and what is allowed."""


def _within(text: str, info: ValidationInfo) -> Path:
    """A path that leads out of the suite's folder only where somebody typed it as absolute."""
    folder, path = Path(info.context or ""), Path(text)
    if path.is_absolute():
        return path
    try:
        inside = (folder / path).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links
        inside = False
    if not inside or path.name in ("", ".."):
        raise ValueError(f"{text!r} must be a file in the suite's folder or below it, or an absolute path")
    return folder / path


def _from_folder(text: str, info: ValidationInfo) -> Path:
    return Path(info.context or "", text)


def _without_prompts(args: Mapping[str, Any]) -> Mapping[str, Any]:
    if "prompts" in args:
        raise at("prompts", "belongs to the case itself: prompts: FILE.yaml")
    return args


def _distinct(named: list[Any]) -> tuple[Any, ...]:
    names: set[str] = set()
    for number, item in enumerate(named):
        if item.name in names:
            raise at(number, f"the name {item.name!r} is there twice")
        names.add(item.name)
    return tuple(named)


_TEXTS = ("cases.args.labels", "cases.args.prompt")
_Text = Annotated[str, must("one line of visible text", lambda text: text.strip() and text.isprintable())]
_Figure = Annotated[str, key_of(FIGURES)]
_Margin = Annotated[
    float,
    between(0, 2),
    must("above 0 (no number of images can show that a judge is not the least bit worse)", bool),
]


@dataclass(frozen=True)
class AbsoluteBar:
    """What a figure must reach whatever the baseline says.

    Attributes:
        figure: Its name.
        value: What the figure itself must reach, if it must.
        low: What the lower end of its interval must reach, if it must.
    """

    figure: str
    value: float | None = None
    low: float | None = None


class _Ends(Model):
    value: Annotated[float | None, between(-1, 1)] = None
    low: Annotated[float | None, between(-1, 1)] = None

    @model_validator(mode="after")
    def _any(self) -> "_Ends":
        if self.value is None and self.low is None:
            raise ValueError("needs value: or low:")
        return self


def _bars(ends: dict[str, _Ends]) -> tuple[AbsoluteBar, ...]:
    return tuple(AbsoluteBar(figure, end.value, end.low) for figure, end in ends.items())


_Bar = Annotated[_Ends, BeforeValidator(lambda written: written if isinstance(written, dict) else {"value": written})]
_Bars = Annotated[dict[_Figure, _Bar], Field(min_length=1), AfterValidator(_bars)]


class AltTest(Model):
    """The bar that the judge may replace one of the raters (`statistics.alternative_annotator_test`).

    Attributes:
        epsilon: By how much a rater may be better more often.
    """

    epsilon: Annotated[float, between(0, 0.99)] = EPSILON


class ChosenProbe(Model):
    """A probe of a case.

    Attributes:
        name: The probe's.
        tolerance: The share of verdicts that may change; None: the probe's own.
    """

    name: Annotated[str, must(f"one of {', '.join(PERTURBATIONS)}", PERTURBATIONS.__contains__)]
    tolerance: Annotated[float | None, between(0, 0.99)] = None


_Probe = Annotated[
    ChosenProbe, BeforeValidator(lambda written: {"name": written} if isinstance(written, str) else written)
]


class Case(Model):
    """One judge on one benchmark.

    Attributes:
        name: Unique in its suite.
        benchmark: A task's name, or ``FILE.py@task`` (relative to the suite).
        args: The task's arguments, without ``prompts``; paths in them are relative to the suite.
        prompts: Prompt pair (YAML file); None: the benchmark's own prompts.
        model: The judge, as ``inspect eval --model`` takes it.
        base_url: Where the model is served.
        model_args: The judge's arguments.
        model_roles: Other models by role.
        baseline: The recorded result file; need not exist yet.
        margin: By how much each figure may be worse than the baseline's.
        at_least: Absolute bars.
        alt_test: Whether the judge must be able to replace one of the raters; None: no such bar.
        unread_at_most: The share of answers that may be unread; None: no bar of its own.
        probes: What else the judge must withstand.
    """

    name: _Text
    benchmark: _Text
    model: Annotated[_Text, must("PROVIDER/NAME", lambda name: all(name.partition("/")))]
    baseline: Annotated[Path, read_as(Annotated[_Text, AfterValidator(_within)])]
    args: Annotated[Mapping[str, Any], AfterValidator(_without_prompts)] = Field(default_factory=dict)
    prompts: Annotated[Path | None, read_as(Annotated[_Text, AfterValidator(_from_folder)])] = None
    base_url: Annotated[str | None, read_as(_Text)] = None
    model_args: Mapping[str, Any] = Field(default_factory=dict)
    model_roles: Mapping[str, _Text] = Field(default_factory=dict)
    margin: Annotated[Mapping[_Figure, _Margin], Field(min_length=1)] = Field(default_factory=dict)
    at_least: Annotated[tuple[AbsoluteBar, ...], read_as(_Bars)] = ()
    alt_test: AltTest | None = None
    unread_at_most: Annotated[float | None, between(0, 1)] = None
    probes: Annotated[tuple[ChosenProbe, ...], read_as(Annotated[list[_Probe], AfterValidator(_distinct)])] = ()

    @model_validator(mode="after")
    def _has_bar(self) -> "Case":
        if not self.margin and not self.at_least and self.alt_test is None:
            raise ValueError(
                "has no bar; give margin: {accuracy: 0.03}, at_least: {cohens_kappa: 0.6}, alt_test: {epsilon: 0.15},"
                " or several"
            )
        return self


class _File(Model):
    version: Annotated[Any, must("1, the version that this program reads", lambda version: version == 1)]
    alpha: Annotated[float, between(0.0001, 0.4)] = 0.05
    runs: Annotated[int, must("a whole number from 1 to 100,000", lambda runs: 1 <= runs <= 100_000)] = 1
    cases: Annotated[tuple[Case, ...], read_as(Annotated[list[Case], Field(min_length=1), AfterValidator(_distinct)])]


@dataclass(frozen=True)
class Suite:
    """All cases of one file.

    Attributes:
        file: Where it was read from.
        alpha: How often, at most, any of its statistical decisions may be false where nothing got worse.
        cases: At least one, in the file's order.
        runs: In how many runs together, such as those of a year of nights.
    """

    file: Path
    alpha: float
    cases: tuple[Case, ...]
    runs: int = 1

    @property
    def folder(self) -> Path:
        """What relative paths of the suite start from."""
        return self.file.absolute().parent

    def chosen(self, names: tuple[str, ...]) -> tuple[Case, ...]:
        """The cases of these names, in the file's order; all where none is given.

        Raises:
            SuiteError: No such case.
        """
        unknown = [name for name in names if name not in {case.name for case in self.cases}]
        if unknown:
            known = ", ".join(case.name for case in self.cases)
            raise SuiteError(f"{self.file}: no case {unknown[0]!r}; it has {known}")
        return tuple(case for case in self.cases if not names or case.name in names)


def load(file: Path) -> Suite:
    """Read a suite.

    Raises:
        SuiteError: Missing or invalid; says where and what is allowed.
    """
    return read(file_bytes(file, "suite file", SuiteError), file)


def read(data: bytes, file: Path) -> Suite:
    """The suite in these bytes; `file` says where it lies.

    Raises:
        SuiteError: Invalid.
    """
    whole = read_yaml(_File, data, str(file), SuiteError, as_written=_TEXTS, context=file.absolute().parent)
    return Suite(file, whole.alpha, whole.cases, whole.runs)
