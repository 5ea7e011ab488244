"""Scenes, and what they are played for."""
