"""Multimodal judges that agree with people, as an extension of Inspect AI."""

from importlib.metadata import version

__version__ = version("blpo-inspect")
