#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

// The encoding in which a database keeps its texts, and what becomes of them.
//
// A server that converts to UTF-8 for us fails at the first value that has no UTF-8, and the value
// cannot be read at all: not skipped, not replaced. So where values may have none, the server does
// not convert (client_encoding = SQL_ASCII), and we do.

namespace bw {

class TextEncoding {
 public:
  // The characters of the bytes 80 to FF; 0 where the encoding has none.
  struct Table {
    std::string_view name;
    std::array<char16_t, 128> characters;
  };

  enum class Kind {
    kUtf8,      // Every text is UTF-8; the server has checked it.
    kServers,   // EUC_JP and other multi-byte encodings: the server converts, and fails by itself.
    kUnknown,   // SQL_ASCII: bytes of any kind, taken for UTF-8 where they are.
    kOneByte,   // WIN1252, LATIN1, ...: we convert, as the server would.
  };

  // Of the parameter server_encoding. What is not known is the server's to convert.
  static TextEncoding Of(std::string_view server_encoding);

  TextEncoding() = default;  // kUtf8.
  Kind kind() const { return kind_; }
  // Whether the server sends texts as it keeps them, and takes them so.
  bool is_raw() const { return kind_ == Kind::kUnknown || kind_ == Kind::kOneByte; }

  // 0 when the byte has no character. kOneByte only.
  char32_t CharacterOf(char byte) const {
    const auto index = static_cast<unsigned char>(byte);
    return index < 0x80 ? char32_t{index} : char32_t{table_->characters[index - 0x80U]};
  }

  // Names and statements. A byte without a character becomes one for private use (U+F780 to
  // U+F7FF), so that every name has its own text and Encode() finds the bytes again. Texts of other
  // kinds than kOneByte stay as they are.
  std::string Decode(std::string_view bytes) const;
  // Characters that the encoding lacks become '?'.
  std::string Encode(std::string_view utf8) const;

 private:
  Kind kind_ = Kind::kUtf8;
  const Table* table_ = nullptr;
};

bool IsAscii(std::string_view text);

}  // namespace bw
