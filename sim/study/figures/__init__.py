"""The figures of a study: one function each, drawn from its long tables into the axes that it is given.

All counts are real people or posts (already scaled by the weight). Lines and bars are means over replicates; bands and
whiskers are pointwise 95 % t intervals, and a figure of a single replicate says that it has none. `figure` gives axes
in the style of all figures, and `write_all` writes every figure of a study to a folder. `dose_response`, `heat_map`,
`sign_map` and `comparison` show the joined tables of a sweep or of a design, and `write_sweep` writes their figures.
What the functions share:

ax
    Axes to draw into; they come back.
curves
    Columns ``arm, replicate, time, curve, value``; times have a zone, and the figures show it.
marks
    The night; its period is what the axis shows.
arm
    Which arm.
legend
    True draws a legend below the axes, False draws none, and other axes draw it below those: one for two panels.
title
    Text above the axes.

They raise `InputError` where a table lacks a column, curve or arm, repeats a row, or holds nothing within the period.
"""

from sim.study.figures.comparison import comparison
from sim.study.figures.decisions import decisions_over_time
from sim.study.figures.difference import paired_difference
from sim.study.figures.hearing import first_hearing, last_touch
from sim.study.figures.heat import heat_map, sign_map
from sim.study.figures.marks import Marks
from sim.study.figures.pages import curves_shown, write_all
from sim.study.figures.posts import posts_per_minute
from sim.study.figures.response import dose_response
from sim.study.figures.squares import people_on_squares, squares_by_province
from sim.study.figures.style import figure
from sim.study.figures.sweep_pages import write_sweep
from sim.study.figures.written import Written

__all__ = [
    "Marks",
    "Written",
    "comparison",
    "curves_shown",
    "decisions_over_time",
    "dose_response",
    "figure",
    "first_hearing",
    "heat_map",
    "last_touch",
    "paired_difference",
    "people_on_squares",
    "posts_per_minute",
    "sign_map",
    "squares_by_province",
    "write_all",
    "write_sweep",
]
