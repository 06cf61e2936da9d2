"""What a language is built from; kept in its work folder, so that the next build goes on with the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polycap.errors import BuildError
from polycap.files import read_json, write_json

__all__ = ["BuildArguments", "read_arguments", "save_arguments", "settle_arguments"]

FILE = "build.json"


class BuildArguments(BaseModel):
    """The arguments of a build, each default in one place.

    Attributes:
        data: the dataset's folder.
        captions: captions of its photos in the language, as `CaptionSource.parse` reads them; none for the dataset's
            own, or their translation.
        origin: where they come from, where neither the file nor the argument says it.
        settings: training settings by name, as they were written.
        components: channels per cell after the PCA.
        mirrored: train on the photos flipped left to right, too.
        encoder_weights: the encoder's weights, if they are not where `find_weights` looks.
        start: the language, or the pack's folder, whose decoder training begins with; "" for nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path
    captions: tuple[str, ...] = ()
    origin: str = "human"
    settings: dict[str, str] = Field(default_factory=dict)
    components: int = Field(default=512, ge=1, le=2048)
    mirrored: bool = True
    encoder_weights: Path | None = None
    start: str = ""


def read_arguments(folder: Path) -> BuildArguments | None:
    """The arguments of the last build in a language's work folder, or None.

    Raises:
        BuildError: they can't be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return BuildArguments.model_validate(read_json(path, BuildError))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BuildError(f"{path}:{where}: {first['msg']}; delete the file and give `data` again") from error


def settle_arguments(
    folder: Path,
    code: str,
    *,
    assignments: Sequence[str] = (),
    captions: Sequence[str] = (),
    **given: Path | str | int | bool | None,
) -> BuildArguments:
    """The arguments of the last build with what is given now; a setting takes the place of the same one before.

    Args:
        folder: the language's work folder.
        code: the language, for messages.
        assignments: training settings, `name=value`.
        captions: captions of the language; they take the place of all before. An empty one: of none.
        given: the other arguments; None for one that is not given.

    Raises:
        BuildError: no dataset is named, now or before; or an argument is not allowed.
    """
    last = read_arguments(folder)
    values: dict[str, Any] = last.model_dump() if last else {}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    # absolute: the next build may start elsewhere
    changes.update({name: value.absolute() for name, value in changes.items() if isinstance(value, Path)})
    if captions:
        changes["captions"] = tuple(_absolute(source) for source in captions if source)
    if changes.get("captions", values.get("captions")) != values.get("captions"):
        values.pop("origin", None)  # it was said of other captions
    settings = dict(values.get("settings", {}))
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        settings[name] = value
    values.update(changes, settings=settings)
    if "data" not in values:
        raise BuildError(f"{code}: no dataset yet in {folder}: give `data` DIR, its folder of photos and captions")
    try:
        return BuildArguments.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise BuildError(f"{first['loc'][0]}={first['input']}: {first['msg']}") from error


def _absolute(source: str) -> str:
    """A source of captions whose file is found from anywhere."""
    path, *rest = [source] if Path(source).is_file() else source.split(",")
    return ",".join([str(Path(path).absolute()), *rest])


def save_arguments(folder: Path, arguments: BuildArguments) -> None:
    """Keep the arguments for the next build."""
    write_json(folder / FILE, arguments.model_dump(mode="json"))
