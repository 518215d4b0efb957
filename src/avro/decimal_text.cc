#include "avro/decimal_text.h"

#include <algorithm>
#include <array>
#include <bit>

#include "avro/binary_format.h"

namespace bw {
namespace {

constexpr size_t kChunkDigits = 9;
constexpr uint32_t kChunk = 1'000'000'000;  // 10^kChunkDigits.

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

size_t CountDigits(std::string_view text) {
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) - text.begin());
}

// A number of up to kDecimalBytesMax bytes, without a sign.
class Magnitude {
 public:
  // this := this * factor + addend
  void MultiplyAdd(uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (size_t i = 0; i < size_; ++i) {
      carry += uint64_t{limbs_[i]} * factor;
      limbs_[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs_[size_++] = static_cast<uint32_t>(carry);
  }
  // this := this / divisor; the remainder.
  uint32_t Divide(uint32_t divisor) {
    uint64_t rest = 0;
    for (size_t i = size_; i-- > 0;) {
      rest = rest << 32 | limbs_[i];
      limbs_[i] = static_cast<uint32_t>(rest / divisor);
      rest %= divisor;
    }
    Trim();
    return static_cast<uint32_t>(rest);
  }
  void Increment() { MultiplyAdd(1, 1); }
  // The number must not be 0.
  void Decrement() {
    for (size_t i = 0; limbs_[i]-- == 0; ++i) {
    }
    Trim();
  }
  bool is_zero() const { return size_ == 0; }
  size_t bits() const {
    if (size_ == 0) return 0;
    return size_ * 32 - static_cast<size_t>(std::countl_zero(limbs_[size_ - 1]));
  }
  // Byte 0 is the lowest one.
  unsigned char byte(size_t i) const {
    return i / 4 < size_ ? static_cast<unsigned char>(limbs_[i / 4] >> (i % 4 * 8)) : 0;
  }
  void set_byte(size_t i, unsigned char value) {
    limbs_[i / 4] |= uint32_t{value} << (i % 4 * 8);
    size_ = std::max(size_, i / 4 + 1);
  }
  void Trim() {
    while (size_ > 0 && limbs_[size_ - 1] == 0) --size_;
  }

 private:
  // One limb more than the bytes: for a carry, and for the byte of a sign.
  std::array<uint32_t, kDecimalBytesMax / 4 + 1> limbs_{};
  size_t size_ = 0;  // The limbs above are zero.
};

// Digits from left to right, in chunks.
class DigitReader {
 public:
  void Add(char digit) {
    chunk_ = chunk_ * 10 + static_cast<uint32_t>(digit - '0');
    factor_ *= 10;
    if (factor_ == kChunk) Flush();
  }
  Magnitude Finish() {
    Flush();
    return number_;
  }

 private:
  void Flush() {
    number_.MultiplyAdd(factor_, chunk_);
    chunk_ = 0;
    factor_ = 1;
  }

  Magnitude number_;
  uint32_t chunk_ = 0;
  uint32_t factor_ = 1;
};

// Two's complement of a negative number n is the inverse of -n - 1, so that is what `number` holds.
void WriteTwosComplement(const Magnitude& number, bool is_negative, char** cursor) {
  const size_t size = number.bits() / 8 + 1;
  char* p = WriteLong(static_cast<int64_t>(size), *cursor);
  const unsigned char mask = is_negative ? 0xFF : 0;
  for (size_t i = size; i-- > 0;) *p++ = static_cast<char>(number.byte(i) ^ mask);
  *cursor = p;
}

// The same for a number of one machine word, which nearly all are.
void WriteTwosComplement(uint64_t number, bool is_negative, char** cursor) {
  const size_t size = static_cast<size_t>(std::bit_width(number)) / 8 + 1;
  char* p = WriteLong(static_cast<int64_t>(size), *cursor);
  const uint64_t bits = is_negative ? ~number : number;
  for (size_t i = size; i-- > 0;) *p++ = static_cast<char>(bits >> (i * 8));
  *cursor = p;
}

constexpr size_t kWordDigits = 18;

}  // namespace

bool IsNumericText(std::string_view text) {
  if (text == "NaN") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text == "Infinity") return true;
  const size_t whole = CountDigits(text);
  if (whole == 0) return false;
  text.remove_prefix(whole);
  if (text.empty()) return true;
  if (text.front() != '.') return false;
  text.remove_prefix(1);
  return !text.empty() && CountDigits(text) == text.size();
}

ValueStatus EncodeDecimal(std::string_view text, int32_t precision, int32_t scale, char** cursor) {
  if (!IsNumericText(text)) return ValueStatus::kMalformed;
  const bool has_minus = text.front() == '-';
  if (has_minus) text.remove_prefix(1);
  if (!IsDigit(text.front())) return ValueStatus::kTextBeside;
  const size_t point = std::min(text.find('.'), text.size());
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  const auto digits_after_point = static_cast<size_t>(scale);
  while (fraction.size() > digits_after_point && fraction.back() == '0') fraction.remove_suffix(1);
  if (fraction.size() > digits_after_point) return ValueStatus::kTextBeside;
  while (whole.starts_with('0')) whole.remove_prefix(1);
  const auto digits_max = static_cast<size_t>(std::min(precision, kDecimalDigitsMax));
  if (whole.size() + digits_after_point > digits_max) {
    return ValueStatus::kTextBeside;
  }
  const size_t zeros = digits_after_point - fraction.size();

  if (whole.size() + digits_after_point <= kWordDigits) {
    uint64_t number = 0;
    for (const char c : whole) number = number * 10 + static_cast<uint64_t>(c - '0');
    for (const char c : fraction) number = number * 10 + static_cast<uint64_t>(c - '0');
    for (size_t i = 0; i < zeros; ++i) number *= 10;
    const bool is_negative = has_minus && number != 0;
    WriteTwosComplement(is_negative ? number - 1 : number, is_negative, cursor);
    return ValueStatus::kOk;
  }
  DigitReader digits;
  for (const char c : whole) digits.Add(c);
  for (const char c : fraction) digits.Add(c);
  for (size_t i = 0; i < zeros; ++i) digits.Add('0');
  Magnitude number = digits.Finish();
  const bool is_negative = has_minus && !number.is_zero();
  if (is_negative) number.Decrement();
  WriteTwosComplement(number, is_negative, cursor);
  return ValueStatus::kOk;
}

void AppendDecimalText(std::string_view bytes, int32_t scale, std::string* out) {
  const bool is_negative = static_cast<unsigned char>(bytes.front()) >= 0x80;
  const unsigned char mask = is_negative ? 0xFF : 0;
  Magnitude number;
  for (size_t i = 0; i < bytes.size(); ++i) {
    number.set_byte(bytes.size() - 1 - i, static_cast<unsigned char>(bytes[i]) ^ mask);
  }
  number.Trim();
  if (is_negative) number.Increment();

  std::string digits;  // The lowest one first.
  while (!number.is_zero()) {
    uint32_t chunk = number.Divide(kChunk);
    for (size_t i = 0; i < kChunkDigits; ++i, chunk /= 10) {
      digits += static_cast<char>('0' + chunk % 10);
    }
  }
  const auto digits_after_point = static_cast<size_t>(scale);
  while (digits.size() > digits_after_point + 1 && digits.back() == '0') digits.pop_back();
  if (digits.size() <= digits_after_point) digits.resize(digits_after_point + 1, '0');
  if (is_negative) *out += '-';
  out->append(digits.rbegin(), digits.rend());
  if (scale > 0) out->insert(out->size() - digits_after_point, 1, '.');
}

}  // namespace bw
