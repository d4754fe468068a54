"""``jury/<file>``: several judges as one Inspect model, wherever a model is taken.

Each judge's calls are recorded and replayed as any other; the jury's own answer is put together anew each time, so that
a changed weight or threshold asks nobody again.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelOutput,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from blpo_inspect._util.inspect_internals import PrerequisiteError, collect, provider_package
from blpo_inspect._util.plain_error import PlainError, reason_of
from blpo_inspect.cache.cache_info import Note, note
from blpo_inspect.cache.memo import CachedAPI, memoized
from blpo_inspect.cache.model_identity import Target
from blpo_inspect.judging.answer_mode import REQUEST, Answer, checked
from blpo_inspect.judging.answer_parser import Verdict
from blpo_inspect.judging.asking import ask
from blpo_inspect.judging.combining import label_of, shares, together
from blpo_inspect.judging.jury_file import JuryFile, Member, read_jury
from blpo_inspect.judging.likelihood import LABEL_LOGPROBS
from blpo_inspect.judging.outputs import JURY, whole_verdict
from blpo_inspect.judging.samples import images_of
from blpo_inspect.judging.structured import CONSTRAINED

LEFT = "left to a person"
"""How the reason begins where no judge of a cascade was sure enough."""

_TEXT = re.compile(r"<text>(.*?)</text>", re.DOTALL)


@modelapi(name="jury")
def jury() -> type[ModelAPI]:
    """Several judges as one model, from a jury file."""
    return JuryAPI


class JuryError(PlainError):
    """A request that a jury cannot put to its judges; says why."""


@dataclass(frozen=True)
class Opinion:
    """What a judge of a jury said.

    Attributes:
        member: The judge.
        verdict: What it said, with the probabilities of its labels.
        output: Its output.
    """

    member: Member
    verdict: Verdict
    output: ModelOutput

    @property
    def probability(self) -> float:
        """How sure it is: the highest probability of a label; 0 where it was not read or gives none."""
        if self.verdict.label is None or not self.verdict.probabilities:
            return 0.0
        return max(self.verdict.probabilities.values())

    @property
    def decides(self) -> bool:
        """Whether it is the last that a cascade asks."""
        return self.member.sure is None or (self.verdict.label is not None and self.probability >= self.member.sure)

    def facts(self) -> dict[str, Any]:
        """For the metadata of the jury's output."""
        known = {
            "model": self.member.model,
            "label": self.verdict.label,
            "reason": self.verdict.reason,
            "probability": self.probability or None,
            "metadata": self.output.metadata,
            "usage": self.output.usage and self.output.usage.model_dump(mode="json", exclude_none=True),
        }
        return {name: value for name, value in known.items() if value is not None}


class JuryAPI(ModelAPI):
    """Inspect's view of a jury. An instance stays with the file as it was when it was made.

    The output is the label, with the share of votes of each label as its probability (of a cascade, the probabilities
    of the judge that decides). Where no judge could be read, or none of a cascade was sure enough, it has no label.
    ``metadata["blpo_jury"]`` says why, and what each judge said. Inspect counts the usage of each judge; the output has
    none, or all would be counted twice.

    Args:
        model_name: The jury file.
        base_url: Not used.
        api_key: Not used.
        config: Default generation settings; members without prompts of their own inherit them as all settings.
        **model_args: None.

    Raises:
        PrerequisiteError: A file that cannot be used, or a model in it that cannot be made.
    """

    answers_labels = True
    asks_recorded = True

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        if model_args:
            raise PrerequisiteError(f"jury/{model_name}: has no arguments, but {', '.join(model_args)} was given")
        self.target = Target("jury", model_name)
        self.file: JuryFile = read_jury(Path(model_name))
        self._models = [_model(member, f"{model_name}: judges[{k}]") for k, member in enumerate(self.file.members)]
        self._identity: dict[str, Any] | None = None

    def identity(self) -> dict[str, Any]:
        """Which jury this is: how it decides, and each judge with its prompt; ``checkpoint`` of its outputs."""
        if self._identity is None:
            judges = []
            for member, model in zip(self.file.members, self._models, strict=True):
                assert isinstance(model.api, CachedAPI)
                pair = member.question.pair if member.question else None
                known = {
                    **model.api.identified(),
                    "prompts": pair and pair.digest,
                    "answer": member.question.answer if member.question else member.answer,
                    "sure": member.sure,
                }
                judges.append({name: value for name, value in known.items() if value is not None})
            self._identity = {"kind": self.file.kind, "scale": self.file.scale.to_dict(), "judges": judges}
            if (weights := self.file.weights) is not None:
                self._identity["weights"] = asdict(weights)
        return dict(self._identity)

    def answering(self) -> dict[str, Any]:
        """Nothing beyond what each output says."""
        return {}

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """The label that the judges give together.

        Raises:
            JuryError: Tools; or a judge with a prompt of its own, and no picture, or not the text that it needs.
        """
        if tools:
            raise JuryError(f"jury/{self.model_name}: a jury has no tools")
        identity = await anyio.to_thread.run_sync(self.identity)
        wanted = (config.extra_body or {}).get(REQUEST)
        answer = checked(str(wanted["kind"])) if isinstance(wanted, dict) else "text"
        body = {name: value for name, value in (config.extra_body or {}).items() if name != REQUEST}
        # a system message is among the messages already, and each judge has connections of its own
        asked = config.model_copy(update={"extra_body": body or None, "system_message": None, "max_connections": None})
        put = [partial(self._put, k, input, asked, answer) for k in range(len(self._models))]
        if self.file.kind == "cascade":
            opinions: list[Opinion] = []
            for ask_next in put:
                opinions.append(await ask_next())
                if opinions[-1].decides:
                    break
            label, reason, probabilities = _of_cascade(opinions)
        else:
            opinions = await collect(put)
            label, reason, probabilities = self._of_all(opinions)
        output = ModelOutput.from_content(self.model_name, label if label is not None else str(reason))
        facts = {"kind": self.file.kind, "label": label, "reason": reason, "judges": [one.facts() for one in opinions]}
        metadata: dict[str, Any] = {JURY: facts, "checkpoint": identity}
        if probabilities:
            logs = {name: math.log(share) if share > 0 else None for name, share in probabilities.items()}
            metadata[LABEL_LOGPROBS] = logs
        if answer == "structured":
            metadata[CONSTRAINED] = True
        hit = all(note(one.output.metadata).hit for one in opinions)
        output.metadata = Note(hit=hit).added_to(metadata)
        return output

    def max_connections(self) -> int:
        """As many as the judge that takes most."""
        return max(model.api.max_connections() for model in self._models)

    def connection_key(self) -> str:
        """One pool per file."""
        return self.model_name

    async def aclose(self) -> None:
        """Close the judges."""
        for model in self._models:
            await model.api.aclose()

    async def _put(self, place: int, input: list[ChatMessage], config: GenerateConfig, answer: Answer) -> Opinion:
        member, model = self.file.members[place], self._models[place]
        if member.question is None:
            _, output = await ask(model, input, self.file.scale, member.answer or answer, config=config)
        else:
            where = f"jury/{self.model_name}: {member.model} has a prompt of its own"
            images = next((shown for message in reversed(input) if (shown := images_of([message]))), [])
            if not images:
                raise JuryError(f"{where}, which is put to the pictures of a request, and there is none")
            text = _text(input, where) if member.question.needs_text else _text(input, None)
            _, output = await member.question.put(model, images, text, config)
        return Opinion(member, whole_verdict(output, self.file.scale), output)

    def _of_all(self, opinions: Sequence[Opinion]) -> "_Together":
        file, said = self.file, [opinion.verdict.label for opinion in opinions]
        value = together(said, file.scale, file.way, file.weights)
        if value is None:
            reasons = "; ".join(f"{one.member.model}: {one.verdict.reason}" for one in opinions)
            return None, f"no judge's reply could be read ({reasons})", None
        return label_of(value, file.scale, said), None, shares(said, file.scale, file.way, file.weights)


_Together = tuple[str | None, str | None, dict[str, float] | None]
"""A label or the reason why there is none, and probabilities."""


def _of_cascade(opinions: Sequence[Opinion]) -> _Together:
    last = opinions[-1]
    if not last.decides:
        said = (f"{one.member.model}: {one.verdict.label or 'unread'} {one.probability:.2f}" for one in opinions)
        return None, f"{LEFT}: no judge was sure enough ({', '.join(said)})", None
    if last.verdict.label is None:
        return None, f"{LEFT}: {last.member.model}: {last.verdict.reason}", None
    probabilities = last.verdict.probabilities
    return last.verdict.label, None, None if probabilities is None else dict(probabilities)


def _model(member: Member, where: str) -> Model:
    provider = member.model.partition("/")[0]
    if provider_package(provider) is None:
        raise PrerequisiteError(f"{where}: {member.model}: no such provider of models: {provider}")
    try:
        # made when a call of it is not recorded
        model = get_model(f"cached/{member.model}", base_url=member.base_url, memoize=False, **member.args)
    except Exception as error:  # providers raise what they like when they are made
        raise PrerequisiteError(f"{where}: {member.model}: {reason_of(error)}") from error
    return memoized(model, role="judge")


def _text(input: Sequence[ChatMessage], needed_by: str | None) -> str | None:
    """The text that `asking.judge_message` fenced in a request; None where there is none.

    Raises:
        JuryError: A judge needs it, and there is none; or several differ.
    """
    found = {text for message in input if message.role == "user" for text in _TEXT.findall(message.text)}
    if len(found) > 1 or (needed_by is not None and not found):
        what = "several texts between <text> and </text>" if found else "no text between <text> and </text>"
        raise JuryError(f"{needed_by or 'jury'}, which is put to the text of a request, and there is {what}")
    return next(iter(found), None)
