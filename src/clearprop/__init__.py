"""clearprop: error backpropagation that you can see, check and run at speed."""

__version__ = "0.1.0"
