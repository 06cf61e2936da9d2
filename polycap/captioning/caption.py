"""Caption: text, score, candidates, and attention maps on request."""

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
    """One hypothesis of the search.

    Attributes:
        text: text of the caption.
        score: log-probability / length ** length_penalty, nats; of a translated caption, its source's.
        log_prob: log-probability, nats; of a translated caption, its source's.
        source: text before the translation. (default: "", not translated)
    """

    text: str
    score: float
    log_prob: float
    source: str = ""


@dataclass(frozen=True)
class Caption:
    """A photo's caption in one language; `str(caption)` is its text. A notebook shows it below the photo.

    Attributes:
        photo: photo, as received; an open file is a `PhotoBytes`.
        language: language of the text; its `code` and `html_direction` are values for `lang` and `dir` in
            HTML, its `writing_mode` is that of CSS.
        candidates: one to `n_best` candidates, best first: by score or, if the language has `minimum_bayes_risk`, by
            expected BLEU.
        via: source language and engine of a translation, `CODE:ENGINE`. (default: "", not translated)
        warning: reason not to trust the caption, such as a photo that is nearly uniform. (default: "", none)
    """

    photo: Photograph
    language: "Language"
    candidates: tuple[Candidate, ...]
    via: str = ""
    warning: str = ""
    _captioner: "Captioner | None" = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """Text of the best candidate."""
        return self.candidates[0].text

    @property
    def score(self) -> float:
        """Score of the best candidate: log-probability / length ** length_penalty, nats."""
        return self.candidates[0].score

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Caption {self.language.code} {self.text!r}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_captioner": None}  # it would be loaded again in the other process

    def attention(self) -> "list[AttentionMap]":
        """Compute the attention map of each token of the text or, of a translated caption, of its source.

        The photo is encoded again, and the decoder is run on the text by teacher forcing.

        Returns:
            A map per token, each with `weights`, `(cells,) float32`, of sum 1; an empty list for a decoder without
            attention.

        Raises:
            PhotoError: the photo can't be read any more.
            PolycapError: the caption was pickled, and has no captioner.

        Reference: Xu et al. (2015), "Show, Attend and Tell", arXiv:1502.03044, section 5.4.
        """
        if self._captioner is None:
            raise PolycapError(
                f"{self.text}: the caption has no captioner for attention maps; caption the photo in this process"
            )
        return self._captioner.attention(self.photo, self.candidates[0].source or self.text)

    def _repr_html_(self) -> str:
        from polycap.captioning.page import caption_html

        return caption_html(self)
