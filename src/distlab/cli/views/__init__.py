"""What the terminal shows, one object each: values in, lines out. No clock, no terminal, no files but the student's."""
