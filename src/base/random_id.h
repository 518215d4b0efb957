#pragma once

#include <cstdint>
#include <string>

namespace bw {

// 128 random bits from the kernel as 32 hexadecimal digits: lineage and instance ids.
std::string RandomId();

// A seed from the kernel, for jitter.
uint64_t RandomSeed();

}  // namespace bw
