#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spool/toast_cache.h"

// The bytes of the `toast` column family; see docs/spool_format.md. Values have the checksum of
// meta entries (meta_format.h).

namespace bw {

inline constexpr std::string_view kToastCommitted = "committed";  // fixed32
inline constexpr std::string_view kToastOldest = "oldest";        // fixed32
inline constexpr std::string_view kToastSource = "source";        // As RequireSource has it.
inline constexpr std::string_view kToastEntriesBegin = "g/";
inline constexpr std::string_view kToastEntriesEnd = "g0";
inline constexpr std::string_view kToastProofPrefix = "proof/";
inline constexpr std::string_view kToastProofEnd = "proof0";

// A cell is what an entry's key says besides its generation: relation, key form, key, column.
std::string CellKey(const ToastRow& row, std::string_view column);
uint32_t RelationOf(std::string_view cell);
uint32_t KeyFormOf(std::string_view cell);

// Where the keys of a generation begin, and those of a relation in it.
std::string GenerationKey(uint32_t generation);
std::string RelationBegin(uint32_t generation, uint32_t relation);
std::string RelationEnd(uint32_t generation, uint32_t relation);
std::string EntryKey(uint32_t generation, std::string_view cell);
std::string_view CellIn(std::string_view entry_key);

// Nothing stands for an entry that was removed.
std::string EncodeToastEntry(std::string_view key, const std::optional<ToastValue>& value);
std::optional<ToastValue> DecodeToastEntry(std::string_view key, std::string_view value);

std::string ProofKey(uint32_t relation);
uint32_t DecodeProofKey(std::string_view key);
std::string EncodeProof(const ToastProof& proof);
ToastProof DecodeProof(std::string_view body);

}  // namespace bw
