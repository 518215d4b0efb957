"""Reads what the relay published, with clients that share no code with it: confluent-kafka and fastavro."""

from .decoders import AvroDecoder, JsonDecoder
from .topic_reader import Message, TopicReader

__all__ = ["AvroDecoder", "JsonDecoder", "Message", "TopicReader"]
