#include "agent/serve/json.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace stronghost {

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  bool too_deep = false;
  const auto bound_depth = [&too_deep](int depth, Json::parse_event_t, const Json&) {
    too_deep = too_deep || depth > kMaxJsonDepth;
    return !too_deep;
  };
  Json value = Json::parse(text.begin(), text.end(), bound_depth, /*allow_exceptions=*/false);
  if (too_deep) {
    return absl::InvalidArgumentError(absl::StrCat("JSON nests deeper than ", kMaxJsonDepth));
  }
  if (value.is_discarded()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no JSON: '", text.substr(0, 40), text.size() > 40 ? "...'" : "'"));
  }
  return value;
}

std::string JsonText(const Json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

Json NullIfEmpty(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

JsonReader::JsonReader(const Json& object, absl::string_view what) : object_(object), what_(what) {
  if (!object.is_object()) {
    status_ = absl::InvalidArgumentError(absl::StrCat(what_, " is no JSON object"));
  }
}

void JsonReader::Fail(absl::string_view key, absl::string_view expected) {
  if (status_.ok()) {
    status_ = absl::InvalidArgumentError(absl::StrCat(what_, ".", key, " is no ", expected));
  }
}

const Json* JsonReader::Find(const char* key) {
  if (!status_.ok()) {
    return nullptr;
  }
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

JsonReader& JsonReader::Get(const char* key, std::string* out) {
  if (Find(key) == nullptr) {
    Fail(key, "string");
  }
  return Optional(key, out);
}

JsonReader& JsonReader::Optional(const char* key, std::string* out) {
  if (const Json* field = Find(key); field != nullptr) {
    if (field->is_string()) {
      *out = field->get_ref<const std::string&>();
    } else {
      Fail(key, "string");
    }
  }
  return *this;
}

JsonReader& JsonReader::Optional(const char* key, bool* out) {
  if (const Json* field = Find(key); field != nullptr) {
    if (field->is_boolean()) {
      *out = field->get<bool>();
    } else {
      Fail(key, "boolean");
    }
  }
  return *this;
}

JsonReader& JsonReader::Optional(const char* key, uint64_t* out) {
  if (const Json* field = Find(key); field != nullptr) {
    if (field->is_number_unsigned()) {
      *out = field->get<uint64_t>();
    } else {
      Fail(key, "unsigned integer");
    }
  }
  return *this;
}

JsonReader& JsonReader::Optional(const char* key, int64_t* out) {
  if (const Json* field = Find(key); field != nullptr) {
    if (field->is_number_integer()) {
      *out = field->get<int64_t>();
    } else {
      Fail(key, "integer");
    }
  }
  return *this;
}

JsonReader& JsonReader::Optional(const char* key, std::vector<std::string>* out) {
  const Json* array = Array(key);
  if (array == nullptr) {
    return *this;
  }
  std::vector<std::string> list;
  for (const Json& element : *array) {
    if (!element.is_string()) {
      Fail(key, "array of strings");
      return *this;
    }
    list.push_back(element.get_ref<const std::string&>());
  }
  *out = std::move(list);
  return *this;
}

const Json* JsonReader::Array(const char* key) {
  const Json* field = Find(key);
  if (field != nullptr && !field->is_array()) {
    Fail(key, "array");
    return nullptr;
  }
  return field;
}

const Json* JsonReader::Object(const char* key) {
  const Json* field = Find(key);
  if (field != nullptr && !field->is_object()) {
    Fail(key, "object");
    return nullptr;
  }
  return field;
}

}  // namespace stronghost
