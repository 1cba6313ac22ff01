"""Unpacking Scans whose states are put together of stretches, as lowering packs them for the smallest sizes."""
