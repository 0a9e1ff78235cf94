"""Descriptions of images, kept: the annotation store (SQLite or PostgreSQL), and JSON lines to exchange them.

:mod:`~steeldefectx.store.annotation_store` is what the rest of the package uses, on the tables of
:mod:`~steeldefectx.store.schema`; :mod:`~steeldefectx.store.database` opens and migrates.
:mod:`~steeldefectx.store.annotations` is the JSON lines file, :mod:`~steeldefectx.store.exchange` goes between the two,
:mod:`~steeldefectx.store.reading` takes either.
"""
