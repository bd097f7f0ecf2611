"""The engine of one worker: sources in, batches through, outputs to their lanes."""
