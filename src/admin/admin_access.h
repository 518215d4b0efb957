#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/admin_request.h"
#include "options/options.h"

namespace bw {

// Why a request is refused; nothing when it may be served. The socket's owner may do everything.
// Anybody else must use a Host that is ours, or a web page in somebody's browser could read the
// status through a name of its own (DNS rebinding), and may GET; POST takes the token of
// --admin-token-file.
std::optional<AdminResponse> Refusal(const AdminRequest& request, const AdminOptions& options);

// Whether the Host header is localhost, an address in figures or one of `names` (in small letters),
// with or without a port.
bool IsOurHost(std::string_view host, const std::vector<std::string>& names);

}  // namespace bw
