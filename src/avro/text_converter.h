#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/invalid_text.h"
#include "base/text_encoding.h"

namespace bw {

// The text in UTF-8. A byte that is no part of a character becomes U+FFFD with kReplace; otherwise
// there is no result. Pure.
std::optional<std::string> TextToUtf8(std::string_view text, const TextEncoding& encoding,
                                      InvalidText invalid_text);

}  // namespace bw
