"""The command line: one file a command, each a typed dataclass and a function."""
