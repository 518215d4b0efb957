#pragma once

#include <string_view>

namespace bw {

// The page at /, which shows /status live: src/admin/page/, one self-contained HTML document.
extern const std::string_view kPage;

}  // namespace bw
