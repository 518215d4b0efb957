#pragma once

#include <string>

#include "base/error.h"

namespace bw {

// Halt kSpoolUnusable: `what` was found, in words and with its place. Says what is to be done.
Error CorruptSpool(const std::string& what);

}  // namespace bw
