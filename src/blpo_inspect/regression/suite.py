"""Suites: which judges are checked on which benchmarks, against which baselines and bars. Read from YAML.

Does not run anything (`running`) and decides nothing (`check`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blpo_inspect.regression.fields import Field, SuiteError, parse
from blpo_inspect.regression.perturbations import PERTURBATIONS
from blpo_inspect.statistics.named_statistics import AGREEMENT, CORRELATION

FIGURES = tuple(dict.fromkeys([*(name for of in AGREEMENT.values() for name in of), *CORRELATION]))
"""Every figure of which higher is better, by name; which ones apply depends on the benchmark's scale."""

_KEYS = (
    "name",
    "benchmark",
    "args",
    "prompts",
    "model",
    "base_url",
    "model_args",
    "model_roles",
    "baseline",
    "margin",
    "at_least",
    "unread_at_most",
    "probes",
)


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


@dataclass(frozen=True)
class ChosenProbe:
    """A probe of a case.

    Attributes:
        name: The probe's.
        tolerance: The share of verdicts that may change; None: the probe's own.
    """

    name: str
    tolerance: float | None = None


@dataclass(frozen=True)
class Case:
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
        unread_at_most: The share of answers that may be unread; None: no bar of its own.
        probes: What else the judge must withstand.
    """

    name: str
    benchmark: str
    model: str
    baseline: Path
    args: Mapping[str, Any]
    prompts: Path | None = None
    base_url: str | None = None
    model_args: Mapping[str, Any] | None = None
    model_roles: Mapping[str, str] | None = None
    margin: Mapping[str, float] | None = None
    at_least: tuple[AbsoluteBar, ...] = ()
    unread_at_most: float | None = None
    probes: tuple[ChosenProbe, ...] = ()


@dataclass(frozen=True)
class Suite:
    """All cases of one file.

    Attributes:
        file: Where it was read from.
        alpha: How often, at most, any of its statistical decisions may be a false one where nothing got worse.
        cases: At least one, in the file's order.
    """

    file: Path
    alpha: float
    cases: tuple[Case, ...]

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
    try:
        if not file.is_file():
            raise SuiteError(f"{file}: no such suite file")
        data = file.read_bytes()
    except OSError as error:
        raise SuiteError(f"{file}: cannot be read: {error.strerror}") from error
    return read(data, file)


def read(data: bytes, file: Path) -> Suite:
    """The suite in these bytes; `file` says where it lies.

    Raises:
        SuiteError: Invalid.
    """
    whole = parse(data, str(file))
    top = whole.fields(("version", "alpha", "cases"), required=("version", "cases"))
    if top["version"].plain() != 1:
        raise top["version"].wrong(f"must be 1, the version that this program reads, not {top['version'].plain()!r}")
    alpha = top["alpha"].number(0.0001, 0.4) if "alpha" in top else 0.05
    cases = []
    names: set[str] = set()
    for field in top["cases"].items():
        case = _case(field, file.absolute().parent)
        if case.name in names:
            raise field.wrong(f"a second case of the name {case.name!r}")
        names.add(case.name)
        cases.append(case)
    if not cases:
        raise top["cases"].wrong("has no case")
    return Suite(file, alpha, tuple(cases))


def _case(field: Field, folder: Path) -> Case:
    given = field.fields(_KEYS, required=("name", "benchmark", "model", "baseline"))
    margin = _margin(given["margin"]) if "margin" in given else {}
    at_least = _bars(given["at_least"]) if "at_least" in given else ()
    if not margin and not at_least:
        raise field.wrong("has no bar; give margin: {accuracy: 0.03}, at_least: {cohens_kappa: 0.6}, or both")
    model = given["model"].text()
    if not all(model.partition("/")):
        raise given["model"].wrong(f"must be PROVIDER/NAME, not {model!r}")
    args = _values(given["args"]) if "args" in given else {}
    if "prompts" in args:
        raise given["args"].named()["prompts"].wrong("belongs to the case itself: prompts: FILE.yaml")
    return Case(
        name=given["name"].text(),
        benchmark=given["benchmark"].text(),
        model=model,
        baseline=_within(given["baseline"], folder),
        args=args,
        prompts=folder / given["prompts"].text() if "prompts" in given else None,
        base_url=given["base_url"].text() if "base_url" in given else None,
        model_args=_values(given["model_args"]) if "model_args" in given else {},
        model_roles=_roles(given["model_roles"]) if "model_roles" in given else {},
        margin=margin,
        at_least=at_least,
        unread_at_most=given["unread_at_most"].number(0, 1) if "unread_at_most" in given else None,
        probes=_probes(given["probes"]) if "probes" in given else (),
    )


def _values(field: Field) -> dict[str, Any]:
    return {name: value.plain() for name, value in field.named().items()}


def _roles(field: Field) -> dict[str, str]:
    return {name: value.text() for name, value in field.named().items()}


def _margin(field: Field) -> dict[str, float]:
    found = {}
    for name, value in field.fields(FIGURES).items():
        found[name] = value.number(0, 2)
        if not found[name]:
            raise value.wrong("must be above 0: no number of images can show that a judge is not the least bit worse")
    if not found:
        raise field.wrong("names no figure, such as accuracy: 0.03")
    return found


def _bars(field: Field) -> tuple[AbsoluteBar, ...]:
    bars = []
    for name, value in field.fields(FIGURES).items():
        if value.is_mapping():
            ends = value.fields(("value", "low"))
            if not ends:
                raise value.wrong("needs value: or low:")
            bars.append(AbsoluteBar(name, **{end: one.number(-1, 1) for end, one in ends.items()}))
        else:
            bars.append(AbsoluteBar(name, value.number(-1, 1)))
    if not bars:
        raise field.wrong("names no figure, such as cohens_kappa: 0.6")
    return tuple(bars)


def _probes(field: Field) -> tuple[ChosenProbe, ...]:
    found: dict[str, ChosenProbe] = {}
    for item in field.items():
        if item.is_mapping():
            given = item.fields(("name", "tolerance"), required=("name",))
            tolerance = given["tolerance"].number(0, 0.99) if "tolerance" in given else None
            probe = ChosenProbe(given["name"].text(), tolerance)
        else:
            probe = ChosenProbe(item.text())
        if probe.name not in PERTURBATIONS:
            raise item.wrong(f"no probe {probe.name!r}; there are {', '.join(PERTURBATIONS)}")
        if probe.name in found:
            raise item.wrong(f"the probe {probe.name!r} is there twice")
        found[probe.name] = probe
    return tuple(found.values())


def _within(field: Field, folder: Path) -> Path:
    """A path that leads out of the suite's folder only where somebody typed it as absolute."""
    text = field.text()
    path = Path(text)
    if path.is_absolute():
        return path
    try:
        inside = (folder / path).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links
        inside = False
    if not inside or path.name in ("", ".."):
        raise field.wrong(f"{text!r} must be a file in the suite's folder or below it, or an absolute path")
    return folder / path
