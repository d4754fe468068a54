"""Which model answers, as plain JSON: what a key says about the model. Never a secret.

A provider that knows its model exactly says so itself, by a method ``identity()`` (`hf-vlm` does);
of any other the name, the server's address and the model arguments are all there is.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inspect_ai.model import ModelAPI

from blpo_inspect._util.text import without_credentials

OPERATIONAL = frozenset(
    {"cache", "client_timeout", "http_client", "lazy_init", "max_connections", "max_retries", "retry_delay", "timeout"}
)
"""Model arguments that decide how a request travels, not what is answered."""

VERSIONS = frozenset({"torch", "transformers"})
"""Fields of a provider's own identity that no key holds: a recorded answer replays after an upgrade, and on a machine
with another build of torch. Each answer's metadata still say which versions gave it."""

_SECRET = re.compile(
    r"(^|[^a-z])(api_?key|.*_key|key|secret|.*_secret|password|passwd|passphrase|authorization|cookie|credentials?"
    r"|bearer|(access|auth|api|hf|id|session|refresh|security|bot|user)_?token|token|signature)$"
)
_SENT_ALONG = re.compile(r"(^|_)(headers?|query|query_params|params|cookies)$")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Target:
    """A model as people name it.

    Attributes:
        provider: As in ``provider/name``, without package.
        name: The rest; may hold slashes.
        base_url: Address that was asked for, if one was; may hold a password, which `address` does not.
        args: Model arguments as given; may hold secrets, and never leaves this object as it is.
    """

    provider: str
    name: str
    base_url: str | None = field(default=None, repr=False)
    args: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"

    def address(self) -> str | None:
        """Where the model is served: as asked for, else ``<PROVIDER>_BASE_URL``; without user, password and query."""
        provider = self.name.split("/")[0] if self.provider == "openai-api" else self.provider
        variable = re.sub(r"\W", "_", provider).upper() + "_BASE_URL"
        url = self.base_url or os.environ.get(variable)
        return without_credentials(url) if url else None


def identity(target: Target, api: ModelAPI | None) -> dict[str, Any]:
    """What decides an answer besides the request.

    Args:
        target: The model's name and arguments.
        api: The provider, if it exists already. One with a method ``identity()`` answers itself.

    Raises:
        Exception: Whatever the provider's own ``identity()`` raises, where there are no such weights.
    """
    own = getattr(api, "identity", None)
    if callable(own):
        return {"provider": target.provider, **{name: value for name, value in own().items() if name not in VERSIONS}}
    fields = {
        "provider": target.provider,
        "name": target.name,
        "base_url": target.address(),
        "args": public({name: value for name, value in target.args.items() if name not in OPERATIONAL}),
    }
    return {name: value for name, value in fields.items() if value not in (None, {})}


def fits(recorded: Mapping[str, Any], target: Target) -> bool:
    """Whether a recorded identity may be the target's: no argument that was asked for contradicts it."""
    for name, value in target.args.items():
        if name not in recorded or value is None:
            continue
        if name == "revision" and not _COMMIT.fullmatch(str(value)):
            continue  # a branch or tag; only the Hub knows which commit it was
        if recorded[name] != value:
            return False
    return True


def public(value: Any) -> Any:
    """A JSON copy without what is named like a secret; objects that are no JSON become the name of their type."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            known = {str(name): inner for name, inner in value.items() if not is_secret(str(name))}
            return {
                name: without_values(inner) if is_sent_along(name) else public(inner) for name, inner in known.items()
            }
        case list() | tuple():
            return [public(inner) for inner in value]
        case _:
            return f"<{type(value).__module__}.{type(value).__qualname__}>"


def is_sent_along(name: str) -> bool:
    """Whether a field of this name holds headers or parameters of requests: any of their values may be a secret."""
    return _SENT_ALONG.search(name.lower().replace("-", "_")) is not None


def without_values(sent: Any) -> Any:
    """Headers or query parameters by name with a digest of each value, so that two deployments are not one.

    What is named like a secret is left out: a key that is renewed asks nothing anew.
    """
    if isinstance(sent, Mapping):
        return {str(name).lower(): without_values(value) for name, value in sent.items() if not is_secret(str(name))}
    text = json.dumps(sent, sort_keys=True, default=str)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def is_secret(name: str) -> bool:
    """Whether a field of this name is left out of identities and requests.

    Words like ``max_tokens`` or ``eos_token`` are settings, not secrets.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_")
    return bool(_SECRET.search(words)) and not words.startswith(("eos_", "bos_", "pad_", "stop_", "unk_", "sep_"))
