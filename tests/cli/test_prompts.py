"""``blpo prompts``: what it prints, what it takes out of logs, and how it exits."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from blpo_inspect._util.word_diff import Piece, diff_lines, word_diff
from blpo_inspect.cli import main
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from tests.conftest import ScriptedAPI

SCALE = LabelScale("unordered", ("safe", "unsafe"))
PROVENANCE: dict[str, Any] = {
    "method": "blpo",
    "settings": {"outer": 2, "batch": 8},
    "seed": 7,
    "benchmark": {
        "name": "shapes_safety",
        "digest": "0badcafe",
        "sizes": {"train": 20, "validation": 10, "test": 100},
    },
    "models": {
        "judge": {"provider": "hf-vlm", "name": "shapes-judge", "revision": "sha256:" + "0123456789abcdef" * 4},
        "optimizer": {"name": "gpt"},
    },
    "start": {"judge": "Is this image safe?", "i2t": "Describe it."},
    "trajectory": [
        {
            "step": 1,
            "prompt": "p",
            "train_loss": 0.4,
            "validation_loss": 0.3812,
            "accepted": True,
            "reason": "lower",
            "candidates": [{"i2t": "a"}, {"i2t": "b"}],
        },
        {"step": 2, "train_loss": 0.39, "validation_loss": float("nan"), "accepted": False, "reason": "[red]worse[/]"},
    ],
    "calls": {"judge": 1200, "optimizer": 60},
    "validation_loss": {"before": 0.4, "after": 0.1},
    "test": {
        "n": 100,
        "before": {"accuracy": 0.39, "unread": 0},
        "after": {"accuracy": 0.97, "unread": 1},
        "difference": {"accuracy": {"value": 0.58, "low": 0.45, "high": 0.7}},
    },
    "weather": {"wind": ["north", 3]},
}
PAIR = PromptPair("Is this image safe or unsafe?\nLook twice.", "List every shape.", SCALE, PROVENANCE)


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["prompts", *map(str, args)])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    PAIR.save(path)
    return path


@solver
def leaves(outputs: dict[str, str]) -> Solver:
    """What an optimize run does in the end, as far as a log shows it."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        text = outputs[str(state.sample_id)]
        if text == "fail":
            raise RuntimeError("the optimizer gave up\nat last")
        state.output = ModelOutput.from_content("scripted/m", text)
        return state

    return solve


MakeLog = Callable[..., Path]


@pytest.fixture
def make_log(scripted: type[ScriptedAPI], tmp_path: Path) -> MakeLog:
    """Run an evaluation whose samples end with these outputs; its log."""

    def make(log_format: Any = "eval", epochs: int = 1, **outputs: str) -> Path:
        (log,) = eval(
            Task([Sample(id=name, input="go") for name in outputs], solver=leaves(outputs), name="blpo"),
            "scripted/m",
            epochs=epochs,
            log_dir=str(tmp_path / "logs"),
            log_format=log_format,
            fail_on_error=False,
            display="none",
        )
        return Path(log.location)

    return make


def test_show(pair: Path) -> None:
    out = blpo("show", pair).stdout
    assert out.startswith(
        "scale: unordered: safe, unsafe\n\njudge prompt:\n  Is this image safe or unsafe?\n  Look twice.\n\n"
        "I2T prompt:\n  List every shape.\n\njudge prompt at the start:\n  Is this image safe?\n\n"
        "I2T prompt at the start:\n  Describe it.\n\nmethod: blpo\n"
    )
    assert "settings: {outer: 2, batch: 8}" in out and "seed: 7" in out and "digest: 0badcafe" in out
    assert "sizes: {train: 20, validation: 10, test: 100}" in out
    lines = rows(out)
    assert ["judge", "hf-vlm/shapes-judge", "1,200", "revision:", "sha256:0123456789ab…"] in lines
    assert ["optimizer", "gpt", "60"] in lines
    assert ["1", "0.400", "0.381", "yes", "2", "lower"] in lines
    assert ["2", "0.390", "–", "no", "–", "[red]worse[/]"] in lines
    assert "validation loss: before 0.400, after 0.100" in out
    assert "test, n 100:" in out
    assert ["accuracy", "0.390", "0.970", "+0.580", "0.450", "to", "0.700"] in lines
    assert ["unread", "0", "1"] in lines
    assert "weather:\n  wind: [north, 3]" in out


def test_show_of_a_pair_for_ratings(tmp_path: Path) -> None:
    """One rater's figures stand beside, reasons and kept pairs below; 80 columns hold it."""
    side = {"quadratic_kappa": 0.5, "mae": 0.8, "spearman": 0.7, "n": 60, "unread": 1}
    test = {
        "n": 60,
        "paired": 58,
        "clusters": 12,
        "before": side,
        "after": {**side, "mae": 0.7},
        "difference": {
            "mae": {"value": -0.1, "low": -0.2, "high": 0.01},
            "spearman": {"value": 0.0, "low": None, "high": None, "reason": "over the 58 of 60 samples"},
        },
        "ceiling": {"mae": 0.6, "quadratic_kappa": 0.9, "n": 55},
        "kept": [{"calls": 0, "mae": 0.8}, {"calls": 31, "mae": 0.7}],
    }
    PromptPair("Rate it.", "List it.", None, {"test": test}).save(tmp_path / "pair.yaml")
    out = blpo("show", tmp_path / "pair.yaml").stdout
    lines = rows(out)
    assert "test, n 60, paired 58, clusters 12:" in out
    assert ["mae", "0.800", "0.700", "-0.100", "-0.200", "to", "0.010", "0.600"] in lines
    assert ["spearman", "0.700", "0.700", "+0.000"] in lines
    assert "spearman: over the 58 of 60 samples" in out.splitlines()
    assert ["n", "60", "60", "55"] in lines
    assert out.endswith("test, each pair that was kept:\ncalls      0     31\nmae    0.800  0.700\n")


def test_show_of_a_hand_written_pair(tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text("judge: Is it red?\ni2t: Say the colour.\n")
    assert blpo("show", path).stdout == "judge prompt:\n  Is it red?\n\nI2T prompt:\n  Say the colour.\n\n"


def test_show_as_json(pair: Path) -> None:
    found = json.loads(blpo("show", pair, "--json").stdout)
    assert (found["judge"], found["i2t"], found["scale"]) == (PAIR.judge, PAIR.i2t, SCALE.to_dict())
    expected = json.loads(json.dumps(PROVENANCE).replace("NaN", "null"))
    assert found["provenance"] == expected


@pytest.mark.parametrize("name", ["start", "models", "calls", "trajectory", "validation", "test", "benchmark"])
@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("words", "words"),
        (["a", 1], "a"),
        ({"judge": 3}, "3"),
        ({"before": "x"}, "x"),
        ({"kept": {"calls": 3}}, "3"),
        (5, "5"),
        (None, ""),
    ],
)
def test_show_prints_what_has_another_form_than_expected(tmp_path: Path, name: str, value: object, held: str) -> None:
    path = tmp_path / "pair.yaml"
    PromptPair("Is it red?", "Say it.", provenance={name: value}).save(path)
    out = blpo("show", path).stdout.partition("Say it.")[2]
    assert name in out and held in out


def test_prompts_neither_style_nor_steer_the_terminal(tmp_path: Path) -> None:
    path, other = tmp_path / "pair.yaml", tmp_path / "other.yaml"
    evil = "a\x1b[2Jb\x9bc\rd\u202ee [red]f[/red]\tg"
    PromptPair(evil, provenance={"method": evil, "trajectory": [{"reason": evil}], evil: {evil: 1}}).save(path)
    PromptPair(evil + " h").save(other)
    for args, code in ((("show", path), 0), (("show", path, "--json"), 0), (("diff", path, other), 1)):
        out = blpo(*args, code=code).stdout
        assert not set(out) & {"\x1b", "\x9b", "\r", "\u202e"}
        assert "[red]f[/red]" in out
    assert "a\\x1b[2Jb\\x9bc\\rd\\u202ee [red]f[/red]\tg" in blpo("show", path).stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("judge: [1", "not valid YAML"),
        ("judge: x\nprovenance: [1]", "line 2: provenance: must be a mapping"),
        ("judge: x\nprovenance: &a {b: *a}", "nested too deeply"),
        (
            "judge: x\nprovenance:\n  a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"  {new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
                for old, new in zip("abcdef", "bcdefg", strict=True)
            ),
            "too many values",
        ),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(text)
    result = blpo("show", path, code=2)
    assert message in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("log_format", ["eval", "json"])
def test_a_pair_from_a_log(make_log: MakeLog, pair: Path, tmp_path: Path, log_format: str) -> None:
    log = make_log(log_format, one=PAIR.to_yaml(), two="safe")
    assert blpo("export", log).stdout == pair.read_text()
    file = tmp_path / "new" / "out.yaml"
    assert "out.yaml" in blpo("export", log, "-o", file).stdout
    assert file.read_text() == pair.read_text()
    assert blpo("show", log).stdout == blpo("show", pair).stdout
    assert blpo("diff", log, pair).stdout == ""


def test_export_overwrites_only_when_told(make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log(one=PAIR.to_yaml())
    file = tmp_path / "out.yaml"
    file.write_text("mine")
    assert "--force" in blpo("export", log, "-o", file, code=2).stderr
    assert file.read_text() == "mine"
    blpo("export", log, "-o", file, "--force")
    assert PromptPair.load(file) == PromptPair.from_yaml(PAIR.to_yaml())


@pytest.mark.parametrize("form", ["python", "messages", "solver"])
def test_a_pair_for_other_tools(make_log: MakeLog, pair: Path, tmp_path: Path, form: str) -> None:
    printed = blpo("export", pair, "--as", form).stdout
    assert "Look twice.\\n" in printed and "Answer with exactly one of: safe, unsafe." in printed
    file = tmp_path / "new" / "out"
    assert "the judge prompt of" in blpo("export", pair, "--as", form, "-o", file).stdout
    assert file.read_text() == printed
    assert "--force" in blpo("export", pair, "--as", form, "-o", file, code=2).stderr
    log = make_log(one=PAIR.to_yaml())
    assert blpo("export", log, "--as", form).stdout == printed.replace(pair.name, log.name)
    bare = tmp_path / "bare.yaml"
    PromptPair("Safe?").save(bare)
    error = blpo("export", bare, "--as", form, code=2).stderr
    assert "does not say which labels there are" in error and error.count("\n") == 1


def test_yaml_of_a_pair_is_there_already(pair: Path) -> None:
    assert "for another form than YAML give --as" in blpo("export", pair, code=2).stderr


def test_several_pairs_in_a_log(make_log: MakeLog) -> None:
    log = make_log(one=PromptPair("First?").to_yaml(), two=PromptPair("Second?").to_yaml(), three="no pair")
    for command in ("export", "show"):
        result = blpo(command, log, code=2)
        assert "2 samples hold a prompt pair: one, two; choose one by --sample ID" in result.stderr
        assert "Second?" in blpo(command, log, "--sample", "two").stdout
    missing = blpo("export", log, "--sample", "three", code=2).stderr
    assert "no prompt pair of sample three; there is one of: one, two" in missing
    second = make_log(two=PromptPair("Another?").to_yaml())
    assert "[-Second-]{+Another+}?" in blpo("diff", log, second, "--sample", "two", code=1).stdout
    twice = make_log(epochs=2, one=PromptPair("First?").to_yaml())
    assert "one (epoch 1), one (epoch 2); choose one by --epoch N" in blpo("export", twice, code=2).stderr
    assert "First?" in blpo("export", twice, "--epoch", 2).stdout


def test_a_log_without_a_pair_says_what_it_holds(make_log: MakeLog) -> None:
    error = blpo("export", make_log(one="fail", two="judge: x"), code=2).stderr
    assert "no prompt pair in it" in error and "It holds 2 samples of the task blpo with scripted/m" in error
    assert "1 failed, the first with: RuntimeError('the optimizer gave up" in error
    assert error.count("\n") == 1


def test_a_damaged_pair_in_a_log_names_the_log_and_the_sample(make_log: MakeLog) -> None:
    log = make_log(one=PAIR.to_yaml().replace("/1\n", "/9\n"))
    error = blpo("export", log, code=2).stderr
    assert f"{log}, sample one, line 1: format: " in error and "newer version" in error


@pytest.mark.parametrize(
    "args",
    [
        ["show"],
        ["show", "absent.yaml"],
        ["show", "PAIR", "--sample", "one"],
        ["diff", "PAIR", "absent.yaml"],
        ["diff", "PAIR", "PAIR", "--epoch", "1"],
        ["diff", "BROKEN", "PAIR"],
        ["export", "PAIR"],
        ["export", "BROKEN"],
        ["show", "BROKEN"],
        ["unknown"],
    ],
)
def test_misuse_exits_with_2(args: list[str], pair: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.eval"
    broken.write_bytes(b"PK no log")
    result = blpo(*({"PAIR": pair, "BROKEN": broken}.get(arg, arg) for arg in args), code=2)
    assert "Error: " in result.stderr and "Traceback" not in result.output


def test_diff(pair: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    changed = PAIR.judge.replace("image safe", "drawing safe").replace("twice", "once more")
    PromptPair(changed, PAIR.i2t, SCALE).save(other)
    assert blpo("diff", pair, other, code=1).stdout.splitlines() == [
        f"--- {pair}",
        f"+++ {other}",
        "@@ judge prompt @@",
        "Is this [-image-]{+drawing+} safe or unsafe?",
        "Look [-twice-]{+once more+}.",
    ]
    assert blpo("diff", pair, pair).stdout == ""


def test_diff_of_scales(pair: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    PromptPair(PAIR.judge, PAIR.i2t, LabelScale("unordered", ("safe", "harmful"))).save(other)
    out = blpo("diff", pair, other, code=1).stdout.splitlines()
    assert out[2:] == ["@@ scale @@", "unordered: safe, [-unsafe-]{+harmful+}"]


def test_diff_with_the_start(pair: Path, tmp_path: Path) -> None:
    out = blpo("diff", pair, code=1).stdout.splitlines()
    assert out[:2] == [f"--- {pair} (start)", f"+++ {pair}"]
    assert out[2:] == [
        "@@ judge prompt @@",
        "Is this image safe{+ or unsafe+}?{+↵+}",
        "{+Look twice.+}",
        "@@ I2T prompt @@",
        "[-Describe it-]{+List every shape+}.",
    ]
    none = tmp_path / "none.yaml"
    PromptPair("x").save(none)
    assert "nothing about the prompts it started from" in blpo("diff", none, code=2).stderr
    PromptPair("x", provenance={"start": {"judge": " x\n"}}).save(none)
    assert blpo("diff", none).stdout == ""


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_on_a_terminal_only(pair: Path, no_color: str, coloured: bool) -> None:
    leader, follower = pty.openpty()
    env = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    code = "from blpo_inspect.cli import main; main(prog_name='blpo')"
    command = [sys.executable, "-c", code, "prompts", "diff", str(pair)]
    done = subprocess.run(command, stdout=follower, env=env, timeout=60, check=False)
    os.close(follower)
    out = os.read(leader, 100_000).decode()
    os.close(leader)
    assert done.returncode == 1
    assert ("\x1b[32m{+ or unsafe+}\x1b[0m" in out) == coloured
    assert ("\x1b" in out) == coloured
    assert "{+ or unsafe+}" in out


texts = st.lists(st.sampled_from(["a", "b", " ", "  ", "\n", ".", "it", "-", "\t"]), max_size=30).map("".join)


@given(texts, texts)
def test_a_word_diff_holds_both_texts(old: str, new: str) -> None:
    pieces = word_diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == new
    assert all(piece.kind == "same" for piece in pieces) == (old == new)
    assert any(line is not None for line in diff_lines(pieces)) == (old != new)


def test_lines_far_from_a_change_are_left_out() -> None:
    old = [f"line {n}" for n in range(30)]
    new = [*old[:10], "other", *old[11:]]
    lines = list(diff_lines(word_diff("\n".join(old), "\n".join(new)), context=2))
    assert lines[0] is None and lines[-1] is None
    assert [line[0].text for line in lines[1:-1] if line][:2] == ["line 8", "line 9"]
    assert len(lines) == 7
    assert Piece("added", "other") in (lines[3] or [])


def test_long_prompts_are_compared_at_once() -> None:
    words = ["the", "image", "is", "safe", "if", "no", "large", "red", "shape", ",", "touches", "a", "blue", "one"]
    old, new = (" ".join(words[n * step % len(words)] + str(n % 40) for n in range(3000)) for step in (1, 5))
    began = time.process_time()
    word_diff(old, new)
    assert time.process_time() - began < 10


def test_help_is_at_hand_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from blpo_inspect.cli import main; main(['--help'], standalone_mode=False); "
        "print('LOADED', [m for m in ('torch', 'transformers', 'sklearn', 'scipy', 'numpy', 'inspect_ai', 'yaml')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "LOADED []" in done.stdout
    assert "cache" in done.stdout and "prompts" in done.stdout


@pytest.mark.parametrize(("command", "said"), [("show", "0 fine; 2"), ("diff", "0 the same; 1 different; 2")])
def test_every_command_states_its_exit_codes(command: str, said: str) -> None:
    assert f"Exit codes: {said}" in " ".join(blpo(command, "--help").stdout.split())


def test_a_map_is_shown_and_compared(tmp_path: Path) -> None:
    scale = LabelScale("ordinal", ("1", "2", "3"))
    figures = {"accuracy": 0.5}
    raw = {"before": figures, "after": figures | {"n": 10}}
    test = {"n": 10, "before": figures, "after": {"accuracy": 0.9}, "ceiling": {"accuracy": 0.8}, "raw": raw}
    provenance = {"start": {"judge": "Rate it.", "i2t": "Describe it."}, "map": "kept, for reasons", "test": test}
    plain, mapped = tmp_path / "plain.yaml", tmp_path / "mapped.yaml"
    PromptPair("Rate it.", "Describe it.", scale).save(plain)
    PromptPair("Rate it.", "Describe it.", scale, provenance, {"1": "1", "2": "1", "3": "3"}).save(mapped)
    shown = blpo("show", mapped).stdout
    assert "map of labels: 1 → 1, 2 → 1, 3 → 3" in shown and "map: kept, for reasons" in shown
    assert ["accuracy,", "without", "map", "0.500", "0.500"] in rows(shown)
    assert "test, n 10:" in shown and "n, without map" not in shown
    assert json.loads(blpo("show", mapped, "--json").stdout)["map"] == {"1": "1", "2": "1", "3": "3"}
    assert "map" not in json.loads(blpo("show", plain, "--json").stdout)
    for pairs in ([mapped], [plain, mapped]):
        changed = blpo("diff", *pairs, code=1).stdout
        assert "@@ map of labels @@" in changed and "judge prompt" not in changed
    assert blpo("diff", mapped, mapped).stdout == ""
