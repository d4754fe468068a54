"""The output that stands for a request without an answer: what is in it makes it impossible (`UnanswerableError`).

It costs the sample that made the request. Where the request fails everywhere alike it is recorded, so that a replay
comes to the same.
"""

from inspect_ai.model import ModelOutput

from blpo_inspect._util.unanswerable import UnanswerableError

METADATA = "blpo_unanswerable"
"""Where an output's metadata say so: true where the request fails everywhere alike."""


def unanswered(model: str, error: UnanswerableError) -> ModelOutput:
    """An output with the error and no text."""
    output = ModelOutput.from_content(model, "", stop_reason="unknown", error=str(error))
    output.metadata = {**error.metadata, METADATA: error.lasting}
    return output


def is_unanswered(output: ModelOutput) -> bool:
    """Whether an output says that its request cannot be answered."""
    return METADATA in (output.metadata or {})


def is_lasting(output: ModelOutput) -> bool:
    """Whether an output says that its request cannot be answered anywhere."""
    return (output.metadata or {}).get(METADATA) is True
