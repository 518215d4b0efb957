#include "capture/capture_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/shown_text.h"
#include "capture/conninfo.h"

namespace bw {
namespace {

// NAMEDATALEN - 1: PostgreSQL truncates a longer name, and then does not find it.
constexpr size_t kNameBytesMax = 63;

}  // namespace

bool IsValidSlotName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

void CheckCaptureOptions(const CaptureOptions& options) {
  if (options.envelope == Envelope::kDebezium && options.invalid_text == InvalidText::kBytes) {
    throw UsageError(
        "--invalid-text: bytes is not possible with --envelope=debezium, whose texts are strings");
  }
  BuildConnectParameters(options.conninfo, /*replication=*/false, Duration(0));
  if (!IsValidSlotName(options.slot)) {
    throw UsageError(fmt::format(
        "--slot: \"{}\" is not a slot name: PostgreSQL accepts 1 to 63 of a-z, 0-9 and '_'",
        Printable(options.slot)));
  }
  if (options.publication &&
      (options.publication->empty() || options.publication->size() > kNameBytesMax)) {
    throw UsageError("--publication: a publication's name has 1 to 63 bytes");
  }
  // Two relays in one database would otherwise share a publication.
  if (!options.publication && options.slot.size() + kInsertsSuffix.size() > kNameBytesMax) {
    throw UsageError(fmt::format(
        "--slot: \"{}\" has {} bytes, but at most {} leave room for the name of the publication "
        "\"<slot>{}\"; choose a shorter one, or name a publication with --publication",
        options.slot, options.slot.size(), kNameBytesMax - kInsertsSuffix.size(), kInsertsSuffix));
  }
  if (!options.publication && options.slot.ends_with(kInsertsSuffix)) {
    throw UsageError(fmt::format(
        "--slot: \"{}\" is the name of a publication of the relay with slot \"{}\"; choose another "
        "one, or name a publication with --publication",
        options.slot, options.slot.substr(0, options.slot.size() - kInsertsSuffix.size())));
  }
  if (options.publication && options.install_event_trigger) {
    throw UsageError(
        "--install-event-trigger: the trigger alters the publication, but that of --publication is "
        "never altered");
  }
  for (const auto* patterns : {&options.tables, &options.exclude_tables}) {
    for (const std::string& pattern : *patterns) {
      if (pattern.empty()) {
        throw UsageError(fmt::format("--{}: an empty pattern matches no table",
                                     patterns == &options.tables ? "tables" : "exclude-tables"));
      }
    }
  }
  constexpr int kSnapshotConnectionsMax = 64;
  if (options.snapshot_connections < 1 || options.snapshot_connections > kSnapshotConnectionsMax) {
    throw UsageError("--snapshot-connections: not a number from 1 to 64");
  }
}

}  // namespace bw
