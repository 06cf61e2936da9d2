"""Group of captioners of several languages, which encodes each photo once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, overload

from polycap.captioning.caption import Caption
from polycap.captioning.captioner import Captioner, Errors, Photos, stream_captions
from polycap.captioning.pickled import reduce_by_loading
from polycap.captioning.stream import PhotoCaptions
from polycap.errors import LanguageError
from polycap.photos.load import Photograph, is_photo

__all__ = ["CaptionerGroup"]


class CaptionerGroup:
    """Captioners of several languages with one encoder. Load it with `polycap.load` of a list.

    >>> many = polycap.load(["en", "de"])               # doctest: +SKIP
    >>> many("dog.jpg")["de"].text                      # doctest: +SKIP
    'ein brauner hund rennt durch das gras'

    Attributes:
        captioners: captioners by language code, in their order.

    Args:
        captioners: captioners that share an encoder.

    Raises:
        LanguageError: there is no captioner, or two are of one language.
        PackError: a captioner has another encoder than the first.
    """

    loaded_by: "dict[str, Any] | None" = None
    """As `Captioner.loaded_by`."""

    def __init__(self, captioners: Sequence[Captioner]) -> None:
        self.captioners = {captioner.language.code: captioner for captioner in captioners}
        if not captioners or len(self.captioners) < len(captioners):
            codes = ", ".join(captioner.language.code for captioner in captioners)
            raise LanguageError(f"captioners of [{codes}]: a group has one or more, of different languages")
        for captioner in captioners:
            captioner.pack.require_encoder(captioners[0].encoder.identity)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self.captioners)}>"

    def __reduce__(self) -> Any:
        return reduce_by_loading(", ".join(self.captioners), self.loaded_by)

    def __getitem__(self, code: str) -> Captioner:
        if code not in self.captioners:
            raise LanguageError(f"{code}: no captioner of it in this group; there are {', '.join(self.captioners)}")
        return self.captioners[code]

    @overload
    def __call__(self, photos: Photograph, *, n_best: int = 1) -> dict[str, Caption]: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, photos: Iterable[Photograph], *, n_best: int = 1) -> list[dict[str, Caption]]: ...

    def __call__(self, photos: Photos, *, n_best: int = 1) -> dict[str, Caption] | list[dict[str, Caption]]:
        """Caption one photo or several in all languages: as `Captioner.__call__`, with captions by language code."""
        captions = list(self.pipe(photos, n_best=n_best))
        return captions[0] if is_photo(photos) else captions

    @overload
    def pipe(self, photos: Photos, *, n_best: int = 1) -> Iterator[dict[str, Caption]]: ...

    @overload
    def pipe(self, photos: Photos, *, n_best: int = 1, errors: Literal["raise"]) -> Iterator[dict[str, Caption]]: ...

    @overload
    def pipe(self, photos: Photos, *, n_best: int = 1, errors: Errors) -> Iterator[PhotoCaptions]: ...

    def pipe(self, photos: Photos, *, n_best: int = 1, errors: Errors = "raise") -> Iterator[PhotoCaptions]:
        """Caption a stream of photos in all languages: as `Captioner.pipe`, with captions by language code."""
        return stream_captions(list(self.captioners.values()), photos, n_best, errors)
