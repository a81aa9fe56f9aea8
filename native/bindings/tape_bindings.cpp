#include "bindings/tape_bindings.h"

#include <unordered_set>

#include "autograd/tape.h"
#include "bindings/handles.h"

namespace lapidary {
namespace {

Napi::Value handle_list(Napi::Env env, Environment& environment, std::span<const Tensor> tensors) {
  Napi::Array handles = Napi::Array::New(env, tensors.size());
  for (uint32_t index = 0; index < tensors.size(); ++index)
    handles[index] = handle_value(env, environment, tensors[index]);
  return handles;
}

Napi::Value backward(const Napi::CallbackInfo& info, Environment& environment) {
  const CallSpan span(environment, "backward");
  const Tensor y = tensor_argument(info, environment, 0, "y");
  accumulate_gradients(y, optional_tensor(environment, number_argument(info, 1, "seed")),
                       boolean_argument(info, 2, "retain"));
  return info.Env().Undefined();
}

Napi::Value grad(const Napi::CallbackInfo& info, Environment& environment) {
  const CallSpan span(environment, "grad");
  const Tensor y = tensor_argument(info, environment, 0, "y");
  std::vector<Tensor> xs;
  for (double handle : float64_argument(info, 1, "xs")) {
    xs.push_back(environment.handles.at(handle));
    if (!xs.back().needs_grad()) {
      fail(ErrorCode::Argument, "[grad] expected xs that require gradients, got %s, which does not",
           describe(xs.back()).c_str());
    }
  }
  const auto result = gradients(y, xs, optional_tensor(environment, number_argument(info, 2, "seed")),
                                boolean_argument(info, 3, "retain"));
  return handle_list(info.Env(), environment, result);
}

/// Nodes point at the names of their ops. There are few, and programs may make the same one again and again.
const char* kept_name(const std::string& name) {
  static std::mutex mutex;
  static auto& names = *new std::unordered_set<std::string>();
  std::lock_guard lock(mutex);
  return names.insert(name).first->c_str();
}

/// The backward function of a custom op: calls JavaScript on the environment's own thread, as the tape is
/// walked there. The function gets fresh handles that it owns and returns some that it gives away.
class JavaScriptBackward {
 public:
  JavaScriptBackward(Environment& environment, const char* op, Napi::Function function,
                     std::span<const Tensor> inputs)
      : environment_(environment),
        op_(op),
        function_(std::make_shared<Napi::FunctionReference>(Napi::Persistent(function))) {
    for (const Tensor& input : inputs) shapes_.push_back(input.shape());
  }

  std::vector<Tensor> operator()(std::span<const Tensor> saved, std::span<const Tensor> grads,
                                 const NeedsMask& needs) const {
    const Napi::Env env = function_->Env();
    const Napi::HandleScope scope(env);
    // What the function did may have changed the context, say by a capture() of its own.
    const struct Restore {
      Environment& environment;
      ~Restore() { call_context() = environment.context; }
    } restore{environment_};
    Napi::Array wanted = Napi::Array::New(env, needs.size());
    for (uint32_t index = 0; index < needs.size(); ++index)
      wanted[index] = Napi::Boolean::New(env, needs[index]);
    const Napi::Value answer = function_->Call(
        {handle_list(env, environment_, grads), handle_list(env, environment_, saved), wanted});
    std::vector<Tensor> gradients;
    for (double handle : array_argument<double>(answer, napi_float64_array, "gradients")) {
      gradients.emplace_back();
      if (handle == 0) continue;
      gradients.back() =
          environment_.handles.at(handle).detached();  // it may stand on a tape of the function's
      environment_.handles.remove(handle);
    }
    check(gradients);
    return gradients;
  }

 private:
  void check(std::span<const Tensor> gradients) const {
    if (gradients.size() != shapes_.size()) {
      fail(ErrorCode::Argument, "[%s] expected backward to return %zu gradients, one for each input, got %zu",
           op_, shapes_.size(), gradients.size());
    }
    for (size_t index = 0; index < gradients.size(); ++index) {
      const Tensor& gradient = gradients[index];
      if (!gradient) continue;
      if (gradient.shape() == shapes_[index] && gradient.dtype() == DType::F32 && !gradient.pending())
        continue;
      fail(ErrorCode::Shape, "[%s] expected backward to return f32%s for input %zu, got %s", op_,
           shapes_[index].text().c_str(), index, describe(gradient).c_str());
    }
  }

  Environment& environment_;
  const char* op_;
  std::shared_ptr<Napi::FunctionReference> function_;
  std::vector<Dims> shapes_;
};

std::vector<Tensor> tensor_list(const Napi::CallbackInfo& info, Environment& environment, size_t index,
                                const char* name) {
  std::vector<Tensor> tensors;
  for (double handle : float64_argument(info, index, name)) {
    tensors.push_back(environment.handles.at(handle));
    if (tensors.back().pending())
      fail(ErrorCode::Argument, "expected dense %s, got a Normed; call .tensor() on it first", name);
  }
  return tensors;
}

Napi::Value record_custom(const Napi::CallbackInfo& info, Environment& environment) {
  const char* const op = kept_name(string_argument(info, 0, "name"));
  const auto inputs = tensor_list(info, environment, 1, "inputs");
  const auto saved = tensor_list(info, environment, 2, "saved tensors");
  std::vector<Tensor> outputs;
  for (const Tensor& output : tensor_list(info, environment, 3, "outputs"))
    outputs.push_back(output.detached());  // an output may be an input, or stand on a tape already
  if (!info[4].IsFunction()) fail(ErrorCode::Argument, "expected a function for backward");
  record(true, op, inputs, saved, outputs,
         JavaScriptBackward(environment, op, info[4].As<Napi::Function>(), inputs));
  return handle_list(info.Env(), environment, outputs);
}

}  // namespace

void export_tape_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("backward", Napi::Function::New(env, guarded<backward>));
  exports.Set("grad", Napi::Function::New(env, guarded<grad>));
  exports.Set("recordCustom", Napi::Function::New(env, guarded<record_custom>));
}

}  // namespace lapidary
