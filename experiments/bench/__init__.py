"""How fast is the engine, how much memory does a person take, and how far is that from other packages and from the machine?

Command: ``make bench`` (an hour or so; ``make bench ARGS=--quick`` is a rehearsal of a minute). Figures:
docs/figures/cost.png; the tables go to the terminal, ``outputs/bench/bench.parquet``, ``outputs/bench/bench.json`` and
docs/performance.md. ``make peers`` installs the packages to compare with into an environment of their own; where one is
missing its row says so.

Every row runs in a process of its own with one thread, one process at a time, and every round runs every row once, so that
what else the machine does falls on all rows alike; figures are medians over the rounds, with the lowest and the highest.
Rates leave out `build_seconds`, the CPU time that makes people, ties and tables from what is on file. `peak_memory_bytes` is
the peak of the row's whole process; `bytes_per_person` is its growth since before the first person was made, building
included, per person.
"""
