"""Columns of native types that change under load, and a sink that replays the topics: see chaos/README.md."""
