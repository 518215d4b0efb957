#pragma once

#include <string>

namespace bw {

// 128 random bits from the kernel as 32 hexadecimal digits: lineage and instance ids.
std::string RandomId();

}  // namespace bw
