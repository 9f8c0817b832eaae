"""A run as one page: what was learned, what was not, and what went on inside.

markup     elements with everything escaped
png        small images without a package
scales     ticks, and numbers beside them
charts     lines and bands as SVG
evidence   what the network says of the test data
curves     the course of the training
answers    what the network gets right and wrong
regression how far numbers are off, and on which columns answers depend
inside     what it is made of
page       the page
picture    the curves alone, as PNG
at_work    filters, and what each layer makes of one image
experiments  those of the book's chapter 6
figures    the pictures of chapters 6 and 7
"""

from clearprop.reporting.page import report_page, write_report
from clearprop.reporting.picture import draw_comparison, draw_curves

__all__ = ["draw_comparison", "draw_curves", "report_page", "write_report"]
