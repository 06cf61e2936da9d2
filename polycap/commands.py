"""What `polycap caption` does between parsing and exit: choosing languages, streaming, writing the page."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from polycap.errors import LanguageError, PackError, PhotoError, PolycapError
from polycap.features.images import find_photos
from polycap.files import make_folder
from polycap.page import PageCaption, PageRow, write_page
from polycap.registry import Registry
from polycap.samples import credit_of

if TYPE_CHECKING:  # imported where they are needed: a mistake is told before TensorFlow is loaded
    from polycap.captioning import Captioner, Result

__all__ = ["caption_command", "load_captioners"]

logger = logging.getLogger(__name__)


def load_captioners(
    languages: str,
    *,
    beam: int | None = None,
    n_best: int = 1,
    pack: Path | None = None,
    weights: Path | None = None,
) -> "list[Captioner]":
    """The captioners of "en", "de,fr" or "all", with one encoder between them.

    Args:
        beam: width of the search; without it, each language's own, or `n_best` if that is more.

    Raises:
        LanguageError: an unknown language, `all` where none is trained, or one pack for several languages.
        PackError: a language has no usable pack.
    """
    registry = Registry.discover()
    if languages == "all":
        codes = [language.code for language in registry.languages if language.status == "trained"]
    else:
        codes = list(dict.fromkeys(code.strip() for code in languages.split(",") if code.strip()))
    if not codes:
        raise LanguageError(f"--language {languages}: no language has a trained pack; train one with `polycap train`")
    if pack is not None and len(codes) > 1:
        raise LanguageError(f"--pack is one language's, but --language names {len(codes)}: {', '.join(codes)}")
    chosen = [registry.get(code) for code in codes]
    for language in chosen:
        if pack is None and language.status == "untrained":
            raise PackError(
                f"{language.code}: no trained pack yet in {language.folder}; train one with `polycap train`"
            )
    from polycap.captioning import Captioner
    from polycap.features.encoder import Encoder

    encoder = Encoder.load(weights)
    captioners: list[Captioner] = []
    for language in chosen:
        width = beam or max(language.decoding.beam_width, n_best)
        settings = language.decoding.model_copy(update={"beam_width": width})
        try:
            captioners.append(Captioner.load(language.code, pack=pack, encoder=encoder, settings=settings))
        except PackError as error:
            if languages != "all":
                raise
            logger.warning("%s: left out: %s", language.code, error)  # one broken pack does not hide the others
    if not captioners:
        raise LanguageError(f"--language {languages}: none of {', '.join(codes)} has a usable pack; see above")
    return captioners


def caption_command(
    paths: Sequence[Path],
    languages: str,
    *,
    beam: int | None,
    n_best: int,
    as_json: bool,
    html: Path | None,
    pack: Path | None,
    weights: Path | None,
) -> list[str]:
    """Print captions as they are ready; returns what went wrong, a line each."""
    photos, missing = _find_all(paths)
    errors = list(missing.values())
    if as_json:
        for path, error in missing.items():
            print(_error_line(path, error))
    if not photos:
        return errors
    if html is not None:  # before the work: what can't be written should not be found out after it
        make_folder(html.parent)
        if html.is_dir():
            raise PolycapError(f"{html}: is a folder; name a file for the page")
    captioners = load_captioners(languages, beam=beam, n_best=n_best, pack=pack, weights=weights)
    from polycap.captioning import caption_photos

    rows: list[PageRow] = []
    results = caption_photos(photos, captioners, n_best=n_best)
    for result in tqdm(results, total=len(photos), unit="photo", disable=len(photos) < 8 or not sys.stderr.isatty()):
        if result.error is not None:
            errors.append(str(result.error))
        lines = _json_lines(result) if as_json else _text_lines(result, len(captioners) > 1)
        for line in lines:
            tqdm.write(line, file=sys.stdout)
        if html is not None:
            rows.append(_page_row(result, captioners))
    if html is not None:
        write_page(html, "Captions by polycap", rows)
    return errors


def _find_all(paths: Sequence[Path]) -> tuple[list[Path], dict[Path, str]]:
    """The photos of all paths, and what is wrong with the paths that have none."""
    photos: list[Path] = []
    errors: dict[Path, str] = {}
    for path in paths:
        try:
            photos += find_photos(path)
        except PhotoError as error:
            errors[path] = str(error)
    return photos, errors


def _error_line(photo: object, error: object) -> str:
    return json.dumps({"photo": str(photo), "error": str(error)}, ensure_ascii=False)


def _json_lines(result: "Result") -> list[str]:
    if result.error is not None:
        return [_error_line(result.photo, result.error)]
    lines = []
    for code, candidates in result.candidates.items():
        row: dict[str, Any] = {"photo": str(result.photo), "language": code}
        row |= {"caption": candidates[0].caption, "score": round(candidates[0].score, 4)}
        row["candidates"] = [
            {"caption": c.caption, "score": round(c.score, 4), "log_prob": round(c.log_prob, 4)} for c in candidates
        ]
        lines.append(json.dumps(row, ensure_ascii=False))
    return lines


def _text_lines(result: "Result", name_language: bool) -> list[str]:
    return [
        "\t".join([str(result.photo), *([code] if name_language else []), candidate.caption])
        for code, candidates in result.candidates.items()
        for candidate in candidates
    ]


def _page_row(result: "Result", captioners: "Sequence[Captioner]") -> PageRow:
    path = Path(str(result.photo))
    if result.error is not None:
        return PageRow(path.name, path, error=str(result.error), credit=credit_of(path))
    captions = [
        PageCaption(c.language.code, c.language.native_name, c.language.direction, candidate.caption, candidate.score)
        for c in captioners
        for candidate in result.candidates[c.language.code]
    ]
    return PageRow(path.name, path, captions, credit=credit_of(path))
