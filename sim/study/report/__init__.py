"""The report: one page per study, design or sweep, which holds its tables, figures and how to make it again."""

from sim.study.report.page import has_report, page_of, write_report

__all__ = ["has_report", "page_of", "write_report"]
