"""The way of outputs to one target: order, retries, circuits, numbers."""
