"""NumPy functions and their local derivatives. This floor knows only NumPy."""
