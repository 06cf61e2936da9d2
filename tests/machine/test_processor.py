"""Tests of polycap/machine/processor.py."""

import pytest

from polycap.runtime.precision import FPMATH

pytest_plugins = ["tiny_fixtures"]


@pytest.mark.parametrize(
    ("flags", "fast", "products", "convolutions"),
    [
        ("GenuineIntel fpu avx512_bf16 amx_bf16", True, True, True),
        ("GenuineIntel fpu avx512_bf16", False, True, False),
        ("AuthenticAMD fpu avx512_bf16", True, True, False),
        ("AuthenticAMD fpu avx512f", False, False, False),
        ("GenuineIntel fpu avx512f", False, False, False),
    ],
)
def test_what_the_processor_can_do(
    flags: str, fast: bool, products: bool, convolutions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polycap.machine import backend, processor

    monkeypatch.setattr(processor, "_flags", lambda: frozenset(flags.split()))
    assert (processor.has_fast_bfloat16(), processor.has_bfloat16_products()) == (fast, products)
    monkeypatch.setenv(FPMATH, "BF16")
    assert backend.has_bfloat16_convolutions() == convolutions
    monkeypatch.setenv(FPMATH, "STRICT")
    assert not backend.has_bfloat16_convolutions()
