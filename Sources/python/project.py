"""What the wheel says of the project: version and address, as the Swift sources have them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

NEEDS = """
this folder is the Python part only: the wheel also brings a program, which Swift 6.3 builds on Linux.
At the root of the repository,

    make wheel
    pip install .build/wheel/dist/gradiend_patch-*.whl

build and install it, and install on Debian and Ubuntu what they need besides Swift.
"""


def constant(file: str, name: str) -> str:
    """A text that a Swift source, which the build puts beside this file, assigns to a name."""
    try:
        source = Path(__file__).with_name(file).read_text()
    except FileNotFoundError:
        raise SystemExit(NEEDS) from None
    found = re.search(rf'{name} = "([^"]*)"', source)
    if found is None:
        raise ValueError(f"{file} has no {name}")
    return found[1]


def version() -> str:
    return constant("Version.swift", "current")


class Address(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        address = constant("ToolAddress.swift", "project")
        metadata["urls"] = {"Homepage": address} if address else {}
