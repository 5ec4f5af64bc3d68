// Calls any operator of libtorch's dispatcher: JavaScript arguments are converted by the operator's
// own schema, the operator runs boxed (with autograd, on any device), and its results come back as
// handles.
#include <ATen/core/dispatch/Dispatcher.h>

#include "tensors.h"

namespace deepobf {
namespace {

enum class Kind {
  tensor,
  tensors,
  optionalTensors,
  scalar,
  scalars,
  integer,
  integers,
  real,
  reals,
  boolean,
  booleans,
  string,
  device,
  unsupported,
};

Kind kindOf(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return Kind::tensor;
    case c10::TypeKind::NumberType:
      return Kind::scalar;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::integer;
    case c10::TypeKind::FloatType:
      return Kind::real;
    case c10::TypeKind::BoolType:
      return Kind::boolean;
    case c10::TypeKind::StringType:
      return Kind::string;
    case c10::TypeKind::DeviceObjType:
      return Kind::device;
    case c10::TypeKind::ListType: {
      const c10::TypePtr element = type->castRaw<c10::ListType>()->getElementType();
      if (element->kind() == c10::TypeKind::OptionalType) return Kind::optionalTensors;
      switch (kindOf(element)) {
        case Kind::tensor:
          return Kind::tensors;
        case Kind::scalar:
          return Kind::scalars;
        case Kind::integer:
          return Kind::integers;
        case Kind::real:
          return Kind::reals;
        case Kind::boolean:
          return Kind::booleans;
        default:
          return Kind::unsupported;
      }
    }
    default:
      return Kind::unsupported;
  }
}

struct Parameter {
  std::string name;
  Kind kind;
  bool optional;
  c10::optional<c10::IValue> fallback;
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Parameter> parameters;
};

std::vector<Operator>& operators() {
  static std::vector<Operator> table;
  return table;
}

[[noreturn]] void reject(const Operator& op, const Parameter& parameter, const char* expected) {
  TORCH_CHECK(false, op.handle.operator_name().name, ": expected ", expected, " for argument \"",
              parameter.name, "\"");
}

template <typename Convert>
auto listOf(const Napi::Value& value, Convert convert) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<decltype(convert(std::declval<Napi::Value>()))> list;
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) list.push_back(convert(array.Get(i)));
  return list;
}

int64_t integerOf(const Napi::Value& value) {
  if (value.IsBigInt()) {
    bool lossless = true;
    return value.As<Napi::BigInt>().Int64Value(&lossless);
  }
  return value.As<Napi::Number>().Int64Value();
}

double realOf(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }

bool booleanOf(const Napi::Value& value) { return value.As<Napi::Boolean>().Value(); }

// A JavaScript number without fraction is an integer scalar, so that integer tensors keep their type.
at::Scalar scalarOf(const Napi::Value& value) {
  if (value.IsBigInt()) return at::Scalar(integerOf(value));
  if (value.IsBoolean()) return at::Scalar(booleanOf(value));
  const double number = realOf(value);
  const int64_t integer = static_cast<int64_t>(number);
  if (std::abs(number) < 9.0e15 && static_cast<double>(integer) == number) return at::Scalar(integer);
  return at::Scalar(number);
}

c10::IValue convert(const Operator& op, const Parameter& parameter, const Napi::Value& value) {
  const auto expect = [&](bool matches, const char* expected) {
    if (!matches) reject(op, parameter, expected);
  };
  switch (parameter.kind) {
    case Kind::tensor:
      expect(value.IsNumber(), "a tensor");
      return tensorOf(value);
    case Kind::tensors:
      expect(value.IsArray(), "an array of tensors");
      return tensorsOf(value);
    case Kind::optionalTensors: {
      expect(value.IsArray(), "an array of tensors or nulls");
      c10::List<c10::optional<at::Tensor>> list;
      const Napi::Array array = value.As<Napi::Array>();
      for (uint32_t i = 0; i < array.Length(); i++) {
        const Napi::Value element = array.Get(i);
        list.push_back(element.IsNumber() ? c10::make_optional(tensorOf(element)) : c10::nullopt);
      }
      return list;
    }
    case Kind::scalar:
      expect(value.IsNumber() || value.IsBoolean() || value.IsBigInt(), "a number");
      return scalarOf(value);
    case Kind::scalars: {
      expect(value.IsArray(), "an array of numbers");
      return c10::IValue(listOf(value, scalarOf));
    }
    case Kind::integer:
      expect(value.IsNumber() || value.IsBigInt(), "an integer");
      return integerOf(value);
    case Kind::integers:
      expect(value.IsArray(), "an array of integers");
      return listOf(value, integerOf);
    case Kind::real:
      expect(value.IsNumber(), "a number");
      return realOf(value);
    case Kind::reals:
      expect(value.IsArray(), "an array of numbers");
      return listOf(value, realOf);
    case Kind::boolean:
      expect(value.IsBoolean(), "a boolean");
      return booleanOf(value);
    case Kind::booleans: {
      expect(value.IsArray(), "an array of booleans");
      c10::List<bool> list;
      for (const bool element : listOf(value, booleanOf)) list.push_back(element);
      return list;
    }
    case Kind::string:
      expect(value.IsString(), "a string");
      return value.As<Napi::String>().Utf8Value();
    case Kind::device:
      expect(value.IsString(), "a device");
      return c10::Device(value.As<Napi::String>().Utf8Value());
    case Kind::unsupported:
      break;
  }
  reject(op, parameter, "nothing (its type has no counterpart in JavaScript)");
}

Napi::Value valueOf(Napi::Env env, const c10::IValue& result) {
  if (result.isTensor()) {
    const at::Tensor& tensor = result.toTensor();
    if (!tensor.defined()) return env.Null();
    return Napi::Number::New(env, tensors().add(tensor));
  }
  if (result.isTensorList()) return handlesOf(env, result.toTensorVector());
  if (result.isBool()) return Napi::Boolean::New(env, result.toBool());
  return env.Undefined();
}

/** resolve(name, overload): index of the operator for `call`. */
Napi::Value resolve(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  const std::string overload = info[1].As<Napi::String>();
  Operator op{c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), overload.c_str()), {}};
  for (const c10::Argument& argument : op.handle.schema().arguments()) {
    c10::TypePtr type = argument.type();
    const bool optional = type->kind() == c10::TypeKind::OptionalType;
    if (optional) type = type->castRaw<c10::OptionalType>()->getElementType();
    op.parameters.push_back({argument.name(), kindOf(type), optional, argument.default_value()});
  }
  operators().push_back(std::move(op));
  return Napi::Number::New(info.Env(), static_cast<double>(operators().size() - 1));
}

/** call(operator, ...args): a handle or boolean, or an array where the operator returns several. */
Napi::Value call(const Napi::CallbackInfo& info) {
  const Operator& op = operators().at(info[0].As<Napi::Number>().Uint32Value());
  TORCH_CHECK(info.Length() <= op.parameters.size() + 1, op.handle.operator_name().name, " takes ",
              op.parameters.size(), " arguments, received ", info.Length() - 1);
  torch::jit::Stack stack;
  stack.reserve(op.parameters.size());
  for (size_t i = 0; i < op.parameters.size(); i++) {
    const Parameter& parameter = op.parameters[i];
    const Napi::Value value = info[i + 1];
    if (value.IsUndefined() && parameter.fallback) {
      stack.push_back(*parameter.fallback);
    } else if (parameter.optional && (value.IsNull() || value.IsUndefined())) {
      stack.emplace_back();
    } else {
      stack.push_back(convert(op, parameter, value));
    }
  }
  op.handle.callBoxed(stack);
  if (stack.empty()) return info.Env().Undefined();
  if (stack.size() == 1) return valueOf(info.Env(), stack[0]);
  Napi::Array results = Napi::Array::New(info.Env(), stack.size());
  for (size_t i = 0; i < stack.size(); i++) results.Set(i, valueOf(info.Env(), stack[i]));
  return results;
}

}  // namespace

void defineOperators(Napi::Object exports) {
  define<resolve>(exports, "resolve");
  define<call>(exports, "call");
}

}  // namespace deepobf
