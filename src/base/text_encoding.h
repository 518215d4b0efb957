#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

// The encoding in which a database stores text, and the conversion to UTF-8.
//
// A server that converts to UTF-8 fails at the first value that cannot be converted, and that value
// cannot be read at all: neither skipped nor replaced. Where such values may exist, we therefore
// convert, and the server does not (client_encoding = SQL_ASCII).

namespace bw {

// What to do with a text that cannot be converted to UTF-8 (--invalid-text): arbitrary bytes in an
// SQL_ASCII database, bytes that WIN1252 and the like do not assign, "char" values in any encoding.
enum class InvalidText {
  kError,    // The row is refused, as --on-error says.
  kReplace,  // U+FFFD replaces each byte that is not part of a character.
  kBytes,    // Texts of SQL_ASCII and one-byte databases are Avro bytes, exactly the server's.
};

class TextEncoding {
 public:
  // The characters of the bytes 80 to FF; 0 where the encoding has none.
  struct Table {
    std::string_view name;
    std::array<char16_t, 128> characters;
  };

  enum class Kind {
    kUtf8,     // Every text is UTF-8; the server has checked it.
    kServers,  // EUC_JP and other multi-byte encodings: the server converts, or fails.
    kUnknown,  // SQL_ASCII: arbitrary bytes, taken for UTF-8 where they are valid UTF-8.
    kOneByte,  // WIN1252, LATIN1, ...: we convert, as the server would.
  };

  // From the parameter server_encoding. Unknown encodings are left to the server to convert.
  static TextEncoding Of(std::string_view server_encoding);

  TextEncoding() = default;  // kUtf8.
  Kind kind() const { return kind_; }
  // Whether text crosses the connection as the server stores it, in both directions.
  bool is_raw() const { return kind_ == Kind::kUnknown || kind_ == Kind::kOneByte; }

  // 0 when the byte has no character. kOneByte only.
  char32_t CharacterOf(char byte) const {
    const auto index = static_cast<unsigned char>(byte);
    return index < 0x80 ? char32_t{index} : char32_t{table_->characters[index - 0x80U]};
  }

  // For names and statements. A byte without a character becomes a private-use character (U+F780 to
  // U+F7FF), so that different names stay different and Encode() restores the bytes. Text of any
  // kind but kOneByte stays as it is.
  std::string Decode(std::string_view bytes) const;
  // Characters that the encoding lacks become '?'.
  std::string Encode(std::string_view utf8) const;

 private:
  Kind kind_ = Kind::kUtf8;
  const Table* table_ = nullptr;
};

// The text in UTF-8. With kReplace, a byte that is not part of a valid character becomes U+FFFD;
// otherwise the result is nullopt. Pure.
std::optional<std::string> TextToUtf8(std::string_view text, const TextEncoding& encoding,
                                      InvalidText invalid_text);

bool IsAscii(std::string_view text);

}  // namespace bw
