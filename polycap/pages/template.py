"""HTML templates of polycap."""

from pathlib import Path

from polycap.files import make_folder, write_text
from polycap.files.atomic import require_replaceable

__all__ = ["fill_template", "make_page_folder", "write_template"]


def fill_template(template: str, **values: object) -> str:
    """Return an HTML template of polycap filled with these values, escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("polycap.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values) + "\n"


def make_page_folder(path: Path) -> None:
    """Make the folder of a page, before the work.

    Raises:
        PolycapError: it can't be made.
        OSError: the page itself is a device or a pipe.
    """
    require_replaceable(path)
    make_folder(path.parent)


def write_template(path: Path, template: str, **values: object) -> None:
    """Fill an HTML template of polycap, and write it to `path`, atomically.

    Raises:
        PolycapError: `path` can't be written.
    """
    write_text(path, fill_template(template, **values))
