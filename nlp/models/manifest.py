"""What a model folder says of itself: name, version, labels, thresholds, calibration, and what it was made from."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nlp.errors import BadModel
from nlp.models.labels import LabelSpace

MANIFEST = "stemme.json"


class Calibration(BaseModel):
    """What turns a head's logits into probabilities that come true as often as they say.

    Temperatures divide logits (Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2); 1.0 leaves
    them as they are. A tag's offset is then added (Platt 1999); a tag that is not named has none. A tag is given when
    its calibrated probability reaches its threshold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentiment_temperature: float = Field(1.0, gt=0)
    theme_sentiment_temperature: float = Field(1.0, gt=0)
    tag_temperatures: dict[str, float]
    tag_offsets: dict[str, float] = Field(default_factory=dict)
    thresholds: dict[str, float]


class Manifest(BaseModel):
    """The file `stemme.json` of a model folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(min_length=1)
    labels: LabelSpace
    max_tokens: int = Field(ge=8, description="Longest window that the encoder reads, special tokens included.")
    calibration: Calibration
    data_sha256: str = Field("", description="Of the files that the weights were learned from, in order of name.")
    learned_from: dict[str, int] = Field(default_factory=dict, description="Texts of each kind that gave the weights.")
    scores: dict[str, float] = Field(default_factory=dict, description="Measured on dev data after training.")

    @property
    def id(self) -> str:
        """`name@version`, as every record carries it."""
        return f"{self.name}@{self.version}"

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read a model folder's manifest.

        Raises
        ------
        BadModel : if it is missing or breaks a rule; it names the place
        """
        path = folder / MANIFEST
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise BadModel(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
        except OSError as error:
            raise BadModel(f"{folder} is not a model folder: {MANIFEST} cannot be read ({error.strerror}).") from error

    def save(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
