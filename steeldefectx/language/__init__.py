"""What a text says of a defect, and whether it is true.

From a mask to words: :mod:`~steeldefectx.language.mask_geometry` measures, :mod:`~steeldefectx.language.attributes`
names, :mod:`~steeldefectx.language.descriptions` (T2, T3) and :mod:`~steeldefectx.language.class_wordings` (T0, T1)
write. From words to what they state: :mod:`~steeldefectx.language.vocabulary` and
:mod:`~steeldefectx.language.stated_text` are read by :mod:`~steeldefectx.language.coverage` (which dimensions) and
:mod:`~steeldefectx.language.claims`, with :mod:`~steeldefectx.language.places` (which values).
:mod:`~steeldefectx.language.claim_check` compares claims with the :mod:`~steeldefectx.language.evidence` of a mask, or
of a class.
"""
