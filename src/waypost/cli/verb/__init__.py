"""The verbs of the command line, one module a group. What a verb needs is imported when it is performed."""
