"""The models that come with the package, and what `--model` may say."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nlp.models.manifest import MANIFEST

HERE: Final = Path(__file__).parent
SHIPPED: Final = HERE / "stemme-small"
"""The one that is taken where none is named."""


def shipped_names() -> list[str]:
    return sorted(path.parent.name for path in HERE.glob(f"*/{MANIFEST}"))


def model_folder(model: str | Path) -> Path:
    """The folder of a model that is named by its path, or, where there is no such path, by the name of a shipped one.

    >>> model_folder("stemme-large").name
    'stemme-large'
    """
    path = Path(model)
    return HERE / path if str(model) in shipped_names() and not path.exists() else path
