"""What the service answers, for its OpenAPI description: field for field what the commands print with `--json`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CandidateAnswer", "CaptionAnswer", "Health", "LanguageRow", "PhotoErrorAnswer", "Problem"]


class Answer(BaseModel):
    """The base of all: what is not named is not there."""

    model_config = ConfigDict(extra="forbid")


class CandidateAnswer(Answer):
    """One of the captions that the search found."""

    caption: str
    score: float = Field(description="Log-probability, in nats, divided by length ** length_penalty.")
    log_prob: float = Field(description="Log-probability, in nats.")


class CaptionAnswer(Answer):
    """A photo's caption in one language."""

    photo: str = Field(description="The name of the file, as it was sent.")
    language: str = Field(description="BCP 47, fit for a `lang` attribute.")
    caption: str = Field(description="The best caption.")
    score: float = Field(description="The best caption's score.")
    candidates: list[CandidateAnswer] = Field(
        description="Up to `n_best` captions, best first, as the language ranks them: not always by score."
    )


class PhotoErrorAnswer(Answer):
    """A photo that can't be read. The others of its request are captioned all the same."""

    photo: str = Field(description="The name of the file, as it was sent.")
    error: str = Field(description="What is wrong with it.")


class LanguageRow(Answer):
    """A language, whether it is trained or not."""

    code: str = Field(description="BCP 47.")
    name: str | None = Field(description="Its name in English; null if its folder is broken, as the next three.")
    native_name: str | None = Field(description="Its own name for itself.")
    script: str | None = Field(description="ISO 15924.")
    direction: Literal["ltr", "rtl"] | None = Field(description="Fit for a `dir` attribute.")
    status: Literal["trained", "untrained", "broken"] = Field(description="Captions come in those that are trained.")
    installed: bool = Field(description="Whether its pack was installed, by `polycap install`.")


class Health(Answer):
    """That the service answers, and what it is."""

    status: Literal["ok"]
    version: str = Field(description="polycap's.")
    runtime: str = Field(description="What computes: openvino or keras.")


class Problem(Answer):
    """Why a request is refused as a whole."""

    detail: str
