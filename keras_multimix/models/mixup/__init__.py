"""Training any Keras model on mixed batches."""
