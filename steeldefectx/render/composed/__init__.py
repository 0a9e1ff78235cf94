"""Scenes composed from attributes: any form, on any surface, by any camera, with texts that are true of their masks.

Marks are laid out (:mod:`.layout`), drawn as distances (:mod:`.pen` and the forms), shaded by tone and relief
(:mod:`.shading`), put on a surface of a part (:mod:`.surfaces`, :mod:`.parts`) and photographed (:mod:`.lens`).
"""
