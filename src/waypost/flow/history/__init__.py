"""What was: explained, recomputed, replayed, decided on anew."""
