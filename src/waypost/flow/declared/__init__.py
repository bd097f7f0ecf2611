"""A project as its files declare it: read, expanded, checked against itself; nothing runs yet."""
