"""``steeldefectx demo``: a page on this machine to drop images on, and see what one checkpoint or two make of them."""
