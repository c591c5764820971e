"""Test functions with their domains, starts, minima and sources."""

from steepest.problems.gallery.surface import Point, Surface
from steepest.problems.gallery.table import GALLERY, get

__all__ = ["GALLERY", "Point", "Surface", "get"]
