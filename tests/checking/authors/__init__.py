"""Layers as other authors wrote them: not in the style of the house, and left as they are."""
