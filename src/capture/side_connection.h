#pragma once

#include <optional>

#include "capture/pg_connection.h"

namespace bw {

// An ordinary connection beside the replication connection, for the few catalog questions of a
// session; opened when first needed. Used by one thread.
class SideConnection {
 public:
  SideConnection(const CaptureOptions& options, const Stop& stop)
      : options_(options), stop_(stop) {}

  PgConnection* Get() {
    if (!connection_) connection_.emplace(options_, PgConnection::Mode::kSql, stop_);
    return &*connection_;
  }
  // After an error the connection may be broken: the next Get makes a new one.
  void Reset() { connection_.reset(); }

 private:
  const CaptureOptions& options_;
  const Stop& stop_;
  std::optional<PgConnection> connection_;
};

}  // namespace bw
