"""What a report page shows of a verdict: errors by size, by case and over time, and the worst case side by side."""
