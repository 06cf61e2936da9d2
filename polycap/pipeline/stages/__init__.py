"""The stages of a language, a file each."""
