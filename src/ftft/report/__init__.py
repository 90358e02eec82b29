"""What a person sees of finished runs."""
