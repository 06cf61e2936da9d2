"""Examination of an installation: what works here, what does not, and how each fault is mended. Changes nothing."""
