"""Private parts of Inspect: each exists and does what the package needs of it, and only one module touches them."""

import ast
import asyncio
import base64
import importlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest
from inspect_ai import Task
from inspect_ai._util.registry import set_registry_info
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import registry_info
from tenacity import RetryError
from tenacity.wait import WaitBaseT, wait_none

SOURCE = Path(__file__).parents[2] / "src" / "blpo_inspect"
INTERNALS = SOURCE / "_util" / "inspect_internals.py"


def changed(what: str) -> str:
    """What a failure says."""
    return f"Inspect {version('inspect-ai')} changed: {what}. Mend blpo_inspect/_util/inspect_internals.py."


def private_imports(file: Path) -> Iterator[tuple[str, str]]:
    """Module and name of every import from a private module of Inspect, or of a private name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "inspect_ai":
            for item in node.names:
                if any(part.startswith("_") for part in [*(node.module or "").split("."), item.name]):
                    yield node.module or "", item.name
        elif isinstance(node, ast.Import):
            yield from ((item.name, "") for item in node.names if item.name.startswith("inspect_ai._"))


@pytest.mark.parametrize(("module", "name"), sorted(private_imports(INTERNALS)))
def test_every_part_exists(module: str, name: str) -> None:
    try:
        found = importlib.import_module(module)
    except ImportError:
        pytest.fail(changed(f"the module {module} is gone"))
    assert hasattr(found, name), changed(f"{module} has no {name}")


def test_no_other_module_touches_them() -> None:
    others = {str(file.relative_to(SOURCE)): list(private_imports(file)) for file in SOURCE.rglob("*.py")}
    assert {file for file, imports in others.items() if imports} == {"_util/inspect_internals.py"}


class Arranging(ModelAPI):
    """A provider that wants a user's messages as one, and says what it was asked."""

    def collapse_user_messages(self) -> bool:
        return True

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        return ModelOutput.from_content(self.model_name, "safe")


def test_a_request_is_arranged_for_its_provider() -> None:
    from blpo_inspect._util.inspect_internals import prepared_input

    twice: list[ChatMessage] = [ChatMessageUser(content="a"), ChatMessageUser(content="b")]
    arranged = prepared_input(Arranging("x"), twice, [], "auto", GenerateConfig())
    input, tools, choice = asyncio.run(arranged)
    assert [message.text for message in input] == ["a\nb"], changed("Model._prepare_input arranges messages otherwise")
    assert (tools, choice) == ([], "none"), changed("Model._prepare_input adds tools")


def test_a_scorer_has_the_metrics_that_it_was_given_and_others_keep_theirs() -> None:
    from inspect_ai.scorer import Scorer, match, mean, scorer
    from inspect_ai.scorer._scorer import scorer_metrics

    from blpo_inspect._util.inspect_internals import with_metrics

    @scorer(metrics={"*": [mean()]})
    def several() -> Scorer:
        return match()

    given = with_metrics(several(), {"a": [mean()]})
    assert list(scorer_metrics(given)) == ["a"], changed("a scorer's metrics are kept elsewhere")
    assert list(scorer_metrics(several())) == ["*"], changed("scorers of one kind share their metrics")


def test_functions_run_side_by_side_in_order() -> None:
    from blpo_inspect._util.inspect_internals import collect

    async def both() -> list[int]:
        second = asyncio.Event()

        async def first() -> int:
            await second.wait()  # never comes if they run one after the other
            return 1

        async def other() -> int:
            second.set()
            return 2

        return await asyncio.wait_for(collect([first, other]), 5)

    async def fails() -> int:
        raise KeyError("bare")

    assert asyncio.run(both()) == [1, 2], changed("tg_collect gives no list in the order of its functions")
    with pytest.raises(KeyError):
        asyncio.run(collect([fails]))


def test_the_epoch_is_one_outside_of_samples() -> None:
    from inspect_ai.model._cache import epoch

    from blpo_inspect._util.inspect_internals import current_epoch

    assert current_epoch() == 1
    token = epoch.set(3)
    try:
        assert current_epoch() == 3, changed("the epoch of a sample is kept elsewhere")
    finally:
        epoch.reset(token)


def test_a_hit_is_told() -> None:
    import contextvars

    from inspect_ai.util import _concurrency

    from blpo_inspect._util.inspect_internals import mark_cache_hit

    def told() -> object:
        mark_cache_hit()
        return _concurrency._request_was_cache_hit.get()

    source = Path(str(_concurrency.__file__)).parents[1] / "model" / "_model.py"
    assert contextvars.copy_context().run(told) is True
    assert "_request_was_cache_hit.get()" in source.read_text(), changed("no one reads that a call was a cache hit")


def test_a_model_gets_anothers_identity() -> None:
    from blpo_inspect._util.inspect_internals import copy_identity

    source = get_model("mockllm/model", role="judge", base_url="https://example.org", memoize=False)
    copy = Model(Arranging("x"), GenerateConfig())
    copy_identity(source, copy)
    assert copy.role == source.role, changed("Model._role is not its role")
    assert copy.explicit_base_url == "https://example.org", changed("Model._explicit_base_url is not its address")
    assert registry_info(copy.api) == registry_info(source.api), changed("set_registry_info registers otherwise")


def test_settings_of_a_call() -> None:
    from blpo_inspect._util.inspect_internals import resolved_config

    model = get_model("mockllm/model", config=GenerateConfig(top_logprobs=5), memoize=False)
    assert resolved_config(model).top_logprobs == 5, changed("Model._resolve_config loses a model's settings")


class Failing(ModelAPI):
    """A provider that is always worth another try, at once."""

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        raise ConnectionError(f"timeout of {config.attempt_timeout} s")

    def should_retry(self, ex: Exception) -> bool:
        return isinstance(ex, ConnectionError)

    def retry_wait(self) -> WaitBaseT:
        return wait_none()


def test_a_model_has_the_last_word_and_hears_of_retries() -> None:
    from blpo_inspect._util.inspect_internals import SettledModel

    heard: list[str] = []

    class Twice(SettledModel):
        def settled(self, config: GenerateConfig, evaluation: GenerateConfig) -> GenerateConfig:
            assert evaluation.attempt_timeout is None
            return config.model_copy(update={"max_retries": 2, "attempt_timeout": config.attempt_timeout or 9})

        async def before_retry(self, ex: BaseException) -> None:
            heard.append(str(ex))
            await super().before_retry(ex)

    model = Twice(Failing("x"), GenerateConfig())
    set_registry_info(cast(Any, model.api), registry_info(get_model("mockllm/model").api))
    with pytest.raises(RetryError) as caught:
        asyncio.run(model.generate("a"))
    assert caught.value.last_attempt.attempt_number == 3, changed("Model._resolve_config decides no more on retries")
    assert heard == ["timeout of 9 s"] * 2, changed("Model.before_retry is not called before each retry")


def test_a_run_knows_itself(tmp_path: Path) -> None:
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import get_model
    from inspect_ai.model._model import init_active_model

    from blpo_inspect._util.inspect_internals import current_run, evaluating

    seen: list[tuple[str, bool] | None] = []

    @solver
    def looking() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            assert evaluating(), changed("there is no active model in a run")
            seen.append(current_run())
            return state

        return solve

    for options in ({}, {"fail_on_error": False}):
        task = Task(dataset=[Sample(input="a"), Sample(input="b")], solver=looking())
        [log] = inspect_eval(task, model="none/none", log_dir=str(tmp_path), display="none", **cast(Any, options))
        assert log.status == "success", log.error
    first, second, third, fourth = (run or ("", None) for run in seen)
    assert first == second != third == fourth, changed("samples of a run do not know which it is")
    assert (first[1], third[1]) == (True, False), changed("samples do not know whether an error ends their run")
    assert current_run() is None
    init_active_model(get_model("none/none"), GenerateConfig())  # as an evaluation that was called here leaves it
    assert not evaluating()


def test_cost_of_a_call() -> None:
    from inspect_ai.model import ModelCost, ModelInfo, set_model_info
    from inspect_ai.model._model_info import clear_model_info_cache

    from blpo_inspect._util.inspect_internals import usage_cost

    usage = ModelUsage(input_tokens=1_000_000, output_tokens=500_000, total_tokens=1_500_000)
    model = get_model("mockllm/priced", memoize=False)
    assert usage_cost(model, usage) is None, changed("a model without a price costs something")
    cost = ModelCost(input=2.0, output=4.0, input_cache_write=0, input_cache_read=0)
    set_model_info("mockllm/priced", ModelInfo(cost=cost))
    try:
        assert usage_cost(model, usage) == 4.0, changed("prices are not per million tokens")
    finally:
        clear_model_info_cache()


def test_providers_and_tasks_are_found_by_name(tmp_path: Path) -> None:
    import blpo_inspect._registry  # noqa: F401  # registers
    from blpo_inspect._util.inspect_internals import (
        make_task,
        provider_package,
        register_file_tasks,
        registered_task,
        task_folder,
    )

    assert provider_package("mockllm") == "inspect_ai", changed("providers are registered otherwise")
    assert provider_package("hf-vlm") == "blpo_inspect"
    assert provider_package("nobody") is None
    assert registered_task("blpo_inspect/folder") is not None, changed("tasks of packages are registered otherwise")
    assert registered_task("nobody/nothing") is None
    file = tmp_path / "mine.py"
    file.write_text(
        "from inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n"
        "@task\ndef own(name: str = 'a') -> Task:\n    return Task(dataset=[Sample(input=name)])\n"
    )
    register_file_tasks(file)
    assert registered_task("own") is not None, changed("load_file_tasks registers nothing")
    task = make_task(f"{file}@own", {"name": "b"})
    assert isinstance(task, Task)
    assert [sample.input for sample in task.dataset] == ["b"], changed("load_task_spec drops arguments")
    assert Path(task_folder(task)).resolve() == tmp_path.resolve(), changed("a task does not know its file's folder")


def test_files_and_attachments(tmp_path: Path) -> None:
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import ContentImage

    from blpo_inspect._util.inspect_internals import attachment_name, filesystem

    (tmp_path / "a.eval").touch()
    [listed] = filesystem(str(tmp_path)).ls(str(tmp_path))
    assert Path(listed.name).name == "a.eval", changed("a file system lists otherwise")
    assert listed.type == "file"
    image = "data:image/png;base64," + base64.b64encode(b"any bytes, long enough to be kept apart").decode() * 5
    sample = Sample(input=[ChatMessageUser(content=[ContentImage(image=image)])])
    output = ModelOutput.from_content("mockllm/model", "safe")
    output.usage = ModelUsage()  # without it, its tokens are counted by what a download brings
    model = get_model("mockllm/model", custom_outputs=[output], memoize=False)
    [log] = inspect_eval(Task(dataset=[sample]), model=model, log_dir=str(tmp_path / "logs"), display="none")
    assert log.samples
    assert attachment_name(image) in log.samples[0].attachments, changed("attachments of a log have other names")


def test_lines_for_people_go_to_the_active_display(monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai._display.core.active import display

    from blpo_inspect._util.inspect_internals import PrerequisiteError, say

    lines: list[str] = []
    monkeypatch.setattr(display(), "print", lines.append)
    say("a line")
    assert lines == ["a line"], changed("the active display prints otherwise")
    assert str(PrerequisiteError("no such file")) == "no such file", changed("PrerequisiteError has another text")


@pytest.mark.parametrize("command", ["eval", "eval-set"])
def test_task_arguments_are_known_as_they_were_typed(command: str) -> None:
    from inspect_ai._cli.main import inspect

    from blpo_inspect._util.inspect_internals import typed_task_arguments

    assert typed_task_arguments() == {}
    found = inspect.commands[command].make_context(command, ["a.py", "-T", "a-b=c # d", "-T", "e=f=g"])
    with found:
        assert typed_task_arguments() == {"a_b": "c # d", "e": "f=g"}, changed("the option -T has another name")
