"""What a setting is called in the command that somebody used, for messages that say what to do."""

from collections.abc import Callable

Option = Callable[[str, str], str]
"""Name and value of an argument of the task ``folder`` → how to give it."""


def task_option(name: str, value: str) -> str:
    """As Inspect takes it: ``-T labels=a,b``."""
    return f"-T {_quoted(f'{name}={value}')}"


def command_option(name: str, value: str) -> str:
    """As ``blpo`` takes it: ``--labels a,b``, ``--allow-remote``."""
    return f"--{name.replace('_', '-')}{'' if value == 'true' else f' {_quoted(value)}'}"


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text
