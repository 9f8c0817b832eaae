"""What is said: sentences by language, and tables with a column a language.

`phrases.tsv` has the prose of the table of primitives, `remarks.tsv` what a teacher adds about an
operation or, in place of the English of its docstring, about a layer.
"""
