"""What a command is, and how commands are found: one file each in `cluster4npu.cli.commands`."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

from cluster4npu.cli.console import Console

SUCCESS = 0
FAILURE = 1
WRONG_INPUT = 2
INTERRUPTED = 130


class Command(ABC):
    """Base of every command. Its docstring is its help; the first line stands in the list of commands.

    Modules import what is slow (runtimes, the store, video) inside `run`, so that `--help` stays fast.
    """

    name: ClassVar[str]
    example: ClassVar[str]

    @abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say which arguments the command takes, beside --json and --debug."""

    @abstractmethod
    def run(self, args: argparse.Namespace, console: Console) -> int:
        """Do the work and return the exit code; a Cluster4NPUError becomes the message and the exit code."""


@cache
def commands() -> dict[str, Command]:
    """Return one object of every command by name."""
    package = importlib.import_module("cluster4npu.cli.commands")
    found: dict[str, Command] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        for item in vars(module).values():
            if inspect.isclass(item) and issubclass(item, Command) and item.__module__ == module.__name__:
                found[item.name] = item()
    return found
