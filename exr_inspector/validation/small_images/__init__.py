"""What small images of frames show: 16 x 16 areas, and black cells of 8 x 8 pixels. Pure.

Only commands that read all pixels make such images. The function's folder does not have this package: rules import it where
`SequenceFacts.has_small_images`, or where the grid of a part's zeros is known.
"""
