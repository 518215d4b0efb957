#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/lsn.h"

// pgoutput messages as a server writes them, for tests.

namespace bw::pgoutput {

struct ColumnSpec {
  std::string name;
  uint32_t type_oid = 25;
  bool key = false;
  int32_t typmod = -1;
};

// A column's value: text, null ("nullopt") or unchanged TOAST.
struct Cell {
  static Cell Toast() { return {std::nullopt, true}; }
  static Cell Null() { return {std::nullopt, false}; }
  Cell(std::optional<std::string> value, bool is_toast) : text(std::move(value)), toast(is_toast) {}
  Cell(const char* value) : text(value) {}  // NOLINT: so that rows read as lists of texts.
  std::optional<std::string> text;
  bool toast = false;
};
using Row = std::vector<Cell>;

inline void AppendCString(std::string* out, std::string_view text) {
  out->append(text);
  out->push_back('\0');
}

inline std::string Begin(uint64_t commit_lsn, uint32_t xid = 7, uint64_t time = 0) {
  std::string out = "B";
  AppendU64(&out, commit_lsn);
  AppendU64(&out, time);
  AppendU32(&out, xid);
  return out;
}

inline std::string Commit(uint64_t commit_lsn, uint64_t end_lsn, uint64_t time = 0) {
  std::string out = "C";
  AppendU8(&out, 0);
  AppendU64(&out, commit_lsn);
  AppendU64(&out, end_lsn);
  AppendU64(&out, time);
  return out;
}

inline std::string Origin(uint64_t lsn, std::string_view name) {
  std::string out = "O";
  AppendU64(&out, lsn);
  AppendCString(&out, name);
  return out;
}

inline std::string Relation(uint32_t id, std::string_view schema, std::string_view table,
                            const std::vector<ColumnSpec>& columns, char identity = 'd') {
  std::string out = "R";
  AppendU32(&out, id);
  AppendCString(&out, schema);
  AppendCString(&out, table);
  out.push_back(identity);
  AppendU16(&out, static_cast<uint16_t>(columns.size()));
  for (const ColumnSpec& column : columns) {
    AppendU8(&out, column.key ? 1 : 0);
    AppendCString(&out, column.name);
    AppendU32(&out, column.type_oid);
    AppendU32(&out, static_cast<uint32_t>(column.typmod));
  }
  return out;
}

inline std::string Type(uint32_t oid, std::string_view schema, std::string_view name) {
  std::string out = "Y";
  AppendU32(&out, oid);
  AppendCString(&out, schema);
  AppendCString(&out, name);
  return out;
}

inline void AppendTuple(std::string* out, const Row& row) {
  AppendU16(out, static_cast<uint16_t>(row.size()));
  for (const Cell& cell : row) {
    if (cell.toast) {
      out->push_back('u');
    } else if (!cell.text) {
      out->push_back('n');
    } else {
      out->push_back('t');
      AppendU32(out, static_cast<uint32_t>(cell.text->size()));
      out->append(*cell.text);
    }
  }
}

inline std::string NewRow(std::string out, uint32_t relation, const Row& row) {
  AppendU32(&out, relation);
  out.push_back('N');
  AppendTuple(&out, row);
  return out;
}

inline std::string Insert(uint32_t relation, const Row& row) { return NewRow("I", relation, row); }
inline std::string Update(uint32_t relation, const Row& row) { return NewRow("U", relation, row); }

inline std::string UpdateFrom(uint32_t relation, char mark, const Row& old_row, const Row& row) {
  std::string out = "U";
  AppendU32(&out, relation);
  out.push_back(mark);
  AppendTuple(&out, old_row);
  out.push_back('N');
  AppendTuple(&out, row);
  return out;
}

inline std::string Delete(uint32_t relation, char mark, const Row& old_row) {
  std::string out = "D";
  AppendU32(&out, relation);
  out.push_back(mark);
  AppendTuple(&out, old_row);
  return out;
}

inline std::string Truncate(const std::vector<uint32_t>& relations) {
  std::string out = "T";
  AppendU32(&out, static_cast<uint32_t>(relations.size()));
  AppendU8(&out, 0);
  for (const uint32_t id : relations) AppendU32(&out, id);
  return out;
}

inline std::string Message(std::string_view prefix, std::string_view content) {
  std::string out = "M";
  AppendU8(&out, 1);
  AppendU64(&out, 9);
  AppendCString(&out, prefix);
  AppendU32(&out, static_cast<uint32_t>(content.size()));
  out.append(content);
  return out;
}

}  // namespace bw::pgoutput
