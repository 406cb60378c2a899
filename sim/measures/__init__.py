"""Pure functions of curves and logs: what a run says, and how sure a study is of it."""
