"""Kills real processes while interchanges are numbered and sent, and looks for gaps and repetitions afterwards."""
