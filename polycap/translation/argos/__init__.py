"""Argos Translate's packages: found, installed, and computed with CTranslate2."""
