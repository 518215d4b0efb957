#include <fmt/format.h>

#include "admin/listening_socket.h"
#include "admin/tls_certificate.h"
#include "base/log.h"
#include "preflight/preflight.h"

namespace bw {

std::vector<Finding> CheckAdmin(const Options& options, const Seen& seen) {
  Findings findings("Admin endpoint");
  // A relay on this spool may be the one that listens there.
  if (options.admin.address.empty() || seen.spool_in_use) return {};
  findings.Try([&] {
    if (!options.admin.certificate_file.empty()) {
      const TlsCertificate certificate(options.admin.certificate_file, options.admin.key_file);
      findings.Good("The certificate is valid until " + certificate.valid_until());
    }
    ListeningSocket::Tcp(options.admin.address);
    findings.Good(fmt::format("{} is free", Printable(options.admin.address)));
  });
  return findings.Take();
}

}  // namespace bw
