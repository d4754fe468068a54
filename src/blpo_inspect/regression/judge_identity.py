"""Which judge a log is of, as far as a repository may know it: what the cache knows, and what answers say.

No keys, no paths, no times. Comparing two of them is `drift`'s.
"""

import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from blpo_inspect.cache.model_identity import OPERATIONAL, VERSIONS, Target, identity, public
from blpo_inspect.cache.request import TRAVEL
from blpo_inspect.judging.answer_mode import METADATA
from blpo_inspect.judging.reask import METADATA as REASK

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample, EvalSpec

PACKAGES = ("blpo-inspect", "inspect-ai", "pillow", "torch", "transformers")
"""Packages whose versions every baseline notes; a package named like the provider comes on top."""

_SAID = ("checkpoint", "runtime")
"""Where an answer's metadata say which model gave it."""

_PATH = re.compile(r"^(/|~|\.{1,2}/|[A-Za-z]:[\\/])")


def models(spec: "EvalSpec", samples: "Sequence[EvalSample]") -> dict[str, Any]:
    """The models of a log by role; ``judge`` is the main model.

    A provider that knows its checkpoint says so with every answer, recorded ones too; ``answered`` is what answers say
    of their model otherwise, such as the dated name behind an alias.
    """
    outputs = [sample.output for sample in samples]
    checkpoint, runtime = (_merged([(output.metadata or {}).get(name) for output in outputs]) for name in _SAID)
    target = _target(spec.model, spec.model_base_url, spec.model_args)
    judge: dict[str, Any] = {"provider": target.provider, "name": _no_path(target.name)}
    known = {name: value for name, value in checkpoint.items() if name not in VERSIONS}
    judge |= known if checkpoint else identity(target, None)
    answered = {**({name: checkpoint.get(name) for name in VERSIONS} if checkpoint else {}), **runtime}
    named = _common([output.model for output in outputs])
    if named not in ("", target.name):
        answered["model"] = named
    roles = {"judge": {**judge, **({"answered": answered} if answered else {})}}
    for role, configs in sorted((spec.model_roles or {}).items()):
        several = configs if isinstance(configs, list) else [configs]
        identities = [identity(_target(config.model, config.base_url, config.args), None) for config in several]
        roles[role] = _common(identities)
    return {role: _plain(model) for role, model in roles.items()}


def settings(log: "EvalLog") -> dict[str, Any]:
    """The generation settings of a log that change answers, and how its judge was asked if not for text.

    Of headers the names alone: their values may be secrets, and a baseline is a file of a repository.
    """
    configured = {
        **log.plan.config.model_dump(mode="json", exclude_none=True),
        **log.eval.model_generate_config.model_dump(mode="json", exclude_none=True),
    }
    changing = {name: value for name, value in configured.items() if name not in TRAVEL}
    headers = changing.pop("extra_headers", None)
    settings: dict[str, Any] = _plain(public(changing))
    if headers:
        settings["extra_headers"] = sorted(name.lower() for name in headers)
    asked = (log.eval.metadata or {}).get(METADATA)
    settings = settings if asked is None else {**settings, "answer": str(asked)}
    again = (log.eval.metadata or {}).get(REASK)
    return settings if again is None else {**settings, "reask": str(again)}


def versions(model: str) -> dict[str, str]:
    """The versions of packages here that an answer may depend on."""
    provider = model.removeprefix("cached/").partition("/")[0]
    installed = {}
    for name in sorted({*PACKAGES, provider}):
        try:
            installed[name] = importlib.metadata.version(name)
        except (importlib.metadata.PackageNotFoundError, ValueError):
            continue
    return installed


def _target(model: str, base_url: str | None, args: Mapping[str, Any]) -> Target:
    provider, _, name = model.removeprefix("cached/").partition("/")
    return Target(provider, name, base_url, {key: value for key, value in args.items() if key not in OPERATIONAL})


def _merged(stated: list[Any]) -> dict[str, Any]:
    """What answers state, field by field."""
    known = [fields for fields in stated if isinstance(fields, dict)]
    return {name: _common([fields.get(name) for fields in known]) for name in sorted({*chain.from_iterable(known)})}


def _common(values: list[Any]) -> Any:
    """The value of all answers, or all values where they differ."""
    distinct = list({repr(value): value for value in values}.values())
    return distinct[0] if len(distinct) == 1 else sorted(distinct, key=repr)


def _plain(value: Any) -> Any:
    """JSON without places on this machine."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return _no_path(value) if isinstance(value, str) else value


def _no_path(text: str) -> str:
    return re.split(r"[\\/]", text.rstrip("\\/"))[-1] if _PATH.match(text) else text
