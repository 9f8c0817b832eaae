"""Optimisers: how derivatives become a change of the parameters, one formula a file."""
