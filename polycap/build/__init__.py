"""`polycap build` and `polycap status`: a language from one end to the other, and what of it is up to date."""

from polycap.build.run import Build, build_language
from polycap.build.status import LanguageStatus, language_status

__all__ = ["Build", "LanguageStatus", "build_language", "language_status"]
