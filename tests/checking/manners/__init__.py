"""Layers in the manners of courses, blogs, frameworks and papers, and not of this house."""
