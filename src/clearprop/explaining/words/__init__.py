"""What is said, in each language: one table of sentences, the same in all."""
