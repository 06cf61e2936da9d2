"""Writing of the report's files."""

from pathlib import Path

from polycap.evaluation.compare import Comparison
from polycap.evaluation.report.markdown import comparison_markdown
from polycap.evaluation.report.page import write_comparison_page
from polycap.files import write_json, write_text

__all__ = ["write_comparison"]


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write `report.md`, `report.json` and `report.html` into `folder`, and return the page's path.

    Raises:
        PolycapError: the folder can't be written.
    """
    write_text(folder / "report.md", comparison_markdown(comparison))
    write_json(folder / "report.json", comparison.to_json())
    page = folder / "report.html"
    write_comparison_page(page, comparison)
    return page
