"""HTML templates of polycap."""

from pathlib import Path

from polycap.files import write_text

__all__ = ["fill_template", "write_template"]


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


def write_template(path: Path, template: str, **values: object) -> None:
    """Fill an HTML template of polycap, and write it to `path`, atomically.

    Raises:
        PolycapError: `path` can't be written.
    """
    write_text(path, fill_template(template, **values))
