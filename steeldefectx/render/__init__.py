"""Synthetic steel with defects: images with exact masks, and the sample's rows with texts that are true of them.

A defect of :mod:`~steeldefectx.render.defects` is drawn on a surface of :mod:`~steeldefectx.render.surfaces`;
:mod:`~steeldefectx.render.sample` and :mod:`~steeldefectx.render.scenes` put the two together.
"""
