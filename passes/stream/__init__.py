"""Stream: a sequence model becomes one that takes a few frames at a time and hands its states on."""
