"""The model calls of one optimization run: made through the cache, counted by role, kept within a budget.

A call counts whether it is made or replayed from disk, so that a budget means the same on every machine and in every
rerun; which of the two it was is counted beside.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage

from blpo_inspect._util.inspect_internals import usage_cost
from blpo_inspect.cache.cache_info import note
from blpo_inspect.cache.memo import CachedAPI, memoized


class BudgetSpentError(Exception):
    """The next calls would exceed ``max_calls``; the run ends with the best pair so far."""


@dataclass
class Use:
    """Calls, tokens and cost of one role in one run.

    Attributes:
        made: Calls that a model answered.
        replayed: Calls that were answered from disk.
        input_tokens: Tokens read, of both kinds of calls together.
        output_tokens: Tokens written.
        cost_made: Dollars for the calls made; None where the price or the usage is not known.
        cost_replayed: Dollars that the replayed calls would have cost.
    """

    made: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_made: float | None = 0.0
    cost_replayed: float | None = 0.0

    @property
    def calls(self) -> int:
        """Calls of both kinds."""
        return self.made + self.replayed


@dataclass
class Calls:
    """The models of a run by role, with counts of their calls.

    Attributes:
        models: By role (judge, i2t, optimizer), as `blpo_inspect.cache.memo.memoized` makes them.
        configs: Generation settings of each role.
        max_calls: The budget; None: unlimited.
        uses: Counts so far, by role.
        started: Calls reserved so far.
        on_call: Called after every call, for progress.
    """

    models: dict[str, Model]
    configs: dict[str, GenerateConfig]
    max_calls: int | None = None
    uses: dict[str, Use] = field(default_factory=dict)
    started: int = 0
    on_call: Callable[[], None] = lambda: None
    _answered_by: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.models = {role: memoized(model, role=role) for role, model in self.models.items()}
        self.uses = {role: Use() for role in self.models}

    def reserve(self, number: int) -> None:
        """Reserve calls before the first of them is made: a batch is asked whole or not at all.

        Raises:
            BudgetSpentError: They would exceed the budget.
        """
        if self.max_calls is not None and self.started + number > self.max_calls:
            raise BudgetSpentError(f"max_calls={self.max_calls}: {number} more after {self.started} would exceed it")
        self.started += number

    async def ask(self, role: str, messages: list[ChatMessage], *, seed: int | None = None) -> ModelOutput:
        """Make one call that was reserved before; a seed tells samples of the same request apart."""
        model = self.models[role]
        config = self.configs.get(role, GenerateConfig())
        if seed is not None:
            config = config.merge(GenerateConfig(seed=seed))
        output = await model.generate(messages, config=config)
        self._count(self.uses[role], model, output)
        self._answered_by.setdefault(role, set()).add(json.dumps(_identity(model, output), sort_keys=True))
        self.on_call()
        return output

    def identities(self) -> dict[str, Any]:
        """Which model answered, by role: provider, name, revision and versions as far as they are known.

        A list where the answers of one role came from more than one, as recorded answers may.
        """
        models = {role: [json.loads(model) for model in sorted(seen)] for role, seen in self._answered_by.items()}
        return {role: seen[0] if len(seen) == 1 else seen for role, seen in sorted(models.items())}

    def by_role(self) -> dict[str, int]:
        """Calls of both kinds so far."""
        return {role: use.calls for role, use in self.uses.items()}

    @property
    def made(self) -> int:
        """Calls that a model answered."""
        return sum(use.made for use in self.uses.values())

    @property
    def replayed(self) -> int:
        """Calls that were answered from disk."""
        return sum(use.replayed for use in self.uses.values())

    def _count(self, use: Use, model: Model, output: ModelOutput) -> None:
        noted = note(output.metadata)
        usage = ModelUsage(**noted.usage) if noted.usage else output.usage
        cost = usage_cost(model, usage) if usage else None
        if noted.hit:
            use.replayed += 1
            use.cost_replayed = _sum(use.cost_replayed, cost)
        else:
            use.made += 1
            use.cost_made = _sum(use.cost_made, cost)
        if usage:
            use.input_tokens += usage.input_tokens
            use.output_tokens += usage.output_tokens


def _identity(model: Model, output: ModelOutput) -> dict[str, Any]:
    api = cast(CachedAPI, model.api)
    # a folder's place on this machine says nothing about the model
    name = Path(api.target.name).name if api.target.name.startswith("/") else api.target.name
    known = {"provider": api.target.provider, "name": name, **api.answering()}
    # what an answer says about its model also holds when it is replayed without that model
    known |= (output.metadata or {}).get("checkpoint", {})
    return known if output.model in ("", api.target.name) else {**known, "model": output.model}


def _sum(total: float | None, cost: float | None) -> float | None:
    return None if total is None or cost is None else total + cost
