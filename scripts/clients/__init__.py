"""Reads what the relay published and says of itself, with clients that share no code with it."""

from .admin import Admin
from .decoders import AvroDecoder, JsonDecoder
from .topic_reader import Message, TopicReader

__all__ = ["Admin", "AvroDecoder", "JsonDecoder", "Message", "TopicReader"]
