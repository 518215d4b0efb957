#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/invalid_text.h"
#include "base/text_encoding.h"

namespace bw {

// The text in UTF-8. With kReplace, a byte that is not part of a valid character becomes U+FFFD;
// otherwise the result is nullopt. Pure.
std::optional<std::string> TextToUtf8(std::string_view text, const TextEncoding& encoding,
                                      InvalidText invalid_text);

}  // namespace bw
