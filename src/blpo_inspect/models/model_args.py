"""The ``-M`` arguments of ``hf-vlm``, checked when they are given."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, cast, get_args

from blpo_inspect.models.errors import CheckpointError

Quantization = Literal["none", "4bit", "8bit"]

DTYPES = ("auto", "float32", "float16", "bfloat16")
DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")

MOST_GIGABYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """How to load a checkpoint and how to batch its requests.

    Whether the named device exists is only known once torch is imported, so that is checked right
    before the weights load; everything else is checked here.
    """

    revision: str | None = None
    """Branch, tag or commit on the Hub; not for folders. Default: the main branch."""

    dtype: str | None = None
    """One of `DTYPES`; ``auto`` is the checkpoint's. Default: auto on a GPU, float32 on a CPU."""

    device: str | None = None
    """One of `DEVICES`; ``auto`` spreads over all GPUs. Default: cuda, else mps, else cpu."""

    attn_implementation: str | None = None
    """``eager``, ``sdpa``, ``flash_attention_2``, …; default: what transformers chooses."""

    quantization: Quantization = "none"
    """bitsandbytes quantization on loading; needs a CUDA GPU."""

    max_batch_size: int = 32
    """Most requests in one batch, at least 1."""

    max_batch_tokens: int | None = None
    """Most tokens in one batch, with padding and room for answers; a lone request may exceed it. Default: as many as
    fit into half of the memory that is free beside the weights, by an estimate."""

    prefix_cache_gb: float | None = None
    """Gigabytes for what is kept of images, so that another prompt on the same image runs only its own tokens; 0 keeps
    nothing. Default: a quarter of the memory that is free beside the weights; of the host's with `prefix_offload`."""

    prefix_offload: bool = False
    """Whether that is kept in host memory instead of on the GPU."""

    deterministic: bool = False
    """Whether every request runs alone, so that its answer cannot depend, not even in the last bit, on others."""

    trust_remote_code: bool = False
    """Whether Python code that lies in the checkpoint may run."""

    chat_template: str | None = None
    """Text of a Jinja template that replaces the checkpoint's."""

    @classmethod
    def from_args(cls, args: Mapping[str, object]) -> "ModelSettings":
        """Check model arguments as they come from ``-M`` or ``get_model``.

        Args:
            args: Values by name; ``None`` is the default. ``chat_template`` may name a file.

        Raises:
            CheckpointError: An unknown name or a value that cannot be used.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(args) - set(known))
        if unknown:
            raise CheckpointError(f"hf-vlm has no model argument {', '.join(unknown)}; known are {', '.join(known)}")
        values = {name: value for name, value in args.items() if value is not None}
        return cls(
            revision=_revision(values.get("revision")),
            dtype=_one_of("dtype", values.get("dtype"), DTYPES),
            device=_device(values.get("device")),
            attn_implementation=_text("attn_implementation", values.get("attn_implementation")),
            quantization=_quantization(values.get("quantization", "none")),
            max_batch_size=_positive("max_batch_size", values.get("max_batch_size", 32)),
            max_batch_tokens=(
                _positive("max_batch_tokens", values["max_batch_tokens"]) if "max_batch_tokens" in values else None
            ),
            prefix_cache_gb=_gigabytes("prefix_cache_gb", values.get("prefix_cache_gb")),
            prefix_offload=_flag("prefix_offload", values.get("prefix_offload", False)),
            deterministic=_flag("deterministic", values.get("deterministic", False)),
            trust_remote_code=_flag("trust_remote_code", values.get("trust_remote_code", False)),
            chat_template=_template(values.get("chat_template")),
        )


def _bad(name: str, value: object, wanted: str) -> CheckpointError:
    return CheckpointError(f"hf-vlm model argument {name}={value!r}: must be {wanted}")


def _text(name: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise _bad(name, value, "a non-empty string")


def _one_of(name: str, value: object, known: tuple[str, ...]) -> str | None:
    if value is None or (isinstance(value, str) and value in known):
        return value
    raise _bad(name, value, f"one of {', '.join(known)}")


def _revision(value: object) -> str | None:
    # an all-digit commit arrives as a number from YAML; a float has lost digits already
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and value):
        return value
    raise _bad("revision", value, "a branch, tag or commit (quote it if it looks like a number)")


def _device(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        kind, colon, index = value.partition(":")
        if value in DEVICES[:3] or value == "mps" or (kind == "cuda" and colon and index.isdigit()):
            return value
    raise _bad("device", value, f"one of {', '.join(DEVICES)}")


def _quantization(value: object) -> Quantization:
    if value in get_args(Quantization):
        return cast(Quantization, value)
    raise _bad("quantization", value, f"one of {', '.join(get_args(Quantization))}")


def _positive(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise _bad(name, value, "a whole number of at least 1")


def _gigabytes(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_GIGABYTES:
        return float(value)
    raise _bad(name, value, f"a number of gigabytes from 0 to {MOST_GIGABYTES:,}")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _bad(name, value, "true or false")


def _template(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise _bad("chat_template", value, "a Jinja template or a file that holds one")
    if "{{" in value or "{%" in value:
        return value
    path = Path(value).expanduser()
    if not path.is_file():
        raise _bad("chat_template", value, "a Jinja template or an existing file that holds one")
    return path.read_text(encoding="utf-8")
