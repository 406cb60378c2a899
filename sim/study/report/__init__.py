"""The report: one page per study, design or sweep, which holds its tables, figures and how to make it again."""

from sim.study.report.page import page_of, write_report

__all__ = ["page_of", "write_report"]
