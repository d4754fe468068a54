"""``blpo prompts``: look at prompt pairs, compare them, and take them out of logs."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from blpo_inspect._util.text import visible
from blpo_inspect._util.word_diff import printable_lines
from blpo_inspect.cli.shared import (
    Commands,
    Fault,
    a_file,
    as_json,
    finish,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from blpo_inspect.judging.exported import Form
    from blpo_inspect.judging.prompts import PromptPair

EXIT_CODES = "Exit codes: 0 fine; 2 wrong usage, or it cannot run."
_NAMES = ("provider", "name", "model", "id")
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")
_LATER = frozenset({"start", "models", "calls", "trajectory", "validation", "validation_loss", "test"})


class _PromptCommands(Commands):
    def expected(self) -> tuple[type[Exception], ...]:
        from blpo_inspect.cache.logs import LogError
        from blpo_inspect.judging.prompts import PromptError

        return LogError, PromptError


@click.group(name="prompts", cls=_PromptCommands, epilog=EXIT_CODES)
def commands() -> None:
    """Show, compare and export prompt pairs.

    A pair is a YAML file, or an Inspect log (.eval, .json) of an optimize run.
    """


def of_sample(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which of a log's samples is meant."""
    command = click.option("--epoch", type=click.IntRange(min=1), metavar="N", help="Which of its epochs.")(command)
    return click.option("--sample", metavar="ID", help="Which sample of a log that holds several pairs.")(command)


@commands.command(epilog=EXIT_CODES)
@click.argument("pair", type=a_file)
@of_sample
@as_json
def show(pair: Path, sample: str | None, epoch: int | None, as_json: bool) -> None:
    """Print both prompts of PAIR, its map of labels if it has one, and where they come from."""
    from blpo_inspect.logs.prompt_pairs import json_ready

    loaded = _load([pair], sample, epoch)[0]
    provenance = json_ready(loaded.provenance, str(pair))
    if as_json:
        scale = loaded.scale.to_dict() if loaded.scale else None
        map = {} if loaded.map is None else {"map": dict(loaded.map)}
        print_json({"judge": loaded.judge, "i2t": loaded.i2t, "scale": scale, **map, "provenance": provenance})
        return
    if loaded.scale:
        click.echo(f"scale: {visible(_scale(loaded))}\n")
    if loaded.map:
        click.echo(f"map of labels: {visible(_map(loaded.map))}\n")
    _print_prompt("judge prompt", loaded.judge)
    _print_prompt("I2T prompt", loaded.i2t)
    _print_provenance(provenance)


@commands.command(epilog="Exit codes: 0 the same; 1 different; 2 wrong usage, or it cannot run.")
@click.argument("first", metavar="A", type=a_file)
@click.argument("second", metavar="[B]", required=False, type=a_file)
@of_sample
def diff(first: Path, second: Path | None, sample: str | None, epoch: int | None) -> None:
    """Compare the prompts of two pairs word by word; with A alone, those it started from with its final ones.

    What A has and B has not is marked [-so-], what B has and A has not {+so+}; on a terminal also by colour, unless
    NO_COLOR is set. Lines far from any change are left out.
    """
    if second:
        old, new = _load([first, second], sample, epoch)
        olds = {"judge prompt": old.judge, "I2T prompt": old.i2t, "map of labels": _map(old.map)}
        names = str(first), str(second)
        scales = (_scale(old), _scale(new)) if old.scale and new.scale else ("", "")
    else:
        (new,) = _load([first], sample, epoch)
        start = new.provenance.get("start")
        parts = {"judge prompt": "judge", "I2T prompt": "i2t"}
        known = start if isinstance(start, Mapping) else {}
        olds = {title: known[name] for title, name in parts.items() if isinstance(known.get(name), str)}
        if not olds:
            raise Fault(visible(f"{first}: says nothing about the prompts it started from; give a second pair"))
        olds["map of labels"] = _map(known.get("map"))
        names = f"{first} (start)", str(first)
        scales = ("", "")
    news = {"judge prompt": new.judge, "I2T prompt": new.i2t, "map of labels": _map(new.map)}
    changed = [title for title, old_text in olds.items() if old_text.strip() != news[title]]
    if not changed and scales[0] == scales[1]:
        return
    click.echo(f"--- {visible(names[0])}\n+++ {visible(names[1])}")
    if scales[0] != scales[1]:
        _print_diff("scale", *scales)
    for title in changed:
        _print_diff(title, olds[title].strip(), news[title])
    finish(problem=True)


@commands.command(epilog=EXIT_CODES)
@click.argument("pair", type=a_file)
@click.option(
    "--as",
    "form",
    type=click.Choice(["yaml", "python", "messages", "solver"]),
    default="yaml",
    show_default=True,
    help="yaml: the pair itself, out of a log. The judge prompt as it is sent: a Python module, messages as OpenAI has "
    "them in JSON, a chain of Inspect solvers.",
)
@click.option("-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@of_sample
def export(pair: Path, form: str, file: Path | None, force: bool, sample: str | None, epoch: int | None) -> None:
    """Write PAIR for use elsewhere: to FILE, else to the standard output.

    Without --as it must be the log of an optimize run, and its pair is written as YAML.
    """
    from blpo_inspect._util.files import written_whole
    from blpo_inspect.logs.prompt_pairs import is_log

    if form == "yaml" and not is_log(pair):
        raise Fault(visible(f"{pair}: not an Inspect log (.eval or .json); for another form than YAML give --as"))
    (loaded,) = _load([pair], sample, epoch)
    text = loaded.to_yaml() if form == "yaml" else _for_other_tools(loaded, cast("Form", form), pair.name)
    if file is None:
        click.echo(text.encode(), nl=False)
        return
    if file.exists() and not force:
        raise Fault(visible(f"{file}: is there already; --force replaces it"))
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(file) as out:
        out.write(text.encode())
    click.echo(visible(f"{file}: the {'prompt pair' if form == 'yaml' else 'judge prompt'} of {pair}"))


def _for_other_tools(pair: "PromptPair", form: "Form", source: str) -> str:
    from blpo_inspect._util.inspect_internals import PrerequisiteError
    from blpo_inspect.judging.exported import exported

    try:
        return exported(pair, form, source)
    except PrerequisiteError as error:
        raise Fault(visible(str(error))) from error


def _load(paths: list[Path], sample: str | None, epoch: int | None) -> "list[PromptPair]":
    from blpo_inspect.logs.prompt_pairs import is_log, load

    logs = [is_log(path) for path in paths]
    if (sample or epoch) and not any(logs):
        raise click.UsageError("--sample and --epoch are for logs; this is a prompt file")
    return [load(path, sample, epoch) if log else load(path) for path, log in zip(paths, logs, strict=True)]


def _scale(pair: "PromptPair") -> str:
    scale = pair.scale
    if scale is None:
        return ""
    labels = ", ".join(scale.labels) if scale.labels else f"{scale.low:g} to {scale.high:g}"
    aliases = ", ".join(f"{alias} = {label}" for alias, label in sorted(scale.aliases.items()))
    return f"{scale.kind}: {labels}" + (f" ({aliases})" if aliases else "")


def _map(map: object) -> str:
    from blpo_inspect.judging.label_map import shown

    return shown(map) if isinstance(map, Mapping) else ""


def _print_prompt(title: str, prompt: str) -> None:
    click.echo(f"{title}:")
    for line in prompt.split("\n"):
        click.echo(f"  {printable_lines(line)}".rstrip())
    click.echo()


def _print_provenance(provenance: Mapping[str, Any]) -> None:
    """What is known in its own form; everything else, and what has another form than expected, as it is."""
    later: dict[str, Callable[[Any], None]] = {
        "trajectory": _print_trajectory,
        "validation": _print_validation,
        "validation_loss": _print_validation,
        "test": _print_test,
    }
    if "start" in provenance:
        _print_or_plainly("start", provenance["start"], _print_start)
    for name, value in provenance.items():
        if name not in _LATER:
            _print_plainly(name, value)
    _print_models(provenance)
    for name, printer in later.items():
        if name in provenance:
            _print_or_plainly(name, provenance[name], printer)


def _print_or_plainly(name: str, value: Any, printer: Callable[[Any], None]) -> None:
    try:
        printer(value)
    except (AttributeError, KeyError, TypeError):
        _print_plainly(name, value)


def _print_plainly(name: str, value: object) -> None:
    import yaml

    flow = None if isinstance(value, dict | list) else False  # None: what holds only scalars is one line
    text = yaml.safe_dump({name: value}, sort_keys=False, allow_unicode=True, width=100, default_flow_style=flow)
    for line in text.rstrip("\n").split("\n"):
        click.echo(printable_lines(line))


def _print_models(provenance: Mapping[str, Any]) -> None:
    models, calls = provenance.get("models", {}), provenance.get("calls", {})
    if not isinstance(models, dict) or not isinstance(calls, dict):
        for name in ("models", "calls"):
            if name in provenance:
                _print_plainly(name, provenance[name])
        return
    rows = []
    for role in dict.fromkeys([*models, *calls]):
        name, rest = _model(models.get(role))
        count = calls.get(role)
        rows.append((role, name, f"{count:,}" if isinstance(count, int) else _figure(count), rest))
    if rows:
        click.echo("\nmodels and their calls:")
        print_table(("role", "model", "calls", "more"), rows, right={2})


def _model(identity: object) -> tuple[str, str]:
    """Its name and, in short, what else is said about it."""
    if not isinstance(identity, dict):
        return _figure(identity), ""
    known = [str(identity[name]) for name in _NAMES if identity.get(name)]
    rest = {name: value for name, value in identity.items() if name not in _NAMES and value is not None}
    more = ", ".join(f"{name}: {_figure(value)}" for name, value in rest.items())
    return "/".join(known) or "–", _DIGEST.sub(r"\1…", more)


def _print_start(start: Mapping[str, Any]) -> None:
    for name, value in start.items():
        title = {"judge": "judge prompt at the start", "i2t": "I2T prompt at the start"}.get(name)
        if title and isinstance(value, str):
            _print_prompt(title, value)
        else:
            _print_plainly(f"{name} at the start", value)


def _print_trajectory(trajectory: list[Mapping[str, Any]]) -> None:
    rows = []
    for step in trajectory:
        candidates = step.get("candidates")
        rows.append(
            (
                _figure(step.get("step")),
                _figure(step.get("train_loss")),
                _figure(step.get("validation_loss")),
                _figure(step.get("accepted")),
                str(len(candidates)) if isinstance(candidates, list) else "–",
                _figure(step.get("reason", "")),
            )
        )
    click.echo("\ntrajectory (--json has its prompts and candidates):")
    names = ("step", "train loss", "validation loss", "accepted", "candidates", "reason")
    print_table(names, rows, right={0, 1, 2, 4})


def _print_validation(validation: Mapping[str, Any]) -> None:
    click.echo("\nvalidation loss: " + visible(", ".join(f"{name} {_figure(v)}" for name, v in validation.items())))


def _print_test(test: Mapping[str, Any]) -> None:
    before, after, differences, people = (test.get(name, {}) for name in ("before", "after", "difference", "ceiling"))
    names = ("figure", "before", "after", "difference", "interval", *(["one rater"] if people else []))
    rows, notes = [], []
    for name in dict.fromkeys([*before, *after, *differences]):
        value, interval, note = _difference(differences.get(name))
        rater = [_figure(people[name]) if name in people else ""] if people else []
        rows.append((name, _figure(before.get(name)), _figure(after.get(name)), value, interval, *rater))
        notes += [f"{name}: {note}"] if note else []
    first, last = (test.get("raw", {}).get(side, {}) for side in ("before", "after"))
    for name in last:
        if name not in ("n", "unread"):  # a map leaves these as they are
            cells = _figure(first.get(name)), _figure(last[name]), "", "", *([""] if people else [])
            rows.append((f"{name}, without map", *cells))
    kept = test.get("kept") or []
    curve = [(name, *(_figure(pair.get(name)) for pair in kept)) for name in (kept[0] if kept else ())]
    said = ("before", "after", "difference", "ceiling", "kept", "raw")
    rest = {name: value for name, value in test.items() if name not in said}
    click.echo("\ntest" + visible("".join(f", {name} {_figure(value)}" for name, value in rest.items())) + ":")
    print_table(names, rows, right={1, 2, 3, 5})
    for note in notes:
        click.echo(visible(note))
    if curve:
        click.echo("\ntest, each pair that was kept:")
        print_table(curve[0], curve[1:], right=set(range(1, len(curve[0]))))


def _difference(difference: object) -> tuple[str, str, str]:
    if not isinstance(difference, dict):
        return ("" if difference is None else _figure(difference)), "", ""
    low, high = difference.get("low"), difference.get("high")
    value = difference.get("value")
    shown = f"{value:+.3f}" if isinstance(value, float) else _figure(value)
    interval = "" if low is None or high is None else f"{_figure(low)} to {_figure(high)}"
    level = difference.get("level")
    if interval and isinstance(level, float):
        interval += f" ({level:.0%})"
    return shown, interval, str(difference.get("reason") or "")


def _figure(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value) if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)


def _print_diff(title: str, old: str, new: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from blpo_inspect._util.word_diff import as_rich, diff_lines, word_diff

    out = Console(highlight=False)
    out.print(Text(f"@@ {title} @@", style="cyan"), soft_wrap=True)
    for line in diff_lines(word_diff(old, new)):
        out.print(Text("…") if line is None else as_rich(line), soft_wrap=True)
