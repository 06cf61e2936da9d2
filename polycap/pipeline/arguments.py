"""Arguments of a build, kept in the language's work folder for the next build."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polycap.errors import BuildError
from polycap.files import read_json, write_json

__all__ = ["BuildArguments", "BuildOptions", "read_arguments", "save_arguments", "settle_arguments"]

FILE = "build.json"


@dataclass(frozen=True)
class BuildOptions:
    """Options of `build_language`. One that is left out is as in the language's last build.

    Attributes:
        data: folder of the dataset. (default: the last build's)
        captions: files of captions of its photos in the language, `FILE[,origin=…][,weight=…]`; an empty text for none.
            (default: the last build's, else the `[[captions]]` of the language's folder, else the dataset's own, which
            are translated unless the language's engine is "none")
        origin: origin of captions whose file names none. (default: the last build's, else human)
        caption_file, photo_folder: as for `load_dataset`. (default: the last build's of this `data`, else looked for)
        settings: training settings, `NAME=VALUE`, over those of the last build and of the language's folder.
        mirrored: also train on horizontally flipped photos. (default: the last build's, else True)
        encoder: folder of the encoder's artefact. (default: the last build's, else `POLYCAP_ENCODER`, else the shipped
            one)
        start: language, or folder of a pack, whose weights training begins with; "" for none. (default: the last
            build's, else none)
    """

    data: str | PathLike[str] | None = None
    captions: Sequence[str] = ()
    origin: str | None = None
    caption_file: str | PathLike[str] | None = None
    photo_folder: str | PathLike[str] | None = None
    settings: Sequence[str] = ()
    mirrored: bool | None = None
    encoder: str | PathLike[str] | None = None
    start: str | None = None

    def changes(self) -> dict[str, Any]:
        """Return the fields of `BuildArguments` that change, but for the settings; paths are absolute."""
        values: dict[str, Any] = {"origin": self.origin, "mirrored": self.mirrored}
        values |= {"start": self.start, "captions": tuple(map(_absolute, filter(None, self.captions)))}
        for name in ("data", "caption_file", "photo_folder", "encoder"):
            path = getattr(self, name)
            values[name] = Path(path).absolute() if path else None  # the next build may start elsewhere
        if not self.captions:
            del values["captions"]
        return {name: value for name, value in values.items() if value is not None}


class BuildArguments(BaseModel):
    """Arguments of a build, as `BuildOptions` describes them, with all defaults.

    Attributes:
        data, captions, origin, caption_file, photo_folder, mirrored, encoder, start: see `BuildOptions`.
        settings: training settings by name, as they were written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path
    captions: tuple[str, ...] = ()
    origin: str = "human"
    caption_file: Path | None = None
    photo_folder: Path | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    mirrored: bool = True
    encoder: Path | None = None
    start: str = ""


def read_arguments(folder: Path) -> BuildArguments | None:
    """Read the arguments of the last build from a language's work folder; None without a build.

    Raises:
        BuildError: the file can't be read.
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


def settle_arguments(folder: Path, code: str, options: BuildOptions) -> BuildArguments:
    """Return the arguments of the last build, changed by options; captions replace all captions of the last build.

    Args:
        folder: the language's work folder.
        code: the language, for messages.
        options: see `BuildOptions`.

    Raises:
        BuildError: no dataset is named, by the options or the last build; or an argument is not allowed.
    """
    last = read_arguments(folder)
    values: dict[str, Any] = last.model_dump() if last else {}
    changes = options.changes()
    if changes.get("captions", values.get("captions")) != values.get("captions"):
        values.pop("origin", None)  # of other captions
    if changes.get("data", values.get("data")) != values.get("data"):
        values = {name: value for name, value in values.items() if name not in ("caption_file", "photo_folder")}
    settings = dict(values.get("settings", {}))
    for assignment in options.settings:
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
    """Return a caption source with the absolute path of its file."""
    path, *rest = [source] if Path(source).is_file() else source.split(",")
    return ",".join([str(Path(path).absolute()), *rest])


def save_arguments(folder: Path, arguments: BuildArguments) -> None:
    """Write the arguments to a language's work folder, for the next build."""
    write_json(folder / FILE, arguments.model_dump(mode="json"))
