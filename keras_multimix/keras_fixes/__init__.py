"""What mends Keras, or gets around it."""
