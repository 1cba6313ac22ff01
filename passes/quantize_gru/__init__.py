"""The pass ``quantize-gru`` and the ways in which it quantises."""
