#pragma once

#include <string>
#include <string_view>

namespace bw {

// The Content-Security-Policy of a page that loads nothing: it may run the scripts and use the
// styles that are in it, known by their hashes, ask its own server, and be embedded nowhere.
std::string ContentSecurityPolicy(std::string_view page);

}  // namespace bw
