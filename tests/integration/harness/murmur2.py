"""Java's default partitioner, written from Kafka's documentation of it, to check ours against."""

MASK = 0xFFFFFFFF
MULTIPLIER = 0x5BD1E995


def partition_of(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * MULTIPLIER & MASK
        k ^= k >> 24
        k = k * MULTIPLIER & MASK
        h = h * MULTIPLIER & MASK ^ k
    if rest := data[whole:]:
        h ^= int.from_bytes(rest, "little")
        h = h * MULTIPLIER & MASK
    h ^= h >> 13
    h = h * MULTIPLIER & MASK
    return h ^ h >> 15
