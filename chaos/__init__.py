"""Kills, cuts, freezes and fills on purpose, under a seeded load, and checks what a consumer then sees."""
