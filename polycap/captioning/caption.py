"""A caption: text, score, candidates, and its attention maps when asked."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polycap.errors import PolycapError
from polycap.photos.load import Photograph

if TYPE_CHECKING:
    from polycap.captioning.attention import AttentionMap
    from polycap.captioning.captioner import Captioner
    from polycap.language import Language

__all__ = ["Candidate", "Caption"]


@dataclass(frozen=True)
class Candidate:
    """One caption of the search.

    Attributes:
        text: the caption.
        score: log-probability / length ** length_penalty, nats.
        log_prob: log-probability, nats.
        source: the caption before its translation; empty if it is not translated. The figures are the source's.
    """

    text: str
    score: float
    log_prob: float
    source: str = ""


@dataclass(frozen=True)
class Caption:
    """A photo's caption in one language; `str(caption)` is its text. A notebook shows it beside the photo.

    Attributes:
        photo: the photo as it was given.
        language: the language of the text; its `code` and `direction` fit the attributes `lang` and `dir` of HTML.
        candidates: at least one and at most `n_best`, best first: the first is the likeliest, or, where the language
            has `minimum_bayes_risk`, the one most like all.
        via: language and engine that the text is translated by, `CODE:ENGINE`; empty if it is not translated.
    """

    photo: Photograph
    language: "Language"
    candidates: tuple[Candidate, ...]
    via: str = ""
    _captioner: "Captioner | None" = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The best candidate's text."""
        return self.candidates[0].text

    @property
    def score(self) -> float:
        """The best candidate's score: log-probability / length ** length_penalty, nats."""
        return self.candidates[0].score

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Caption {self.language.code} {self.text!r}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_captioner": None}  # which stays in its process

    def attention(self) -> "list[AttentionMap]":
        """Compute the attention map of each token of the text; of a translated caption, of its source's tokens.

        The photo is encoded once more, and the text goes through the decoder by teacher forcing.

        Returns:
            A map per token, each with `weights`, `(cells,) float32`, of sum 1; an empty list if the decoder attends to
            no cell in particular.

        Raises:
            PhotoError: the photo can't be read any more.
            PolycapError: the caption comes from another process.

        Reference: Xu et al. (2015), "Show, Attend and Tell", arXiv:1502.03044, section 5.4.
        """
        if self._captioner is None:
            raise PolycapError(f"{self.text}: no captioner is at hand for attention maps; caption the photo here")
        return self._captioner.attention(self.photo, self.candidates[0].source or self.text)

    def _repr_html_(self) -> str:
        from polycap.captioning.page import caption_html

        return caption_html(self)
