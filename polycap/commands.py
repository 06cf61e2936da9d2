"""What `polycap caption` does between parsing and exit: choosing languages, streaming, writing the page."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from polycap.decoder.card_file import read_card
from polycap.errors import LanguageError, PackError, PhotoError, PolycapError
from polycap.features.images import PhotoBytes, find_photos
from polycap.files import make_folder, one_line
from polycap.language import Language
from polycap.page import PageCaption, PageRow, write_page
from polycap.registry import Registry
from polycap.samples import credit_of

if TYPE_CHECKING:  # imported where they are needed: a mistake is told before TensorFlow is loaded
    from polycap.captioning import Captioner, Result
    from polycap.features.protocol import PhotoEncoder
    from polycap.runtime.base import Runtime

__all__ = ["caption_command", "load_captioner", "load_captioners", "result_rows", "translated_by"]

logger = logging.getLogger(__name__)

STANDARD_INPUT = Path("-")
"""Where another program hands a photo on; a file of this name needs its whole path."""


def load_captioners(
    languages: str | None,
    *,
    beam: int | None = None,
    n_best: int = 1,
    pack: Path | None = None,
    weights: Path | None = None,
    via: str | None = None,
    always_via: bool = False,
    broken: dict[str, str] | None = None,
    runtime: "Runtime | None" = None,
) -> "list[Captioner]":
    """The captioners of "en", "de,fr" or "all", with one encoder between them.

    Args:
        languages: codes; without them the pack's, or else the registry's default.
        via: a language to write captions in and translate them from, for languages without a decoder.
        always_via: for the others, too.
        broken: where to enter languages whose pack can't be loaded, and why, instead of raising.
        beam: width of the search; without it, each language's own, or `n_best` if that is more.
        runtime: what computes; without it as `open_runtime` chooses.

    Raises:
        LanguageError: an unknown language, `all` where none is trained, or one pack for several languages.
        PackError: a language has no usable pack.
    """
    registry = Registry.discover()
    chosen = _choose(registry, languages, pack)
    source = registry.get(via) if via else None
    translated = [x for x in chosen if source and x.code != source.code and (always_via or x.status == "untrained")]
    decoded = [language for language in chosen if language not in translated]
    if source and (own := [language.code for language in decoded if language.code != source.code]):
        logger.info("%s: not translated from %s, for there is a decoder", ", ".join(own), source.code)
    for language in [*decoded, *([source] if source and translated else [])]:
        if pack is None and language.status == "untrained":
            code, folder = language.code, language.folder
            hint = "" if via else "; or, if it names a translation engine, `--via` a language that has one"
            raise PackError(f"{code}: no trained pack yet in {folder}; make one with `polycap build {code}`{hint}")
    from polycap.translation.choose import choose_engine
    from polycap.via import ViaCaptioner

    # before the encoder: what is missing is known at once
    translators = {
        x.code: choose_engine(x, source=x.translation.source or source.code).open() for x in translated if source
    }
    from polycap.runtime.choose import open_runtime

    runtime = runtime or open_runtime()
    encoder = runtime.encoder(weights)

    def load(language: Language) -> "Captioner":
        return load_captioner(language, encoder, runtime, beam=beam, n_best=n_best, pack=pack)

    captioners: list[Captioner] = []
    base = load(source) if source and translated else None
    for language in chosen:
        if base is not None and language in translated:
            captioners.append(ViaCaptioner(language, base, translators[language.code]))
            continue
        try:
            captioners.append(load(language))
        except PackError as error:
            if languages != "all" and broken is None:
                raise
            if broken is not None:
                broken[language.code] = str(error)
            logger.warning("%s: left out: %s", language.code, error)  # one broken pack does not hide the others
    if not captioners:
        codes = ", ".join(language.code for language in chosen)
        raise LanguageError(f"--language {languages}: none of {codes} has a usable pack; see above")
    return captioners


def load_captioner(
    language: Language,
    encoder: "PhotoEncoder",
    runtime: "Runtime",
    *,
    beam: int | None = None,
    n_best: int = 1,
    pack: Path | None = None,
) -> "Captioner":
    """One language's captioner, with an encoder that is loaded already; the rest is as in `load_captioners`."""
    from polycap.captioning import Captioner

    width = beam or max(language.decoding.beam_width, n_best)
    settings = language.decoding.model_copy(update={"beam_width": width})
    return Captioner.load(language.code, pack=pack, encoder=encoder, settings=settings, runtime=runtime)


def _choose(registry: Registry, languages: str | None, pack: Path | None) -> list[Language]:
    """The languages that are asked for."""
    own = read_card(pack).language if pack is not None else None
    if languages is None:
        chosen = list(registry.default) if own is None else [registry.get(own)]
    elif languages == "all":
        chosen = [language for language in registry.languages if language.status == "trained"]
    else:
        codes = dict.fromkeys(code.strip() for code in languages.split(",") if code.strip())
        chosen = [registry.get(code) for code in codes]
        if not chosen:
            raise LanguageError(f"--language {languages!r}: names no language; give codes with commas between, or all")
    if not chosen:
        asked = f"--language {languages}: " if languages else ""
        raise LanguageError(f"{asked}no language has a trained pack; make one with `polycap build`")
    if pack is not None and len(chosen) > 1:
        names = ", ".join(language.code for language in chosen)
        raise LanguageError(f"--pack is one language's, but --language names {len(chosen)}: {names}")
    if own not in (None, chosen[0].code):
        logger.warning("%s: captions in %s, by its card, and not in %s", pack, own, chosen[0].code)
    return chosen


def caption_command(
    paths: Sequence[Path],
    languages: str | None,
    *,
    beam: int | None,
    n_best: int,
    as_json: bool,
    html: Path | None,
    pack: Path | None,
    weights: Path | None,
    via: str | None = None,
    runtime: str | None = None,
    precision: str | None = None,
) -> list[str]:
    """Print captions as they are ready; returns what went wrong, a line each."""
    photos, missing = _find_all(paths)
    errors = list(missing.values())
    if as_json:
        for path, error in missing.items():
            print(_line(_error_row(path, error)))
    if not photos:
        return errors
    if html is not None:  # before the work: what can't be written should not be found out after it
        make_folder(html.parent)
        if html.is_dir():
            raise PolycapError(f"{html}: is a folder; name a file for the page")
    from polycap.captioning import caption_photos
    from polycap.runtime.choose import open_runtime

    opened = open_runtime(runtime, precision=precision)
    captioners = load_captioners(
        languages, beam=beam, n_best=n_best, pack=pack, weights=weights, via=via, runtime=opened
    )

    for captioner in captioners:
        if origin := translated_by(captioner):
            logger.info("%s: captions are translated, by %s", captioner.language.code, origin)

    rows: list[PageRow] = []
    results = caption_photos(photos, captioners, n_best=n_best)
    for result in tqdm(results, total=len(photos), unit="photo", disable=len(photos) < 8 or not sys.stderr.isatty()):
        if result.error is not None:
            errors.append(str(result.error))
        lines = map(_line, result_rows(result, captioners)) if as_json else _text_lines(result, len(captioners) > 1)
        for line in lines:
            tqdm.write(line, file=sys.stdout)
        if html is not None:
            rows.append(_page_row(result, captioners))
    if html is not None:
        write_page(html, "Captions by polycap", rows)
    return errors


def _find_all(paths: Sequence[Path]) -> "tuple[list[Path | PhotoBytes], dict[Path, str]]":
    """The photos of all paths, and what is wrong with the paths that have none."""
    photos: list[Path | PhotoBytes] = []
    errors: dict[Path, str] = {}
    for path in paths:
        try:
            photos += [_standard_input()] if path == STANDARD_INPUT else find_photos(path)
        except PhotoError as error:
            errors[path] = str(error)
    return photos, errors


def _standard_input() -> PhotoBytes:
    if sys.stdin is None:  # as a service may be started
        raise PhotoError("-: standard input is closed; give a file, or a pipe")
    return PhotoBytes("-", sys.stdin.buffer.read())


def _line(row: dict[str, Any]) -> str:
    """JSON in UTF-8, but for a file's name that is none: Python escapes its bytes as JSON does."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")


def _error_row(photo: object, error: object) -> dict[str, Any]:
    return {"photo": str(photo), "error": str(error)}


def translated_by(captioner: "Captioner") -> str:
    """What its captions are translated by, `CODE:ENGINE`; empty if they are not translated."""
    from polycap.via import ViaCaptioner

    return f"{captioner.via.code}:{captioner.translator.identity}" if isinstance(captioner, ViaCaptioner) else ""


def result_rows(result: "Result", captioners: "Sequence[Captioner]") -> list[dict[str, Any]]:
    """What `polycap caption --json` prints of a photo: an object for each of the languages, or the error."""
    if result.error is not None:
        return [_error_row(result.photo, result.error)]
    rows = []
    for captioner in captioners:
        candidates = result.candidates[captioner.language.code]
        row: dict[str, Any] = {"photo": str(result.photo), "language": captioner.language.code}
        row |= {"caption": candidates[0].caption, "score": round(candidates[0].score, 4)}
        if origin := translated_by(captioner):
            row |= {"via": origin, "source": candidates[0].source}
        row["candidates"] = [
            {"caption": c.caption, "score": round(c.score, 4), "log_prob": round(c.log_prob, 4)} for c in candidates
        ]
        rows.append(row)
    return rows


def _text_lines(result: "Result", name_language: bool) -> list[str]:
    return [
        "\t".join([one_line(result.photo), *([code] if name_language else []), candidate.caption])
        for code, candidates in result.candidates.items()
        for candidate in candidates
    ]


def _page_row(result: "Result", captioners: "Sequence[Captioner]") -> PageRow:
    path = Path(str(result.photo))
    photo = result.photo.data if isinstance(result.photo, PhotoBytes) else path
    if result.error is not None:
        return PageRow(path.name, photo, error=str(result.error), credit=credit_of(path))
    captions = [
        PageCaption(
            c.language.code,
            c.language.native_name,
            c.language.direction,
            candidate.caption,
            candidate.score,
            translated_by(c),
        )
        for c in captioners
        for candidate in result.candidates[c.language.code]
    ]
    return PageRow(path.name, photo, captions, credit=credit_of(path))
