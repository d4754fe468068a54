"""What the pages say works: their Python runs, and every option that they name exists."""

import doctest
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from inspect_ai._cli.main import inspect as inspect_command
from inspect_ai._util.registry import registry_lookup
from PIL import Image

import blpo_inspect._registry  # noqa: F401  # registers what the pages name
from blpo_inspect.cli import main as blpo_command
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.models.model_args import ModelSettings
from blpo_inspect.statistics import non_inferiority
from tests.docs.pages import PAGES, ROOT, Block, blocks, commands

NOT_RUN = {
    ("docs/regression-testing.md", "judge_regression"): "a test of a user's, whose suite is not here",
    ("docs/scaling.md", "inspect_flow"): "needs inspect-flow, which is no dependency",
}
"""Page and a word of the block → why a Python block is not run."""

_LABELS = ["1", "2", "3", "4", "2", "3"] * 5
GIVEN: dict[str, dict[str, Any]] = {
    "docs/statistics.md": {
        "human": [int(label) for label in _LABELS],
        "first": [int(label) for label in _LABELS[1:] + _LABELS[:1]],
        "second": [int(label) for label in _LABELS[:20] + _LABELS[:10]],
        "texts": [number // 2 for number in range(30)],
        "before": _LABELS[:20] + _LABELS[:10],
        "after": _LABELS,
        "scale": LabelScale.of(["1", "2", "3", "4"]),
        "other": non_inferiority(
            _LABELS,
            _LABELS,
            _LABELS,
            figure="accuracy",
            scale=LabelScale.of(["1", "2", "3", "4"]),
            margin=0.1,
            alpha=0.05,
            seed=0,
        ),
    }
}
"""Page → what its blocks take as given, such as labels that a reader has."""

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.language == "python" for block in blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_python_blocks_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48), "white").save("kitchen.jpg")
    names = {"__name__": "example", **GIVEN.get(str(page.relative_to(ROOT)), {})}
    for block in blocks(page):
        known = (str(page.relative_to(ROOT)), next((word for _, word in NOT_RUN if word in block.text), ""))
        if block.language == "python" and known not in NOT_RUN:
            run(block, names)


def run(block: Block, names: dict[str, Any]) -> None:
    """Run a block, in a shell's form (``>>> ``) with what it prints; an error has the page's line numbers."""
    if ">>> " not in block.text:
        exec(compile("\n" * block.line + block.text, str(block.page), "exec"), names)
        return
    example = doctest.DocTestParser().get_doctest(block.text, names, block.page.name, str(block.page), block.line)
    result = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(
        example, clear_globs=False
    )
    assert not result.failed, f"{block.page.name}, line {block.line}: prints something else"
    names.update(example.globs)


@pages
def test_options_exist(page: Path) -> None:
    for words in commands(page):
        problems = list(wrong(words))
        assert not problems, f"{page.name}: {' '.join(words)}: {problems}"


@pytest.mark.parametrize(
    ("command", "problems"),
    [
        ("blpo data show labels.csv", []),
        ("blpo report logs --no-such", ["--no-such"]),
        ("inspect eval blpo_inspect/nobody", ["blpo_inspect/nobody"]),
        ("inspect eval blpo_inspect/folder -T promt=x -T data=a.csv", ["-T promt"]),
        ("inspect eval a.py --model hf-vlm/b -M dtyp=x -M dtype=bfloat16", ["-M dtyp"]),
        ("inspect eval blpo_inspect/optimize -S no_such=1 -S updates=2 --solver blpo_inspect/textgrad", ["-S no_such"]),
    ],
)
def test_the_check_finds_what_is_wrong(command: str, problems: list[str]) -> None:
    assert list(wrong(command.split())) == problems


def wrong(words: list[str]) -> Iterator[str]:
    """What a command names that does not exist: options, tasks, solvers, scorers, and arguments of these."""
    command: click.Command = blpo_command if words[0] == "blpo" else inspect_command
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if re.search(r"[^\w-]", name):
            return  # `blpo cache stats|verify`, `blpo …`
        found = command.commands.get(name)
        if found is None:
            yield name
            return
        command = found
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    values: dict[str, list[str]] = {}
    for at, word in enumerate(rest):
        if re.fullmatch(r"--?[A-Za-z][\w-]*(=.*)?", word):
            option, _, value = word.partition("=")
            if option not in known:
                yield option
            values.setdefault(option, []).append(value or next(iter(rest[at + 1 :]), ""))
    if words[0] == "inspect":
        yield from _wrong_arguments(rest, values)


def _wrong_arguments(rest: list[str], values: Mapping[str, list[str]]) -> Iterator[str]:
    tasks = [word for word in rest if re.fullmatch(r"blpo_inspect/\w+", word) and word not in _given(values)]
    for name in tasks:
        if registry_lookup("task", name) is None:
            yield name
    for option, kind, names in (
        ("-T", "task", tasks),
        ("-S", "solver", values.get("--solver", []) or ["blpo_inspect/blpo"]),
    ):
        accepted = {parameter for name in names for parameter in _parameters(kind, name)}
        for argument in _names(values.get(option, [])):
            if tasks and accepted and argument not in accepted:
                yield f"{option} {argument}"
    judges = values.get("--model", [])
    if judges and all(model.startswith("hf-vlm/") for model in judges):
        for argument in _names(values.get("-M", [])):
            if argument not in inspect.signature(ModelSettings).parameters:
                yield f"-M {argument}"


def _given(values: Mapping[str, list[str]]) -> set[str]:
    return {value for given in values.values() for value in given}


def _names(values: list[str]) -> list[str]:
    return [value.partition("=")[0] for value in values if "=" in value]


def _parameters(kind: Any, name: str) -> set[str]:
    """The arguments of a registered task or solver; a method's settings are those of its dataclass."""
    found = registry_lookup(kind, name)
    if found is None:
        return set()
    signature = inspect.signature(found)  # type: ignore[arg-type]
    names = set(signature.parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        presets = vars(inspect.getmodule(found)).get("PRESETS", {})
        names |= {field for preset in presets.values() for field in vars(preset)}
    return names
