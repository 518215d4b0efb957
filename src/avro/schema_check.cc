#include "avro/schema_check.h"

#include <avro.h>

#include <string>

#include "base/error.h"
#include "base/log.h"

namespace bw {

void CheckAvroSchema(std::string_view json, std::string_view what) {
  avro_schema_t schema = nullptr;
  if (avro_schema_from_json_length(json.data(), json.size(), &schema) != 0) {
    throw RowError(Printable(what) +
                   " cannot be given an Avro schema: " + Printable(avro_strerror()));
  }
  avro_schema_decref(schema);
}

}  // namespace bw
