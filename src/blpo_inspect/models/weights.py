"""Loading a checkpoint's weights and processor, safetensors only, as the settings say.

Imports torch: import this module only when an answer is really to be computed.
"""

import importlib.util
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from blpo_inspect.models.checkpoint import Checkpoint
from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.model_args import ModelSettings
from blpo_inspect.models.qwen_processor import assemble_processor

hf: Any = transformers  # partly typed
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """A loaded model with the processor that belongs to it."""

    name: str
    """The checkpoint's name, for messages."""

    model: Any
    """A transformers model in evaluation mode. Of the checkpoint's generation_config it keeps the
    special tokens only: how to sample is decided by each request."""

    processor: Any
    """Has ``tokenizer`` and ``image_processor``; gives model inputs for text and images."""

    device: torch.device
    """Where inputs go."""

    dtype: torch.dtype
    """Of floating-point inputs."""

    end_tokens: frozenset[int]
    """Token ids that end an answer."""

    pad_token: int
    """Token id that fills the left of shorter rows."""

    bad_words: list[list[int]]
    """Token sequences that the checkpoint rules out in answers."""

    suppressed: list[int]
    """Tokens that the checkpoint rules out in answers."""

    context_length: int | None
    """Most tokens of question and answer together, `None` where the checkpoint names no limit."""

    window: int | None = None
    """How many of the latest tokens some layers look back over; `None` where all see everything."""

    def in_window(self, tokens: int) -> bool:
        """Whether that many tokens, and as many of padding among them, lie within every window."""
        return self.window is None or 2 * tokens <= self.window

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer


def load_weights(checkpoint: Checkpoint, settings: ModelSettings) -> Weights:
    """Load one checkpoint. Takes seconds to minutes; call it off the event loop.

    Raises:
        CheckpointError: The checkpoint is not of a vision-language model, is incomplete, has no
            safetensors, or the device or quantization is not available here.
    """
    name = checkpoint.name
    device = _device(name, settings)
    quantization = _quantization(name, settings, device)
    folder = checkpoint.fetch(code=settings.trust_remote_code)
    processor = _load_processor(name, folder, settings)
    dtype = settings.dtype or ("float32" if device == "cpu" else "auto")
    if (folder / "adapter_config.json").exists():
        raise CheckpointError(
            f"{name}: it has an adapter (adapter_config.json), which would not be applied; merge it into the weights"
            " (peft: model.merge_and_unload()), or move adapter_config.json away to judge without it"
        )
    with _reported(name, "cannot load the model"), _no_progress_bar():
        model, loading = hf.AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype if dtype == "auto" else getattr(torch, dtype),
            device_map="auto" if device == "auto" else {"": device},
            attn_implementation=settings.attn_implementation,
            quantization_config=quantization,
            use_safetensors=True,
            trust_remote_code=settings.trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported with their names below, by `_check_tensors`
        )
    _check_tensors(name, loading)
    if model.config.is_encoder_decoder:
        raise CheckpointError(f"{name}: encoder-decoder models ({model.config.model_type}) are not supported")
    model.eval()
    loaded = model.generation_config
    ends = _end_tokens(model, processor.tokenizer)
    model.generation_config = hf.GenerationConfig(
        bos_token_id=loaded.bos_token_id,
        eos_token_id=sorted(ends) or None,
        pad_token_id=_pad_token(loaded, ends, processor.tokenizer),
    )
    return Weights(
        name=name,
        model=model,
        processor=processor,
        device=model.device,
        dtype=model.dtype,
        end_tokens=ends,
        pad_token=model.generation_config.pad_token_id,
        bad_words=loaded.bad_words_ids or [],
        suppressed=loaded.suppress_tokens or [],
        context_length=_context_length(model, processor.tokenizer),
        window=_window(model),
    )


def _check_tensors(name: str, loading: Mapping[str, Any]) -> None:
    """Refuse weights of which a part would be random, and name left-over ones.

    Raises:
        CheckpointError: Tensors are missing, or have other shapes than the model.
    """
    missing = sorted(loading.get("missing_keys") or ())
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in loading.get("mismatched_keys") or ())
    unexpected = sorted(loading.get("unexpected_keys") or ())
    if missing or mismatched:
        faults = [
            f"{len(names)} tensors {what} ({_some(names)})"
            for names, what in (
                (missing, "are missing"),
                (mismatched, "have another shape than config.json says"),
                (unexpected, "belong to no part of the model, perhaps under old names"),
            )
            if names
        ]
        raise CheckpointError(f"{name}: {'; '.join(faults)}; the model would answer with random weights in their place")
    if unexpected:
        logger.warning("%s: %d tensors belong to no part of the model: %s", name, len(unexpected), _some(unexpected))


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _device(name: str, settings: ModelSettings) -> str:
    wanted = settings.device
    if wanted is None:
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if wanted == "auto" or wanted.startswith("cuda"):
        if not torch.cuda.is_available():
            raise CheckpointError(f"{name}: device={wanted} was asked for, but torch sees no CUDA GPU")
        index = int(wanted.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise CheckpointError(f"{name}: there is no {wanted}, only {torch.cuda.device_count()} GPU(s)")
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise CheckpointError(f"{name}: device=mps was asked for, but torch sees no Apple GPU")
    return wanted


def _quantization(name: str, settings: ModelSettings, device: str) -> Any:
    if settings.quantization == "none":
        return None
    wanted = f"{name}: quantization={settings.quantization}"
    if device in ("cpu", "mps"):
        raise CheckpointError(f"{wanted} needs a CUDA GPU, but the device is {device}")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise CheckpointError(f"{wanted} needs bitsandbytes: pip install bitsandbytes")
    if settings.quantization == "8bit":
        return hf.BitsAndBytesConfig(load_in_8bit=True)
    compute = torch.float16 if settings.dtype == "float16" else torch.bfloat16
    return hf.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute)


def _load_processor(name: str, folder: Path, settings: ModelSettings) -> Any:
    with _reported(name, "cannot load the processor"):
        try:
            processor = hf.AutoProcessor.from_pretrained(
                folder, trust_remote_code=settings.trust_remote_code, local_files_only=True
            )
        except ImportError as error:
            if "torchvision" not in str(error).lower():
                raise
            processor = assemble_processor(folder)
            if processor is None:
                raise CheckpointError(
                    f"{name}: this family's processor handles video too and needs torchvision:"
                    " pip install torchvision (a build that matches your torch)"
                ) from error
    if getattr(processor, "image_processor", None) is None or getattr(processor, "tokenizer", None) is None:
        raise CheckpointError(
            f"{name}: the checkpoint has no image processor beside its tokenizer, so it cannot"
            " judge images; for a text-only model use Inspect's hf provider"
        )
    return processor


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    text_config = model.config.get_text_config(decoder=True)
    ends: set[int] = set()
    for value in (
        model.generation_config.eos_token_id,
        getattr(text_config, "eos_token_id", None),
        tokenizer.eos_token_id,
    ):
        if value is not None:
            ends.update(value if isinstance(value, list) else [value])
    return frozenset(ends)


def _pad_token(loaded: Any, ends: frozenset[int], tokenizer: Any) -> int:
    for token in (loaded.pad_token_id, tokenizer.pad_token_id):
        if isinstance(token, int):
            return token
    return min(ends, default=0)  # it is masked out wherever it stands, so any token does


def _context_length(model: Any, tokenizer: Any) -> int | None:
    limit = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    if isinstance(limit, int):
        return limit
    # tokenizers without a limit say so with a huge number
    limit = tokenizer.model_max_length
    return limit if isinstance(limit, int) and limit < 10**9 else None


def _window(model: Any) -> int | None:
    config = model.config.get_text_config(decoder=True)
    types = getattr(config, "layer_types", None)
    if types and any("chunked" in kind for kind in types):
        chunk: int | None = getattr(config, "attention_chunk_size", None)
        return chunk
    window: int | None = getattr(config, "sliding_window", None)
    slides = any("sliding" in kind for kind in types) if types else getattr(config, "use_sliding_window", True)
    return window if slides else None


@contextmanager
def _reported(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:  # transformers reports bad checkpoints with nearly any type
        raise CheckpointError(f"{name}: {what}: {type(error).__name__}: {_first_lines(str(error))}") from error


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    # it would be drawn across Inspect's display
    logging = hf.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _first_lines(text: str, limit: int = 600) -> str:
    return text.strip() if len(text) <= limit else f"{text.strip()[:limit]}…"
