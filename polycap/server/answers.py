"""Models of the answers, for OpenAPI: the fields that the commands print with `--json`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CandidateAnswer", "CaptionAnswer", "Health", "LanguageRow", "PhotoErrorAnswer", "Problem"]


class Answer(BaseModel):
    """Base class of the answers; it rejects unknown fields."""

    model_config = ConfigDict(extra="forbid")


class CandidateAnswer(Answer):
    """One caption of the search."""

    caption: str
    score: float = Field(description="Log-probability, in nats, divided by length ** length_penalty.")
    log_prob: float = Field(description="Log-probability, in nats.")


class CaptionAnswer(Answer):
    """A photo's caption in one language."""

    photo: str = Field(description="File name of the photo, as received.")
    language: str = Field(description="BCP 47 code, for the attribute `lang` of HTML.")
    writing_mode: Literal["horizontal-tb", "vertical-lr"] = Field(description="CSS' property `writing-mode`.")
    caption: str = Field(description="Best caption.")
    score: float = Field(description="Score of the best caption.")
    warning: str | None = Field(
        default=None, description="Reason not to trust the caption, such as a photo that is nearly uniform."
    )
    candidates: list[CandidateAnswer] = Field(
        description="At most `n_best` captions, best first; with minimum Bayes risk, that is not the order of scores."
    )


class PhotoErrorAnswer(Answer):
    """Error of a photo that can't be read. Other photos of the request are captioned."""

    photo: str = Field(description="File name of the photo, as received.")
    error: str = Field(description="Message of the error.")


class LanguageRow(Answer):
    """Language, trained or not."""

    code: str = Field(description="BCP 47 code.")
    name: str | None = Field(description="English name; null if the folder is broken, as the next four fields.")
    native_name: str | None = Field(description="Name in the language itself.")
    script: str | None = Field(description="ISO 15924 code.")
    direction: Literal["ltr", "rtl"] | None = Field(description="Writing direction, for the attribute `dir` of HTML.")
    writing_mode: Literal["horizontal-tb", "vertical-lr"] | None = Field(
        description="CSS' property `writing-mode`: lines, or columns from left to right."
    )
    status: Literal["trained", "untrained", "broken"] = Field(description="Only trained languages have captions.")
    installed: bool = Field(description="Whether the pack was installed by `polycap install`.")
    origins: list[str] = Field(description="Origins of the captions that the pack learned from; empty without a pack.")
    scores: list[dict[str, Any]] = Field(description="Scores of the pack, with the references' origin.")


class Health(Answer):
    """State of the service."""

    status: Literal["ok"]
    version: str = Field(description="Version of polycap.")
    runtime: str = Field(description="Runtime: openvino or keras.")


class Problem(Answer):
    """Error of a whole request."""

    detail: str
