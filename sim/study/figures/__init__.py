"""The figures of a study: one function each, drawn from its long tables into the axes that it is given.

All counts are real people or posts (already scaled by the weight). Lines and bars are means over replicates; bands and
whiskers are pointwise 95 % t intervals, and a figure of a single replicate says that it has none. `figure` gives axes
in the style of all figures, and `write_all` writes every figure to a folder. What the functions share:

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

from sim.study.figures.decisions import decisions_over_time
from sim.study.figures.difference import paired_difference
from sim.study.figures.hearing import first_hearing, last_touch
from sim.study.figures.marks import Marks
from sim.study.figures.pages import Written, write_all
from sim.study.figures.posts import posts_per_minute
from sim.study.figures.squares import people_on_squares, squares_by_province
from sim.study.figures.style import figure

__all__ = [
    "Marks",
    "Written",
    "decisions_over_time",
    "figure",
    "first_hearing",
    "last_touch",
    "paired_difference",
    "people_on_squares",
    "posts_per_minute",
    "squares_by_province",
    "write_all",
]
