"""Stages of a language's build, a file each."""
