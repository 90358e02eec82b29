"""Sharing dynamics, maps and main models: on the Hugging Face hub, or as a folder."""
