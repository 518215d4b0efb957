#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "avro/table.h"

namespace bw {

// Names and values inside SQL and replication commands. Our sessions set
// standard_conforming_strings, so a backslash in a literal is a backslash. Pure.

// "or""ders": for any bytes but NUL, which PostgreSQL names cannot contain. With line breaks or
// other hidden characters, U&"or\000aders", which can be shown, copied and run. For SQL only:
// replication commands do not know U&.
std::string QuoteIdentifier(std::string_view name);
// "public"."orders"
std::string QuoteTable(std::string_view schema, std::string_view table);
std::string QuoteTable(const Table& table);
// The same for regclass and to_regclass(), which do not know U&: "public"."orders".
std::string QuoteForRegclass(std::string_view schema, std::string_view table);
// 'it''s'
std::string QuoteLiteral(std::string_view value);
// The value of pgoutput's option publication_names: '"a","b"'.
std::string QuotePublicationNames(const std::vector<std::string>& names);

// SQL for columns of the catalog that older servers lack, for a version such as 110022.
struct CatalogTerms {
  explicit CatalogTerms(int server_version);

  // Of a pg_attribute a. Before 12 there were no generated columns.
  const char* generated;
  // Of a pg_index i: how many of its columns are its key. Before 11, all were.
  const char* key_size;
};

}  // namespace bw
