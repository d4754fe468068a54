"""YAML as fields that know where they stand, so that every error names file, line and place.

Anchors and aliases are refused: a suite needs none, and they can make a small file huge. Knows nothing of suites.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 1_000_000
"""A suite is written by people; a larger file is something else."""

_MAX_DEPTH = 40


class SuiteError(ValueError):
    """A suite that cannot be used; one line that says where, what is wrong and what is allowed."""


@dataclass(frozen=True)
class Field:
    """One value of a YAML file.

    Attributes:
        source: The file's name, for messages.
        place: Where in the file, such as ``cases[0].margin``; empty for the whole.
        node: What YAML made of it.
    """

    source: str
    place: str
    node: yaml.Node

    def wrong(self, message: str) -> SuiteError:
        """The error that this value is."""
        line = self.node.start_mark.line + 1
        return SuiteError(f"{self.source}, line {line}: {self.place + ': ' if self.place else ''}{message}")

    def fields(self, known: Collection[str], required: Collection[str] = ()) -> "dict[str, Field]":
        """The values of a mapping that may have these keys only.

        Raises:
            SuiteError: No mapping, an unknown, missing or repeated key.
        """
        found = self.named()
        for name, field in found.items():
            if name not in known:
                raise field.wrong(f"no such key; known here: {', '.join(known)}")
        missing = [name for name in required if name not in found]
        if missing:
            raise self.wrong(f"lacks {', '.join(missing)}")
        return found

    def named(self) -> "dict[str, Field]":
        """The values of a mapping with any keys that are text.

        Raises:
            SuiteError: No mapping, a key that is no text, or a repeated key.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong(f"must be a mapping (key: value), not {self._kind()}")
        found: dict[str, Field] = {}
        for key, value in self.node.value:
            name = Field(self.source, self.place, key).text()
            if name in found:
                raise Field(self.source, self.place, key).wrong(f"the key {name!r} is there twice")
            found[name] = Field(self.source, f"{self.place}.{name}" if self.place else name, value)
        return found

    def items(self) -> "list[Field]":
        """The values of a list.

        Raises:
            SuiteError: No list.
        """
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong(f"must be a list, not {self._kind()}")
        return [Field(self.source, f"{self.place}[{number}]", value) for number, value in enumerate(self.node.value)]

    def is_mapping(self) -> bool:
        """Whether the value is a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    def text(self) -> str:
        """One line of text that a terminal can show.

        Raises:
            SuiteError: Something else.
        """
        value = self._scalar("text")
        if not isinstance(value, str):
            raise self.wrong(f"must be text, not {self._kind()}; put it into quotes")
        if not value.strip() or not value.isprintable():
            raise self.wrong("must be one line of visible text")
        return value

    def number(self, low: float, high: float) -> float:
        """A number from `low` to `high`.

        Raises:
            SuiteError: Something else.
        """
        value = self._scalar("a number")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(f"must be a number from {low:g} to {high:g}, not {self._kind()}")
        if not low <= value <= high:  # NaN too
            raise self.wrong(f"must be from {low:g} to {high:g}, not {value!r:.40}")
        return float(value)

    def plain(self) -> Any:
        """The value as JSON has it.

        Raises:
            SuiteError: A date, a binary, an infinite number or the like.
        """
        if isinstance(self.node, yaml.MappingNode):
            return {name: field.plain() for name, field in self.named().items()}
        if isinstance(self.node, yaml.SequenceNode):
            return [field.plain() for field in self.items()]
        value = self._scalar("a plain value")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.wrong("must be a finite number")
        if value is not None and not isinstance(value, bool | int | float | str):
            raise self.wrong(f"must be text, a number, true, false or null, not {self._kind()}; put it into quotes")
        return value

    def _scalar(self, wanted: str) -> Any:
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong(f"must be {wanted}, not {self._kind()}")
        try:
            value = yaml.constructor.SafeConstructor().construct_object(self.node)
            if isinstance(value, str):
                value.encode()  # an escape can write half of a surrogate pair
        except (yaml.YAMLError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError):
            # the constructor is not written for wrong values and raises many types
            raise self.wrong("cannot be read; put text into quotes") from None
        return value

    def _kind(self) -> str:
        match self.node:
            case yaml.MappingNode():
                return "a mapping"
            case yaml.SequenceNode():
                return "a list"
        name = self.node.tag.rpartition(":")[2]
        kinds = {"null": "empty", "bool": "true or false", "int": "a number", "float": "a number", "str": "text"}
        return kinds.get(name, f"{name!r:.40}")


def parse(data: bytes, source: str) -> Field:
    """The whole of a YAML file.

    Raises:
        SuiteError: Too large, no UTF-8, no valid YAML, empty, several documents, nested too deeply, or with aliases.
    """
    if len(data) > MAX_BYTES:
        raise SuiteError(f"{source}: larger than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SuiteError(f"{source}: not UTF-8: {error}") from error
    try:
        for event in _events(text, source):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise SuiteError(f"{source}, line {_line(event)}: anchors and aliases (& and *) are not used in suites")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise SuiteError(f"{source}{where}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, SuiteError):
            raise
        raise SuiteError(f"{source}: not valid YAML: {str(error).partition(chr(10))[0]}") from error
    if node is None:
        raise SuiteError(f"{source}: empty")
    return Field(source, "", node)


def _events(text: str, source: str) -> Iterator[yaml.Event]:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise SuiteError(f"{source}, line {_line(event)}: nested too deeply")
        yield event


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
