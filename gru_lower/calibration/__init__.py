"""Calibration: what goes into the GRUs of a model on given inputs, and how far quantised ones are off."""
