"""Builds of several languages, one after another: a failure of one stops none of the others."""

import logging
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from polycap.errors import BuildError, PolycapError, one_line
from polycap.files.progress import progress_bar
from polycap.pipeline.arguments import BuildOptions
from polycap.pipeline.build import Build, build_language
from polycap.pipeline.plan import PlannedStage

__all__ = ["build_languages", "builds_to_json"]

logger = logging.getLogger(__name__)


def build_languages(
    codes: Sequence[str],
    options: BuildOptions | None = None,
    *,
    work: str | PathLike[str] = "work",
    dry_run: bool = False,
    on_step: Callable[[str, PlannedStage], None] | None = None,
    progress: bool | None = None,
) -> dict[str, Build | PolycapError]:
    """Make the packs of several languages, one after another, as `build_language` makes each.

    Args:
        codes: the languages; one that is named twice is built once.
        options: of all of them; captions are those of the last builds or of the languages' folders.
        work, dry_run: as for `build_language`.
        on_step: function that is called with the code and each stage. (default: none)
        progress: draw one bar for all on stderr. (default: if it is a terminal)

    Returns:
        The build of each language by its code, or the error in its place.

    Raises:
        BuildError: `options` has a file of captions, which are one language's.
    """
    codes, options = list(dict.fromkeys(codes)), options or BuildOptions()
    if len(codes) > 1 and any(options.captions):
        raise BuildError(
            "`captions`: a file's captions are one language's: build that alone, or name files in each language.toml"
        )
    builds: dict[str, Build | PolycapError] = {}
    with progress_bar(show=progress, total=len(codes), unit="language") as bar:
        for code in codes:

            def tell(step: PlannedStage, code: str = code) -> None:
                bar.set_description(f"{code} {step.stage.name}")
                if on_step:
                    with bar.external_write_mode():  # lines stand above the bar
                        on_step(code, step)

            builds[code] = _try(code, options, work=work, dry_run=dry_run, on_step=tell, progress=False)
            bar.update()
    return builds


def _try(code: str, options: BuildOptions, **more: Any) -> Build | PolycapError:
    """Build a language; return the error if that fails, also one that nobody foresaw, whose traceback is logged."""
    try:
        return build_language(code, options, **more)
    except PolycapError as error:
        return error
    except Exception as error:
        logger.exception("%s: the build failed", code)
        return BuildError(f"{type(error).__name__}: {one_line(error)}")


def builds_to_json(builds: Mapping[str, Build | PolycapError]) -> list[dict[str, Any]]:
    """Return the builds as JSON-able values; a failed one has `error`."""
    return [
        build.to_json() if isinstance(build, Build) else {"language": code, "error": str(build)}
        for code, build in builds.items()
    ]
