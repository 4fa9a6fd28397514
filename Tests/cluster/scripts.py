"""The scripts of a page in Formats: the blocks that name a file."""

from __future__ import annotations

import re
from pathlib import Path

FORMATS = Path(__file__).parents[2] / "Formats"


def scripts(page: str, language: str) -> dict[str, str]:
    """Names and texts of a page's blocks of one language, in their order."""
    text = (FORMATS / page).read_text()
    return dict(re.findall(rf"^```{language} (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
