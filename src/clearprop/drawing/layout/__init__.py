"""The layout: columns from left to right, few crossings, straight lines where it matters.

It follows the four steps of Sugiyama, Tagawa and Toda (Methods for visual understanding of
hierarchical system structures, 1981): each vertex gets a column, long edges are cut into pieces
between neighbouring columns, the vertices of each column are put in an order with few crossings,
and then each gets its height. Every step is deterministic.

It knows vertices with sizes and edges with ends, and nothing of graphs, values or colours. What
stands inside an opened frame is laid out first and is then one large vertex outside, so that a
frame holds its own and nothing else.
"""

from clearprop.drawing.layout.layered import Edge, Layout, Vertex, lay_out

__all__ = ["Edge", "Layout", "Vertex", "lay_out"]
