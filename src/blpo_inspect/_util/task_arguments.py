"""What a task was given: names that it has, text as it was meant, numbers that are numbers; else one sentence.

Inspect reads ``-T name=value`` as YAML and splits it at commas, so a prompt arrives as a list, a mapping or a truth
value, and drops names that a task does not have. Does not know what tasks do with their arguments.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from blpo_inspect._util.close_names import close_to
from blpo_inspect._util.inspect_internals import PrerequisiteError, typed_task_arguments

P = ParamSpec("P")
R = TypeVar("R")


def checked_arguments(task: Callable[P, R]) -> Callable[P, R]:
    """The task, given its arguments checked; stands below ``@task``.

    - A name that the task does not have, and a lacking argument, are a PrerequisiteError.
    - Text (``str``, also in a union) that Inspect split at commas is joined again. Another value in its place is a
      PrerequisiteError that says how to quote, and so is, where the command line of Inspect is known, text of which
      YAML kept a part.
    - A number or truth value may be written as one (``"3"``); anything else is a PrerequisiteError.
    """
    signature = inspect.signature(task)
    kinds = get_type_hints(task)
    name = task.__name__

    @functools.wraps(task)
    def checked(*args: P.args, **given: P.kwargs) -> R:
        strays = [argument for argument in given if argument not in signature.parameters]
        if strays:
            raise PrerequisiteError(_stray(name, strays[0], list(signature.parameters)))
        bound = signature.bind_partial(*args, **given)
        for argument, parameter in signature.parameters.items():
            if argument in bound.arguments:
                bound.arguments[argument] = _value(argument, kinds[argument], bound.arguments[argument])
            elif parameter.default is Parameter.empty:
                raise PrerequisiteError(f"{name} needs {argument}: give it with -T {argument}=…")
        return task(*bound.args, **bound.kwargs)

    # so that Inspect passes on what it would drop with a warning
    catch_all = Parameter("unknown", Parameter.VAR_KEYWORD)
    checked.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), catch_all]
    )
    return checked


def _stray(task: str, argument: str, known: Sequence[str]) -> str:
    close = close_to(argument, known)
    return f"{task} has no argument {argument}" + (f": did you mean {close}?" if close else f"; {', '.join(known)}")


def _value(name: str, kind: Any, value: Any) -> Any:
    kinds = get_args(kind) or (kind,)
    if str in kinds:
        return _text(name, kinds, value)
    if {bool, int, float} & set(kinds):
        try:
            return TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            what = error.errors()[0]["msg"].removeprefix("Input should be ")
            raise PrerequisiteError(f"{name}={value!r}: it must be {what}") from error
    return value


def _text(name: str, kinds: Sequence[Any], value: Any) -> Any:
    typed = typed_task_arguments().get(name)
    node = yaml.compose(typed, Loader=yaml.SafeLoader) if typed is not None else None
    others: tuple[Any, ...] = tuple(filter(None, map(get_origin, kinds)))  # such as a list of labels
    if isinstance(value, list):
        split_up = Sequence not in others and not isinstance(node, yaml.SequenceNode)
        value = ",".join(value) if split_up and all(isinstance(part, str) for part in value) else value
    elif isinstance(value, Path) or (typed is not None and typed.strip() == str(value)):  # a folder may be named 2024
        value = str(value)
    if isinstance(value, str):
        plain = isinstance(node, yaml.ScalarNode) and node.style is None and node.value == value
        if plain and typed is not None and typed.strip() != value:
            raise PrerequisiteError(f"{name}: of {typed!r} only {value!r} arrived; {_quoted(name)}")
        return value
    if typed is not None and not typed.strip():
        raise PrerequisiteError(f"{name} is empty: give it with -T {name}=…, or leave it out")
    if value is None and type(None) in kinds and (typed is None or node is not None):
        return None
    if isinstance(value, others) and not any(part is None or isinstance(part, bool | dict | list) for part in value):
        return value
    raise PrerequisiteError(f"{name}={value!r} is no text; {_quoted(name)}")


def _quoted(name: str) -> str:
    file = ", or name a file: -T prompts=FILE" if name == "prompt" else ""
    return f"-T reads YAML, so quote the text inside: -T '{name}=\"…\"'{file}"
