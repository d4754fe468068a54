"""YAML files as pydantic models, so that every error names file, line and place. Knows no file of ours."""

import math
import re
from collections.abc import Callable, Collection, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetPydanticSchema,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from blpo_inspect._util.text import printable

MAX_BYTES = 1_000_000
"""What is read strictly is written by people; a larger file is something else."""

_MAX_DEPTH = 100
_TEXT, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_KINDS = {
    "map": "a mapping",
    "seq": "a list",
    "null": "empty",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "str": "text",
}
_WANTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping (key: value)",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping (key: value)",
    "string_type": "text",
}
# the constructor is not written for wrong values and raises many types
_FAULTS = (yaml.YAMLError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)


class Model(BaseModel):
    """A mapping of a YAML file: no value is taken for another type.

    Its fields are the keys that it may have, but for fields with ``exclude``, which no file gives.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        known = cls.known_keys()
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                raise at(str(key), _no_such_key(known))
        return given

    @classmethod
    def known_keys(cls) -> list[str]:
        """The keys that it may have."""
        return [name for name, field in cls.model_fields.items() if not field.exclude]


M = TypeVar("M", bound=Model)


def read_yaml(
    model: type[M],
    data: bytes | str,
    source: str,
    error: Callable[[str], Exception],
    *,
    strict: bool = True,
    as_written: Collection[str] = (),
    context: object = None,
) -> M:
    """The model that a YAML text holds.

    Args:
        model: Its class.
        data: The text, as UTF-8 if bytes.
        source: What errors call it.
        error: Makes of a message, which is one line, what is raised. It says where, what is wrong and what is allowed.
        strict: Whether to refuse anchors and aliases, more than `MAX_BYTES`, and values that JSON lacks. Otherwise
            they are taken as `yaml.safe_load` does, and a key at the top without a value counts as absent.
        as_written: Places, such as ``scale.labels`` (list positions left out), at and below which scalars are the text
            that stands there: ``yes``, ``01`` and ``4:3`` are no truth value and no numbers.
        context: What validators get as context.

    Raises:
        Exception: What `error` makes: no UTF-8, no YAML, several documents, a repeated key, aliases that would make
            more than `MAX_BYTES` of it, or not what the model says.
    """
    if strict and len(data) > MAX_BYTES:
        raise error(f"{source}: larger than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as fault:
        raise error(f"{source}: not UTF-8: {fault}") from fault
    try:
        return _read(model, text, strict, frozenset(as_written), context)
    except _FAULTS as fault:
        message, line = str(fault).partition("\n")[0], ""
        if isinstance(fault, yaml.MarkedYAMLError):
            mark = fault.problem_mark or fault.context_mark
            message, line = str(fault.problem or fault.context), f", line {mark.line + 1}" if mark else ""
        if not isinstance(fault, _WrongError):
            message = f"not valid YAML: {message}"
        raise error(f"{source}{line}: {printable(message)}") from fault


def file_bytes(path: Path, kind: str, error: Callable[[str], Exception]) -> bytes:
    """What a file holds; `kind` is what errors call it.

    Raises:
        Exception: What `error` makes of a message: no such file, or one that cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, ValueError):  # ValueError: a name that no file can have
        raise error(f"{path}: no such {kind}") from None
    except OSError as fault:
        raise error(f"{path}: cannot be read: {fault.strerror}") from fault


def at(step: str | int, message: str) -> PydanticCustomError:
    """The error of a validator about one key or item of its value."""
    return PydanticCustomError("at", "{message}", {"step": step, "message": message})


def between(low: float, high: float) -> PlainValidator:
    """Validates a number from `low` to `high`."""

    def number(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"must be from {low:g} to {high:g}, not {value!r:.40}")
        return float(value)

    return PlainValidator(number)


def must(be: str, holds: Callable[[Any], object]) -> AfterValidator:
    """Validates what a value must be, where its type does not say it."""

    def value_itself(value: Any) -> Any:
        if not holds(value):
            raise ValueError(f"must be {be}, not {value!r:.60}")
        return value

    return AfterValidator(value_itself)


def key_of(names: Collection[str]) -> AfterValidator:
    """Validates a key of a mapping that may have these only."""

    def key(name: str) -> str:
        if name not in names:
            raise ValueError(_no_such_key(names))
        return name

    return AfterValidator(key)


def read_as(kind: Any) -> GetPydanticSchema:
    """Reads a field as another type, whose validators make the field's own of it."""
    return GetPydanticSchema(lambda _, handler: handler(kind))


class _WrongError(yaml.MarkedYAMLError):
    """Valid YAML that is not what it should be."""

    def __init__(self, node: yaml.Node | yaml.Event | None, place: str, message: str) -> None:
        mark: Any = node.start_mark if node else None
        super().__init__(problem=f"{place}: {message}" if place else message, problem_mark=mark)


class _Loader(yaml.SafeLoader):
    strict: bool
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self.strict and getattr(event, "anchor", None) is not None:
            raise _WrongError(event, "", "anchors and aliases (& and *) are not used here")
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _WrongError(event, "", "nested too deeply")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _read(model: type[M], text: str, strict: bool, as_written: frozenset[str], context: object) -> M:
    loader = _Loader(text)
    loader.strict = strict
    root = loader.get_single_node()
    if root is None and strict:
        raise _WrongError(None, "", "empty")
    for key, node in _children(root):
        if isinstance(root, yaml.MappingNode) and key not in (*model.known_keys(), "<<"):
            raise _WrongError(node, str(key), _no_such_key(model.known_keys()))
    if _size(root, {}) > max(MAX_BYTES, 2 * len(text)):
        raise _WrongError(root, "", f"too many values: aliases (*) make more than {MAX_BYTES:,} characters of it")
    for place, node in _nodes(root, "", set()):
        if not as_written.isdisjoint(_places_around(place)):
            _take_as_text(node, listed=place.endswith("]"))
        _check(loader, place, node)
    value = loader.construct_document(root) if root else {}
    if not strict and isinstance(value, dict):
        value = {key: item for key, item in value.items() if item is not None}
    try:
        return model.model_validate(value, context=context)
    except ValidationError as invalid:
        raise _explained(root, invalid.errors(include_url=False)[0]) from invalid


def _children(node: yaml.Node | None) -> list[tuple[str | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(key.value if isinstance(key, yaml.ScalarNode) else "?", value) for key, value in node.value]
    return list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else []


def _within(place: str, step: str | int) -> str:
    return f"{place}[{step}]" if isinstance(step, int) else f"{place}.{step}" if place else step


def _nodes(node: yaml.Node | None, place: str, seen: set[int]) -> Iterator[tuple[str, yaml.Node]]:
    """All nodes with their places, each once: aliases can make a small file huge, or endless."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    yield place, node
    for step, child in _children(node):
        yield from _nodes(child, _within(place, step), seen)


def _size(node: yaml.Node | None, sizes: dict[int, int]) -> int:
    """Characters and values of a node with all that its aliases stand for."""
    if node is None or id(node) in sizes:
        return sizes.get(id(node), 0)
    sizes[id(node)] = 1  # within itself
    if isinstance(node, yaml.MappingNode):
        sizes[id(node)] += sum(_size(child, sizes) for pair in node.value for child in pair)
    elif isinstance(node, yaml.SequenceNode):
        sizes[id(node)] += sum(_size(child, sizes) for child in node.value)
    else:
        sizes[id(node)] += len(node.value)
    return sizes[id(node)]


def _places_around(place: str) -> list[str]:
    """The place itself and what it lies in, without list positions: ``a``, ``a.b`` of ``a[0].b``."""
    return list(accumulate(re.sub(r"\[\d+\]", "", place).split("."), "{}.{}".format))


def _take_as_text(node: yaml.Node, *, listed: bool) -> None:
    """Have a scalar and the keys of a mapping read as text; an empty one stays empty, and ``null`` but in a list."""
    keys = [key for key, _ in node.value if key.value != "<<"] if isinstance(node, yaml.MappingNode) else []
    for scalar in (node, *keys):
        empty = scalar.tag == _NULL and scalar is node and not (listed and scalar.value)
        if isinstance(scalar, yaml.ScalarNode) and not empty:
            scalar.tag = _TEXT


def _check(loader: _Loader, place: str, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if loader.strict and (_kind(key) != "text" or not key.value.strip() or not key.value.isprintable()):
                raise _WrongError(key, place, "a key must be text, on one line and visible")
            if name and name in seen:
                raise _WrongError(key, place, f"the key {key.value!r} is there twice")
            seen.add(name)
    value = None
    if isinstance(node, yaml.ScalarNode):
        try:
            value = loader.construct_object(node)
            if isinstance(value, str):
                value.encode()  # an escape can write half of a surrogate pair
        except _FAULTS:
            raise _WrongError(node, place, "cannot be read; put text into quotes") from None
    if loader.strict and node.tag.rpartition(":")[2] not in _KINDS:
        plain = "text, a number, true, false, null, a list or a mapping"
        raise _WrongError(node, place, f"must be {plain}, not {_kind(node)}; put text into quotes")
    if loader.strict and isinstance(value, float) and not math.isfinite(value):
        raise _WrongError(node, place, "must be a finite number")


def _explained(root: yaml.Node | None, details: ErrorDetails) -> _WrongError:
    place, node, context = "", root, details.get("ctx", {})
    for step in (*details["loc"], *([context["step"]] if details["type"] == "at" else [])):
        child = dict(_children(node)).get(step)
        if child is None:
            break
        place, node = _within(place, step), child
    match details["type"]:
        case "missing":
            message = f"lacks {details['loc'][-1]}"
        case "value_error":
            message = str(context["error"])
        case "too_short":
            message = "is empty; must have at least one entry"
        case kind if kind in _WANTED:
            quotes = kind == "string_type" and isinstance(node, yaml.ScalarNode)
            message = f"must be {_WANTED[kind]}, not {_kind(node)}{'; put it into quotes' if quotes else ''}"
        case _:
            message = details["msg"].replace("Input should be", "must be")
    return _WrongError(node, place, message)


def _kind(node: yaml.Node | None) -> str:
    tag = node.tag.rpartition(":")[2] if node else "null"
    return _KINDS.get(tag, f"{tag!r:.40}")


def _no_such_key(known: Collection[str]) -> str:
    return f"no such key; known here: {', '.join(known)}"
