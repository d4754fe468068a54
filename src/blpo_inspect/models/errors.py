"""What can go wrong with a local model, as two exceptions whose messages say what to do.

Neither is ever retried: the same call would fail the same way.
"""

from blpo_inspect._util.inspect_internals import PrerequisiteError


class CheckpointError(PrerequisiteError, ValueError):
    """The checkpoint or a model argument cannot be used; no sample can be answered with it."""


class RequestError(ValueError):
    """One request cannot be answered by this model; other requests go on."""
