"""What a report says, as sections of text, tables, equations, pictures and charts, whatever they are written in."""
