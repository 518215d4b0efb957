#include <fmt/format.h>

#include "admin/listening_socket.h"
#include "admin/tls_certificate.h"
#include "base/log.h"
#include "preflight/preflight.h"

namespace bw {

std::vector<Finding> CheckAdmin(const Options& options, const Seen& seen) {
  const AdminOptions& admin = options.admin;
  Findings findings("Admin endpoint");
  if (admin.address.empty()) return {};
  if (!admin.certificate_file.empty()) {
    findings.Try([&] {
      const TlsCertificate certificate(admin.certificate_file, admin.key_file);
      const std::string until = "The certificate is valid until " + certificate.valid_until();
      certificate.expires_soon()
          ? findings.Doubtful(fmt::format("{}; renew \"{}\" (less than {} days)", until,
                                          Printable(admin.certificate_file),
                                          TlsCertificate::kSoon.count()))
          : findings.Good(until);
    });
  }
  // A relay on this spool may be the one that listens there.
  if (seen.spool_in_use) return findings.Take();
  findings.Try([&] {
    ListeningSocket::Tcp(admin.address);
    findings.Good(fmt::format("{} is free", Printable(admin.address)));
  });
  return findings.Take();
}

}  // namespace bw
