"""Machine: processor, Keras backend, optional packages, and child processes."""
