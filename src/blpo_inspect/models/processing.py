"""From chat messages to one row of model inputs: texts, images, chat template, processor.

Does not batch (`collate`). An image or a text that was processed before is not processed again (`processor_cache`).
"""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, NoReturn

import torch
from PIL import Image
from pydantic import JsonValue

from blpo_inspect._util.images import decode
from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect.models.conversation import Conversation, EncodedImage
from blpo_inspect.models.errors import CheckpointError, RequestError
from blpo_inspect.models.memory import is_out_of_memory
from blpo_inspect.models.processor_cache import Halves
from blpo_inspect.models.weights import Weights

DROPPED_INPUTS = ("labels",)
"""What some processors add for training."""

PROBE = "blpo probe"

ORDINARY = Image.linear_gradient("L").convert("RGB")
"""A picture that every processor takes: 256×256 pixels."""

SAID = 300
"""Most characters of a library's error in one of ours."""


@dataclass(frozen=True)
class Prepared:
    """One request as model inputs."""

    inputs: dict[str, torch.Tensor]
    """By argument name, on the CPU; sequence inputs are 1×length, vision inputs as the processor
    gives them for one prompt. The latter are missing where whoever asked can do without."""

    prompt: str
    """The rendered chat template, before image places were expanded."""

    images: tuple[dict[str, JsonValue], ...]
    """``sha256`` of the encoded file, ``width`` and ``height`` in pixels, per image."""

    prefix: str | None = None
    """Equal for requests that begin with the same text and images; `None` without images."""

    prefix_length: int = 0
    """Tokens up to the last token of an image, that token included."""

    @property
    def length(self) -> int:
        """Input tokens, those of images included."""
        return int(self.inputs["input_ids"].shape[1])

    def digest(self) -> str:
        """SHA-256 over the prompt and the encoded images."""
        digest = hashlib.sha256(self.prompt.encode())
        for image in self.images:
            digest.update(f"\0{image['sha256']}".encode())
        return digest.hexdigest()


class Processing:
    """A loaded checkpoint's way to turn requests into rows. Thread-safe.

    Text is data: where a message contains one of the tokenizer's special tokens verbatim, such as
    ``<image>`` or ``<|im_end|>``, a space is put after the token's first character, so that it
    reads the same but neither opens an image place nor ends a turn. Templates whose turn marks are
    plain words (``USER:``) cannot be protected that way.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        token = getattr(weights.processor, "image_token", None)  # text, or an AddedToken in some families
        self._image_token: str | None = None if token is None else str(token)
        self._special = _special_tokens(weights.processor, weights.tokenizer)
        self._image_ids = _image_ids(weights)
        self._plain_templates: dict[str, bool] = {}
        self._halves = Halves()
        # fast tokenizers may not be called from two threads at once
        self._lock = Lock()

    def prepare(
        self,
        conversation: Conversation,
        template: str | None,
        without_pixels: Callable[[str], bool] = lambda prefix: False,
    ) -> Prepared:
        """Turn one request into model inputs. CPU-bound; call it off the event loop.

        Args:
            conversation: What `take_apart` gave.
            template: Jinja text in place of the checkpoint's chat template.
            without_pixels: Whether vision inputs may be missing for a request with this `Prepared.prefix`.

        Raises:
            UnanswerableError: An image that cannot be decoded, or that the processor refuses while it takes others.
            CheckpointError: There is no chat template.
            RequestError: The template or the processor refuses requests of this form.
        """
        encoded = [_image_bytes(image) for image in conversation.images]
        digests = [hashlib.sha256(data).hexdigest() for data in encoded]
        with self._lock:
            prompt = self._render(conversation, template)
        begin, place, rest = prompt.rpartition(self._image_token) if self._image_token else ("", "", "")
        prefix = None
        if encoded and place:
            prefix = hashlib.sha256("\0".join([begin, *digests]).encode()).hexdigest()
            rest = f"{self._adds_special_tokens(prompt)} {rest}"  # they may stand at the end too
            known = self._halves.find(prefix, rest)
            if known is not None and (known[0].pixels is not None or without_pixels(prefix)):
                head, tail = known
                joined = {key: torch.cat([value, tail[key]], dim=1) for key, value in head.tokens.items()}
                length = head.tokens["input_ids"].shape[1]
                return Prepared({**joined, **(head.pixels or {})}, prompt, head.images, prefix, length)
        pictures = [decode(data, name=image.name) for data, image in zip(encoded, conversation.images, strict=True)]
        images: tuple[dict[str, JsonValue], ...] = tuple(
            {"sha256": digest, "width": picture.width, "height": picture.height}
            for digest, picture in zip(digests, pictures, strict=True)
        )
        with self._lock:
            try:
                inputs = self._process(prompt, pictures)
            except Exception as error:  # each family complains in its own way
                self._refused(error, prompt, pictures, [image.name for image in conversation.images])
        tokens = inputs["input_ids"]
        length = self._prefix_length(tokens) if prefix else 0
        # with nothing behind the image there is nothing that could be run after it
        if prefix is None or not 0 < length < tokens.shape[1]:
            return Prepared(inputs, prompt, images)
        self._halves.learn(prefix, rest, inputs, length, images)
        return Prepared(inputs, prompt, images, prefix, length)

    def ordinary(self, prepared: Prepared) -> Prepared:
        """The same request with an ordinary picture in the place of each image."""
        shown: dict[str, JsonValue] = {"sha256": "ordinary", "width": ORDINARY.width, "height": ORDINARY.height}
        with self._lock:
            inputs = self._process(prepared.prompt, [ORDINARY] * len(prepared.images))
        prefix = None if prepared.prefix is None else f"{prepared.prefix} ordinary"
        images = (shown,) * len(prepared.images)
        return Prepared(inputs, prepared.prompt, images, prefix, self._prefix_length(inputs["input_ids"]))

    def forget_pixels(self, prefix: str) -> None:
        """Let go of the processed images of a `Prepared.prefix`; they are processed anew if need be."""
        self._halves.forget_pixels(prefix)

    def _prefix_length(self, tokens: torch.Tensor) -> int:
        places = torch.isin(tokens[0], self._image_ids).nonzero()
        return int(places.max()) + 1 if places.numel() else 0

    def count_tokens(self, text: str) -> int:
        """Tokens of a plain text, special tokens not counted."""
        with self._lock:
            return len(self._weights.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _render(self, conversation: Conversation, template: str | None) -> str:
        name = self._weights.name
        template = template or _own_template(self._weights)
        if template is None:
            raise CheckpointError(
                f"{name}: the checkpoint has no chat template; give one with -M chat_template=FILE"
                " (Jinja over `messages`, each with `role` and a list `content` of text and images)"
            )
        plain = self._plain_templates.get(template)
        if plain is None:
            plain = self._plain_templates[template] = self._wants_plain_text(template)
        turns = [self._turn(turn, plain=plain) for turn in conversation.turns]
        try:
            prompt = self._apply(template, turns)
        except Exception as error:  # templates raise their own complaints as Jinja errors
            self._misfit(conversation, f"the chat template refuses the messages: {error}", error)
        if self._image_token is not None:
            places = prompt.count(self._image_token)
            images = len(conversation.images)
            if places != images:
                self._misfit(
                    conversation,
                    f"the chat template made {places} image places ({self._image_token}) for {images} images",
                )
        return prompt

    def _misfit(self, conversation: Conversation, what: str, error: Exception | None = None) -> NoReturn:
        # first questions are all alike; a question after an answer is there for what one sample's answer was
        if any(turn["role"] == "assistant" for turn in conversation.turns):
            raise UnanswerableError(what) from error
        raise RequestError(f"{self._weights.name}: {what}") from error

    def _apply(self, template: str, turns: list[dict[str, Any]]) -> str:
        rendered = self._weights.tokenizer.apply_chat_template(
            turns, chat_template=template, tokenize=False, add_generation_prompt=True
        )
        return str(rendered)

    def _wants_plain_text(self, template: str) -> bool:
        # templates of text models paste `content` as it is; a list would show as Python code
        listed = [{"role": "user", "content": [{"type": "text", "text": PROBE}]}]
        try:
            rendered = self._apply(template, listed)
        except Exception:  # e.g. string methods on a list
            return True
        return PROBE not in rendered or "'type'" in rendered

    def _turn(self, turn: dict[str, Any], *, plain: bool) -> dict[str, Any]:
        parts = [
            part if part["type"] == "image" else {**part, "text": neutralise(part["text"], self._special)}
            for part in turn["content"]
        ]
        if not plain:
            return {**turn, "content": parts}
        place = self._image_token or ""
        return {**turn, "content": "\n".join(part.get("text", place) for part in parts)}

    def _adds_special_tokens(self, prompt: str) -> bool:
        # the template may have written the token that the tokenizer would add
        bos = self._weights.tokenizer.bos_token
        return not (bos and prompt.startswith(bos))

    def _process(self, prompt: str, pictures: list[Any]) -> dict[str, torch.Tensor]:
        made = self._weights.processor(
            text=[prompt],
            images=[pictures] if pictures else None,
            return_tensors="pt",
            **({} if self._adds_special_tokens(prompt) else {"add_special_tokens": False}),
        )
        return {
            key: value
            for key, value in dict(made).items()
            if key not in DROPPED_INPUTS and isinstance(value, torch.Tensor)
        }

    def _refused(self, error: Exception, prompt: str, pictures: list[Any], names: Sequence[str]) -> NoReturn:
        """Say what the processor refuses: these pictures, where it takes ordinary ones in their place."""
        ordinary = [ORDINARY] * len(pictures)
        if not (pictures and self._takes(prompt, ordinary)):
            raise RequestError(
                f"{self._weights.name}: the processor refuses the request ({len(pictures)} images): {brief(error)}"
            ) from error
        refused = [
            f"{name}, {picture.width}×{picture.height} pixels"
            for at, (name, picture) in enumerate(zip(names, pictures, strict=True))
            if not self._takes(prompt, [*ordinary[:at], picture, *ordinary[at + 1 :]])
        ]
        what = "; ".join(refused) or f"{len(pictures)} images together"
        lasting = not is_out_of_memory(error)
        raise UnanswerableError(f"the processor refuses {what}: {brief(error)}", lasting=lasting) from error

    def _takes(self, prompt: str, pictures: list[Any]) -> bool:
        try:
            self._process(prompt, pictures)
        except Exception:
            return False
        return True


def brief(error: Exception) -> str:
    """An error of a library in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:SAID]}"


def neutralise(text: str, special: Sequence[str]) -> str:
    """`text` with a space after the first character of each special token that stands in it."""
    if not any(token in text for token in special):
        return text
    pattern = re.compile("|".join(re.escape(token) for token in sorted(special, key=len, reverse=True)))
    # breaking one token can uncover a shorter token inside it
    for _ in range(len(text)):
        broken = pattern.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
        if broken == text:
            break
        text = broken
    return text


def _special_tokens(processor: Any, tokenizer: Any) -> tuple[str, ...]:
    tokens = set(tokenizer.all_special_tokens)
    tokens |= {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    for kind in ("image_token", "video_token", "audio_token", "boi_token", "eoi_token"):
        token = getattr(processor, kind, None)
        if token is not None:
            tokens.add(str(token))
    # a one-character token cannot be broken, nor can a token whose break is itself a token
    return tuple(sorted(token for token in tokens if len(token) > 1 and not token.isspace()))


def _image_ids(weights: Weights) -> torch.Tensor:
    """Ids of tokens that stand for a piece of an image."""
    config = weights.model.config
    ids = {getattr(config, name, None) for name in ("image_token_id", "image_token_index")}
    ids.add(getattr(weights.processor, "image_token_id", None))
    return torch.tensor(sorted(number for number in ids if isinstance(number, int)), dtype=torch.long)


def _own_template(weights: Weights) -> str | None:
    for owner in (weights.processor, weights.tokenizer):
        template = getattr(owner, "chat_template", None)
        if isinstance(template, dict):
            template = template.get("default")
        if isinstance(template, str):
            return template
    return None


def _image_bytes(image: EncodedImage) -> bytes:
    header, comma, payload = image.uri.partition(",")
    if not (comma and header.startswith("data:") and header.endswith(";base64")):
        raise UnanswerableError(f"{image.name} is not a base64 data URI but {image.uri[:60]!r}")
    try:
        return base64.b64decode(payload, validate=True)
    except ValueError as error:
        raise UnanswerableError(f"{image.name}: the data URI is not valid base64: {error}") from error
