"""Model calls that are answered from the store when it knows them, and recorded when it does not.

`memoized` wraps a model that exists; the ``cached/…`` provider (`cached_provider`) wraps one that is only
named. Both make the same keys, so they share entries. A hit needs no provider, counts no usage, and
gives the recorded answer unchanged; ``output.metadata["blpo_cache"]`` says where an answer is from (`cache_info`).
"""

import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast, get_args

import anyio
import anyio.to_thread
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    RetryDecision,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from blpo_inspect._util.inspect_internals import PrerequisiteError, mark_cache_hit, provider_package
from blpo_inspect._util.plain_error import PlainError, alone
from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect._util.waiting import wait_for
from blpo_inspect.cache.cache_info import Note
from blpo_inspect.cache.entry import Entry, canonical, key_of
from blpo_inspect.cache.lazy import Answer, LazyAPI
from blpo_inspect.cache.misses import UnknownIdentityError, miss, which_model
from blpo_inspect.cache.model_identity import Target, fits, identity
from blpo_inspect.cache.patience import LOCAL_PROVIDERS, PatientModel, target_of
from blpo_inspect.cache.request import canonical_request
from blpo_inspect.cache.single_flight import Flights
from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.cache.store_errors import CorruptEntryError, StoreError
from blpo_inspect.cache.unanswered import is_lasting, unanswered

CacheMode = Literal["readwrite", "offline", "refresh", "off"]
"""``readwrite`` asks what is not recorded; ``offline`` fails there instead; ``refresh`` asks everything
once more in this process and records the new answers; ``off`` leaves the store alone."""

EMPTY_ANSWER_WAITS = (0.0, 0.5)
"""Seconds before each further try where a remote server sent an empty text; a model in this process may mean it."""

logger = logging.getLogger(__name__)


def cache_mode(given: str | None = None) -> CacheMode:
    """The mode in force: the argument, else ``BLPO_CACHE``, else ``readwrite``.

    Raises:
        ValueError: No such mode.
    """
    mode = given or os.environ.get("BLPO_CACHE") or "readwrite"
    if mode not in get_args(CacheMode):
        source = f"cache={given}" if given else f"BLPO_CACHE={mode}"
        raise ValueError(f"{source}: no such mode; use one of {', '.join(get_args(CacheMode))}")
    return cast(CacheMode, mode)


def memoized(model: Model, role: str | None = None) -> Model:
    """The same model, answering from the store what it knows, and whose calls end (`patience`).

    Name, settings, role and connection limits stay; as the active model it still takes the task's
    settings. A model that is memoized already is returned as it is. A provider that asks other models, whose calls are
    recorded, says so by a true attribute ``asks_recorded``, and its own calls are not.

    Args:
        model: Any Inspect model.
        role: What it is asked as, for the statistics; default: the model's role.
    """
    if isinstance(model, PatientModel):
        return model
    role = role or model.role
    # a copied model carries its original's wrappers along
    wrappers: dict[str | None, PatientModel] = {
        known: wrapper for known, wrapper in vars(model).get("_blpo_memoized", {}).items() if wrapper.original is model
    }
    if role not in wrappers:
        recorded = isinstance(model.api, CachedAPI) or getattr(model.api, "asks_recorded", False)
        wrappers[role] = PatientModel(model, None if recorded else _over(model, role))
        vars(model)["_blpo_memoized"] = wrappers
    return wrappers[role]


def is_recorded(model: str) -> bool:
    """Whether calls of ``provider/name`` are recorded, which may be replayed although the model is not here."""
    folder = default_folder()
    try:
        return bool(_stores.setdefault(folder, Store(folder)).identities(model))
    except StoreError:
        return True  # its calls will say what is wrong with the store


class CachedAPI(LazyAPI):
    """A provider whose calls pass the store.

    Keys are made from messages as they are asked: a hit needs no inner provider.

    Args:
        target: Which model.
        create: Makes the inner provider; called once, at the first need.
        inner: The inner provider, if it exists.
        mode: A `CacheMode`; default: ``BLPO_CACHE`` at the time of each call.
        role: For the statistics.
        model_name: As the model should call itself; default: the target's.

    Raises:
        ValueError: No such mode.
    """

    def __init__(
        self,
        target: Target,
        create: Callable[[], ModelAPI],
        *,
        inner: ModelAPI | None = None,
        mode: str | None = None,
        role: str | None = None,
        model_name: str | None = None,
    ) -> None:
        super().__init__(target, create, inner=inner, model_name=model_name)
        self.mode = mode
        self.role = role
        self._identity: dict[str, Any] | None = None
        self._borrowed: dict[Path, tuple[dict[str, Any], Exception]] = {}
        if mode is not None:
            cache_mode(mode)

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> Answer:
        """The recorded answer, else the inner provider's, which is then recorded.

        Only whole answers are recorded, and that there is none to a request (`unanswered`): no exceptions, no outputs
        with another error or without an answer. An empty text from a remote server is asked for again
        (`EMPTY_ANSWER_WAITS`), and is not recorded if it stays. Where the store cannot be used, a warning says so once
        and calls go on uncached.

        Raises:
            CacheMissError: Offline, and nothing is recorded.
            StoreError: Offline, and the store cannot be read.
            UnknownIdentityError: Without weights, and the recorded calls are of several models.
        """
        try:
            return await self._answer(input, tools, tool_choice, config)
        except (PlainError, PrerequisiteError) as error:
            alone(error)

    async def _answer(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> Answer:
        mode = cache_mode(self.mode)
        ask: Callable[[], Awaitable[Answer]] = partial(self._ask, input, tools, tool_choice, config)
        if mode == "off":
            return await ask()
        folder = default_folder()
        # looking at an unknown store or at weights may take long; afterwards this is a dictionary
        store = _stores.get(folder) or await anyio.to_thread.run_sync(_open, folder, mode)
        identified = self._known_identity(store, mode)
        if identified is None:
            identified = await anyio.to_thread.run_sync(self._identify, store, mode)
        known, problem = identified
        request = canonical_request(known, input, tools, tool_choice, config)
        key = key_of(request)
        while True:
            landed = _flights.landed
            # a read of 0.1 ms on the loop: a thread's hand-over would cost more
            if (entry := _recorded(store, key, mode)) is not None:
                return self._replay(entry, store)
            if mode == "offline":
                raise miss(self.target, key, request, store)
            if problem is not None:
                raise problem  # the identity is only borrowed: no new answer may be recorded under it
            flight, leading = _flights.join((folder, key))
            if leading:
                # a flight that ended since the look may have been this one; on one event loop there is none
                recheck = _flights.landed != landed
                return await self._lead((folder, key), store, mode, request, ask, recheck=recheck)
            if (entry := await wait_for(flight)) is not None:
                return self._replay(entry, store)

    async def _ask(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> Answer:
        try:
            return await self.ask(input, tools, tool_choice, config)
        except UnanswerableError as error:
            return unanswered(self.target.name, error)

    async def _lead(
        self,
        flight: tuple[Path, str],
        store: Store | None,
        mode: CacheMode,
        request: dict[str, Any],
        ask: Callable[[], Awaitable[Answer]],
        *,
        recheck: bool,
    ) -> Answer:
        folder, key = flight
        entry: Entry | None = None
        try:
            if recheck and (entry := _recorded(store, key, mode)) is not None:
                return self._replay(entry, store)
            answer = await self._whole_answer(ask)
            output, call = answer if isinstance(answer, tuple) else (answer, None)
            if isinstance(output, Exception) or not _is_whole(output) or self._is_garbage(output):
                return answer
            entry = self._entry(key, request, output)
            if entry is None:
                return answer
            if store is not None:
                entry = await anyio.to_thread.run_sync(_record, store, entry, mode)
            if mode == "refresh":
                _refreshed.setdefault(folder, set()).add(key)
            usage, live = output.usage, output
            if entry.output is not None and entry.output != _as_json(output):
                live = ModelOutput.model_validate(entry.output)  # another process was first; the call was still paid
            note = _note(entry, hit=False, usage=usage)
            live = live.model_copy(update={"usage": usage, "metadata": note.added_to(live.metadata)})
            return live if call is None else (live, call)
        finally:
            _flights.land(flight, entry)

    async def _whole_answer(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer, asked for again where a remote server sent nothing: that is trouble on the way, not an answer."""
        answer = await ask()
        for seconds in EMPTY_ANSWER_WAITS:
            if not self._is_garbage(answer[0] if isinstance(answer, tuple) else answer):
                break
            await anyio.sleep(seconds)
            answer = await ask()
        return answer

    def _is_garbage(self, output: ModelOutput | Exception) -> bool:
        """Whether a remote server sent no text, no reasoning and no tool call, and says that it had finished."""
        if isinstance(output, Exception) or self.target.provider in LOCAL_PROVIDERS or not _is_whole(output):
            return False
        return all(
            choice.stop_reason == "stop"
            and not choice.message.text.strip()
            and not choice.message.tool_calls
            and not (isinstance(choice.message.content, list) and choice.message.content)
            for choice in output.choices
        )

    def _entry(self, key: str, request: dict[str, Any], output: ModelOutput) -> Entry | None:
        """The output as an entry; None if it would not come back from JSON as it is."""
        stored: dict[str, Any] = {}
        try:
            stored = _as_json(output)
            same = _as_json(ModelOutput.model_validate_json(canonical(stored))) == stored
        except ValueError:
            same = False
        if not same:
            _warn_once(f"an answer of {self.target} cannot be written as JSON and read back; it was not recorded")
            return None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Entry(key=key, request=request, output=stored, recorded=now, model=str(self.target), role=self.role)

    def _replay(self, entry: Entry, store: Store | None) -> ModelOutput:
        if store is not None:
            store.hits.count(str(self.target), self.role)
        mark_cache_hit()  # so that Inspect learns nothing from it about the provider's rate limit
        output = ModelOutput.model_validate(entry.output)
        note = _note(entry, hit=True, usage=output.usage)
        output.usage = None
        output.metadata = note.added_to(output.metadata)
        return output

    def identified(self) -> dict[str, Any]:
        """Which model answers, as keys have it; looks at weights or, where there are none, at the store.

        Raises:
            Exception: As a call would, where neither says it.
        """
        mode = cache_mode(self.mode)
        store = None if mode == "off" else _open(default_folder(), mode)
        return dict((self._known_identity(store, mode) or self._identify(store, mode))[0])

    def answering(self) -> dict[str, Any]:
        """Which model answers, as keys have it; known after the first call, until then empty."""
        borrowed = [known for known, _ in self._borrowed.values()]
        return dict(self._identity or (borrowed[-1] if borrowed else {}))

    def should_retry(self, ex: Exception) -> bool | RetryDecision:
        """As the inner provider decides; what the cache itself raises is never retried."""
        return not isinstance(ex, PlainError) and super().should_retry(ex)

    def _known_identity(self, store: Store | None, mode: CacheMode) -> tuple[dict[str, Any], Exception | None] | None:
        if self._identity is not None:
            return self._identity, None
        if store is not None and mode != "refresh":
            return self._borrowed.get(store.folder)
        return None

    def _identify(self, store: Store | None, mode: CacheMode) -> tuple[dict[str, Any], Exception | None]:
        """Which model this is, and why that is only borrowed from the store, if it is."""
        with self._lock:
            try:
                self._identity = identity(self.target, self._witness())
            except Exception as error:
                if store is None or mode == "refresh":
                    raise
                recorded = [known for known in store.identities(str(self.target)) if fits(known, self.target)]
                if len(recorded) == 1:
                    self._borrowed[store.folder] = recorded[0], error
                    return self._borrowed[store.folder]
                if not recorded and mode != "offline":
                    raise
                raise UnknownIdentityError(which_model(self.target, recorded, store, error)) from error
            return self._identity, None

    def _witness(self) -> ModelAPI | None:
        """The inner provider, if it exists or is this package's: those load nothing until they are asked."""
        if self._inner is None and provider_package(self.target.provider) == "blpo_inspect":
            return self.inner()
        return self._inner


def _over(model: Model, role: str | None) -> CachedAPI:
    """The store before a model's provider."""
    name = model.api.model_name
    api = CachedAPI(target_of(model), lambda: model.api, inner=model.api, role=role, model_name=name)
    api.qualified_model_name = model.api.qualified_model_name
    return api


_flights: Flights[Entry] = Flights()
_stores: dict[Path, Store] = {}
_refreshed: dict[Path, set[str]] = {}
_warned: set[str] = set()
os.register_at_fork(after_in_child=_flights.forget)


def _open(folder: Path, mode: CacheMode) -> Store | None:
    """The process-wide store of a folder; None, with a warning, where it cannot be used."""
    try:
        return _stores.setdefault(folder, Store(folder))
    except StoreError as error:
        if mode == "offline":
            raise
        _warn_once(f"{error} Calls go on uncached.")
        return None


def _recorded(store: Store | None, key: str, mode: CacheMode) -> Entry | None:
    if store is None or (mode == "refresh" and key not in _refreshed.get(store.folder, ())):
        return None
    try:
        return store.get(key)
    except StoreError as error:
        if mode == "offline":
            raise
        _warn_once(f"{error} Calls that cannot be read go on uncached.")
        return None


def _record(store: Store, entry: Entry, mode: CacheMode) -> Entry:
    """The entry that counts from now on."""
    try:
        if mode != "refresh":
            return store.put(entry)
        store.replace(entry)
    except CorruptEntryError:
        pass  # reading it gave the warning
    except StoreError as error:
        _warn_once(f"{error} Calls go on uncached.")
    return entry


def _is_whole(output: ModelOutput) -> bool:
    """Whether this is an answer or will never have one, and not a provider's trouble."""
    if output.error or not output.choices:
        return is_lasting(output)
    return all(
        choice.stop_reason != "unknown" or choice.message.text or choice.message.tool_calls for choice in output.choices
    )


def _as_json(output: ModelOutput) -> dict[str, Any]:
    return output.model_dump(mode="json", exclude={"time", "input_context_tokens"})


def _note(entry: Entry, *, hit: bool, usage: ModelUsage | None) -> Note:
    used = usage.model_dump(mode="json", exclude_none=True) if usage else None
    return Note(hit, entry.key, entry.recorded, used)


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        logger.warning(message)
