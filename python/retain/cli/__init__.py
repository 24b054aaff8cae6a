"""The command line: one file per command, with no logic of its own."""
