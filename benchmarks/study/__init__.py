"""The study: does merging do what the paper says, and when? `make study EXP=E3` reproduces one experiment."""
