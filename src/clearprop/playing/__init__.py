"""The page that trains a network by itself: `play`.

network → programs     the step, the look inside, the scores, as JavaScript
data → packing         images and numbers in few characters
     → writing         one file that needs nothing else; a worker in it computes
"""

from clearprop.playing.writing import play

__all__ = ["play"]
