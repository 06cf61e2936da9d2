"""All trained languages evaluated at once: one report, as a page, as Markdown and for machines."""

from polycap.report.compare import Comparison, compare_languages
from polycap.report.references import parse_references, references_of
from polycap.report.write import write_comparison

__all__ = ["Comparison", "compare_languages", "parse_references", "references_of", "write_comparison"]
