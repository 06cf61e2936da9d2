"""Photo layers: the layers of a decoder that depend on the photo alone, and that several languages can share."""

from typing import Any

from polycap.machine.backend import keras

__all__ = ["PhotoLayers"]

ops = keras.ops
Tensor = Any


class PhotoLayers(keras.layers.Layer):  # type: ignore[misc]
    """Layers from a photo's features to all that a decoder reads of the photo.

    Decoders of several languages may have the same object: its weights are then one set of numbers, which each of them
    reads and trains.

    Args:
        cells: number of image cells.
        units: LSTM units of the decoders.
    """

    def __init__(self, cells: int, units: int) -> None:
        super().__init__(name="photo_layers")
        self.cells, self.units = cells, units
        dense = keras.layers.Dense
        self.cell_projection = dense(units, activation="relu", name="cell_projection")
        self.place = self.add_weight(
            shape=(cells, units), initializer="zeros", name="place"
        )  # position embedding of each cell
        self.initial_output = dense(units, activation="tanh", name="initial_output")
        self.photo_gates = dense(4 * units, use_bias=False, name="photo_gates")

    def call(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute a photo's part of caption decoding.

        Args:
            features: `(photos, cells, channels) float32`.

        Returns:
            Cells to attend to, `(photos, cells, units) float32`; the photo's part of the LSTM's gates, `(photos, 1,
            4·units) float32`; and the LSTM's initial output, `(photos, 1, units) float32`.
        """
        cells = self.cell_projection(features) + self.place  # (photos, cells, units)
        mean = ops.mean(cells, axis=1, keepdims=True)  # (photos, 1, units)
        return cells, self.photo_gates(mean), self.initial_output(mean)
