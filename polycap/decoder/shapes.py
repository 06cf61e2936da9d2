"""Names and shapes of a decoder's weights, by its settings alone. Does not import Keras.

The names are those in packs. They are polycap's own: a name that changes makes packs unreadable.
"""

from polycap.decoder.settings import DecoderSettings

__all__ = ["Shapes", "photo_shapes", "weight_shapes"]

Shapes = dict[str, tuple[int, ...]]
"""Shapes of weights by name, such as `state_gates/kernel`."""


def weight_shapes(settings: DecoderSettings) -> Shapes:
    """Return the shapes of the weights that `build_decoder(settings)` makes, as `named_weights` names them."""
    kinds = {"attention": _attention, "merge": _merge}
    return _lstm(settings) | kinds[settings.kind](settings)


def photo_shapes(settings: DecoderSettings) -> Shapes:
    """Return the shapes of the weights that belong to `polycap.encoder.photo_layers`; none of a kind without them."""
    if settings.kind != "attention":
        return {}
    units = settings.units
    return {
        **_dense("cell_projection", settings.channels, units),
        "place": (settings.cells, units),
        **_dense("initial_output", units, units),
        "photo_gates/kernel": (units, 4 * units),
    }


def _lstm(settings: DecoderSettings) -> Shapes:
    """Return the weights of every kind: token embeddings, and the LSTM's gates."""
    units, embedding = settings.units, settings.embedding
    return {
        "embedding/embeddings": (settings.vocab_size, embedding),
        **_dense("token_gates", embedding, 4 * units),
        "state_gates/kernel": (units, 4 * units),
    }


def _attention(settings: DecoderSettings) -> Shapes:
    units = settings.units
    return {
        **photo_shapes(settings),
        "query/kernel": (units, units),
        **_dense("readout", 2 * units, settings.embedding),
        "output_bias": (settings.vocab_size,),
    }


def _merge(settings: DecoderSettings) -> Shapes:
    units = settings.units
    return {
        **_dense("photo", settings.channels, units),
        **_dense("hidden", units, units),
        **_dense("vocabulary", units, settings.vocab_size),
    }


def _dense(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}/kernel": (inputs, outputs), f"{name}/bias": (outputs,)}
