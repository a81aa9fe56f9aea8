// The addon: tensors, ops and the tape for lib/native.ts.
#include <napi.h>

#include "bindings/arguments.h"
#include "bindings/capture_bindings.h"
#include "bindings/handles.h"
#include "bindings/kernel_bindings.h"
#include "bindings/profile_bindings.h"
#include "bindings/signal_bindings.h"
#include "bindings/tape_bindings.h"
#include "cpu/cpu_backend.h"
#include "cuda/cuda_backend.h"
#include "ops/launch.h"
#include "ops/ops.h"

namespace lapidary {
namespace {

template <class Text>
Napi::Array string_list(Napi::Env env, const std::vector<Text>& names) {
  Napi::Array list = Napi::Array::New(env, names.size());
  for (uint32_t index = 0; index < names.size(); ++index) list[index] = names[index];
  return list;
}

Napi::Value op_table_binding(const Napi::CallbackInfo& info, Environment&) {
  const Napi::Env env = info.Env();
  Napi::Array rows = Napi::Array::New(env);
  uint32_t index = 0;
  for (const OpRow& row : op_table()) {
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = row.name;
    entry["ints"] = string_list(env, row.ints);
    entry["scalars"] = string_list(env, row.scalars);
    entry["inputs"] = string_list(env, row.inputs);
    entry["outputs"] = row.outputs;
    entry["mutates"] = string_list(env, row.mutates);
    std::vector<const char*> kinds;
    for (const char* const* kind = row.kinds; kind && *kind; ++kind) kinds.push_back(*kind);
    entry["kinds"] = string_list(env, kinds);
    rows[index++] = entry;
  }
  return rows;
}

Napi::Value run(const Napi::CallbackInfo& info, Environment& environment) {
  const auto table = op_table();
  const OpRow& row =
      table[static_cast<size_t>(integer_argument(info, 0, "op", 0, static_cast<int64_t>(table.size()) - 1))];
  const bool record = integer_argument(info, 1, "flags", 0, 1) != 0;
  std::vector<Tensor> inputs;
  for (double handle : float64_argument(info, 4, "inputs"))
    inputs.push_back(optional_tensor(environment, handle));
  const CallSpan span(environment, row.name);
  OpCall call(row, record, int32_argument(info, 2, "ints"), float64_argument(info, 3, "scalars"),
              std::move(inputs));
  const std::vector<Tensor> outputs = row.run(call);
  if (outputs.size() == 1) return handle_value(info.Env(), environment, outputs[0]);
  Napi::Array handles = Napi::Array::New(info.Env(), outputs.size());
  for (uint32_t index = 0; index < outputs.size(); ++index)
    handles[index] = handle_value(info.Env(), environment, outputs[index]);
  return handles;
}

/// Copies host bytes into staging now and into the tensor in stream order.
void copy_in(Environment& environment, const Tensor& tensor, std::span<const uint8_t> bytes) {
  Device& device = tensor.device();
  Task task;
  task.name = "write " + describe(tensor);
  task.environment = environment.id;
  task.outputs = {tensor.storage().health()};
  task.run = [&device, staged = device.stage(bytes.data(), bytes.size()), target = tensor.storage().data(),
              size = bytes.size()] {
    device.backend().copy_in(target, staged.get(), size);
    device.backend().keep_until_done(staged);
  };
  device.submit(std::move(task));
}

constexpr const char* kWriteAdvice =
    "make the tensor before the capture and write() to it before each replay, or do it in eachReplay()";
constexpr const char* kReadAdvice = "return the tensor from the captured function and read it after a replay";
constexpr const char* kWaitAdvice = "wait before or after it";

Napi::Value from_host(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("making a tensor from an array", kWriteAdvice);
  const CallSpan span(environment, "tensor");
  const auto dtype = static_cast<DType>(integer_argument(info, 1, "dtype", 0, 2));
  Dims shape;
  for (int32_t extent : int32_argument(info, 2, "shape")) shape.push_back(extent);
  const auto bytes = host_argument(info[0], dtype, "data");
  for (int64_t extent : shape) {
    if (extent < 1)
      fail(ErrorCode::Shape, "[tensor] expected every extent to be at least 1, got shape %s",
           shape.text().c_str());
  }
  int64_t count = 1;
  bool fits = true;
  for (int64_t extent : shape) fits = fits && !__builtin_mul_overflow(count, extent, &count);
  const size_t elements = bytes.size() / dtype_size(dtype);
  if (!fits || static_cast<size_t>(count) != elements) {
    fail(ErrorCode::Shape, "[tensor] expected %s elements for shape %s, got %zu",
         fits ? std::to_string(count).c_str() : "too many", shape.text().c_str(), elements);
  }
  const Tensor tensor = Tensor::empty(*environment.context.device, shape, dtype);
  copy_in(environment, tensor, bytes);
  return handle_value(info.Env(), environment, tensor);
}

Napi::Value write(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("write()", kWriteAdvice);
  const CallSpan span(environment, "write");
  const Tensor& tensor = tensor_argument(info, environment, 0, "tensor");
  if (tensor.impl()->node)
    fail(ErrorCode::Argument, "[write] expected a leaf, got a recorded result; detach it first");
  const auto bytes = host_argument(info[1], tensor.dtype(), "data");
  const size_t wanted = static_cast<size_t>(tensor.count()) * dtype_size(tensor.dtype());
  if (bytes.size() != wanted) {
    fail(ErrorCode::Shape, "[write] expected %lld elements for %s, got %zu",
         static_cast<long long>(tensor.count()), describe(tensor).c_str(),
         bytes.size() / dtype_size(tensor.dtype()));
  }
  copy_in(environment, tensor, bytes);
  tensor.storage().bump_version("write");
  return info.Env().Undefined();
}

Napi::Value host_array(Napi::Env env, DType dtype, const void* data, size_t count) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, count * dtype_size(dtype));
  std::memcpy(buffer.Data(), data, count * dtype_size(dtype));
  if (dtype == DType::F32) return Napi::Float32Array::New(env, count, buffer, 0);
  if (dtype == DType::I32) return Napi::Int32Array::New(env, count, buffer, 0);
  return Napi::Uint8Array::New(env, count, buffer, 0);
}

const Tensor& readable(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("data()", kReadAdvice);
  const Tensor& tensor = tensor_argument(info, environment, 0, "tensor");
  if (tensor.pending())
    fail(ErrorCode::Argument, "[data] expected a dense tensor, got a Normed; call .tensor() on it first");
  return tensor;
}

/// A copy of the tensor's bytes taken on the stream, or the fault that poisoned it.
struct Readout {
  std::unique_ptr<uint8_t[]> bytes;
  std::shared_ptr<const Fault> fault;
};

Task readout_task(Environment& environment, const Tensor& tensor, std::function<void(Readout)> done) {
  Task task;
  task.name = "read " + describe(tensor);
  task.environment = environment.id;
  task.run = [health = tensor.storage().health(), source = tensor.storage().data(), &device = tensor.device(),
              size = static_cast<size_t>(tensor.count()) * dtype_size(tensor.dtype()),
              done = std::move(done)] {
    Readout readout;
    readout.fault = device.stream().settle();  // tells what the kernels before have found
    if (!readout.fault) readout.fault = health->fault;
    if (!readout.fault) {
      try {
        readout.bytes = std::make_unique_for_overwrite<uint8_t[]>(size);
        device.backend().copy_out(readout.bytes.get(), source, size);
      } catch (const Error& error) {
        readout.fault = std::make_shared<const Fault>(Fault{error.code(), error.what()});
      } catch (const std::bad_alloc&) {
        readout.fault = std::make_shared<const Fault>(
            Fault{ErrorCode::OutOfMemory, "no host memory left to read a tensor"});
      }
    }
    done(std::move(readout));
  };
  return task;
}

Napi::Value to_host(const Napi::CallbackInfo& info, Environment& environment) {
  const Tensor& tensor = readable(info, environment);
  const auto deferred = std::make_shared<Napi::Promise::Deferred>(info.Env());
  const DType dtype = tensor.dtype();
  const auto count = static_cast<size_t>(tensor.count());
  const CallSpan span(environment, "data");
  tensor.device().submit(readout_task(
      environment, tensor, [mailbox = environment.mailbox, deferred, dtype, count](Readout readout) {
        mailbox->post(
            [deferred, dtype, count, readout = std::make_shared<Readout>(std::move(readout))](Napi::Env env) {
              if (readout->fault)
                deferred->Reject(to_javascript(env, readout->fault->code, readout->fault->message).Value());
              else
                deferred->Resolve(host_array(env, dtype, readout->bytes.get(), count));
            });
      }));
  environment.mailbox->expect(info.Env());
  return deferred->Promise();
}

Napi::Value to_host_sync(const Napi::CallbackInfo& info, Environment& environment) {
  const Tensor& tensor = readable(info, environment);
  Readout readout;
  const CallSpan span(environment, "dataSync");
  tensor.device().submit(
      readout_task(environment, tensor, [&](Readout taken) { readout = std::move(taken); }));
  tensor.device().stream().wait();
  if (readout.fault) throw Error(readout.fault->code, readout.fault->message);
  return host_array(info.Env(), tensor.dtype(), readout.bytes.get(), static_cast<size_t>(tensor.count()));
}

Napi::Value release(const Napi::CallbackInfo& info, Environment& environment) {
  environment.handles.remove(number_argument(info, 0, "tensor"));
  return info.Env().Undefined();
}

Napi::Value alias(const Napi::CallbackInfo& info, Environment& environment) {
  const Tensor tensor = tensor_argument(info, environment, 0, "tensor");
  return handle_value(info.Env(), environment, tensor);
}

Napi::Value tensor_info(const Napi::CallbackInfo& info, Environment& environment) {
  const Napi::Env env = info.Env();
  const Tensor tensor = tensor_argument(info, environment, 0, "tensor");
  Napi::Array shape = Napi::Array::New(env, static_cast<size_t>(tensor.rank()));
  for (int axis = 0; axis < tensor.rank(); ++axis)
    shape[static_cast<uint32_t>(axis)] = static_cast<double>(tensor.size(axis));
  Napi::Object result = Napi::Object::New(env);
  result["shape"] = shape;
  result["dtype"] = static_cast<int>(tensor.dtype());
  result["device"] = tensor.device().backend().name();
  result["requiresGrad"] = tensor.impl()->requires_grad;
  result["recorded"] = tensor.impl()->node != nullptr;
  result["normed"] = tensor.pending() != nullptr;
  result["version"] = static_cast<double>(tensor.storage().version());
  return result;
}

Napi::Value set_requires_grad(const Napi::CallbackInfo& info, Environment& environment) {
  const Tensor& tensor = tensor_argument(info, environment, 0, "tensor");
  const bool value = boolean_argument(info, 1, "requiresGrad");
  if (tensor.impl()->node)
    fail(ErrorCode::Argument, "expected a leaf: requiresGrad of a recorded result follows from its inputs");
  if (value && tensor.dtype() != DType::F32)
    fail(ErrorCode::DType, "expected f32 for requiresGrad, got %s", describe(tensor).c_str());
  if (value && tensor.pending())
    fail(ErrorCode::Argument, "expected a dense tensor for requiresGrad, got a Normed");
  tensor.impl()->requires_grad = value;
  return info.Env().Undefined();
}

Napi::Value grad_of(const Napi::CallbackInfo& info, Environment& environment) {
  const Tensor& tensor = tensor_argument(info, environment, 0, "tensor");
  return handle_value(info.Env(), environment, Tensor(tensor.impl()->grad));
}

Napi::Value set_grad(const Napi::CallbackInfo& info, Environment& environment) {
  const Tensor& tensor = tensor_argument(info, environment, 0, "tensor");
  Tensor gradient = optional_tensor(environment, number_argument(info, 1, "gradient"));
  if (gradient &&
      (!(gradient.shape() == tensor.shape()) || gradient.dtype() != DType::F32 || gradient.pending())) {
    fail(ErrorCode::Shape, "expected a gradient like %s, got %s", describe(tensor).c_str(),
         describe(gradient).c_str());
  }
  const Capture* const recording = call_context().recording;
  // A gradient from before the capture would be added to in its place: see accumulate_gradients.
  if (gradient && recording && gradient.storage().pool() != recording->pool().get())
    gradient = ops::copy_of(gradient);
  tensor.impl()->grad = gradient ? gradient.detached().impl() : nullptr;
  return info.Env().Undefined();
}

/// The environment's device, or the one of that number (0: the CPU, 1: CUDA). Throws ERR_DEVICE when it is
/// not there.
Device& device_argument(const Napi::CallbackInfo& info, Environment& environment, size_t index) {
  if (info[index].IsUndefined()) return *environment.context.device;
  return integer_argument(info, index, "device", 0, 1) == 0 ? Device::cpu() : Device::cuda();
}

Napi::Value use_device(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("changing the device", "choose it before");
  const bool was_cpu = environment.context.device == &Device::cpu();
  environment.context.device = &device_argument(info, environment, 0);
  return Napi::Number::New(info.Env(), was_cpu ? 0 : 1);
}

Napi::Value cuda_survey(const Napi::CallbackInfo& info, Environment&) {
  const Napi::Env env = info.Env();
  const cuda::Survey survey = cuda::survey();
  Napi::Object result = Napi::Object::New(env);
  result["driver"] = survey.driver;
  result["driverVersion"] = survey.driver_version;
  Napi::Array devices = Napi::Array::New(env);
  for (const auto& found : survey.devices) {
    Napi::Object device = Napi::Object::New(env);
    device["name"] = found.name;
    device["major"] = found.major, device["minor"] = found.minor;
    device["multiprocessors"] = found.multiprocessors;
    device["bytes"] = static_cast<double>(found.bytes);
    devices[devices.Length()] = device;
  }
  result["devices"] = devices;
  result["problem"] = survey.problem;
  result["image"] = survey.image;
  result["architectures"] = string_list(env, survey.architectures);
  result["ptx"] = survey.ptx;
  result["imageProblem"] = survey.image_problem;
  return result;
}

Napi::Value set_step_block(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("setting the step block",
                                "set rates and steps before each replay, or in eachReplay()");
  const int64_t slot = integer_argument(info, 0, "slot", -2, StepBlock::kSlots - 1);
  const double value = slot < 0 ? static_cast<double>(integer_argument(info, 1, "value", 0, int64_t{1} << 31))
                                : number_argument(info, 1, "value");
  Device& device = device_argument(info, environment, 2);
  Task task;
  task.name = "step block";
  task.environment = environment.id;
  task.run = [&device, id = environment.id, slot, value] { device.set_step(id, slot, value); };
  device.submit(std::move(task));
  return info.Env().Undefined();
}

Napi::Value synchronize(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("synchronize()", kWaitAdvice);
  const auto deferred = std::make_shared<Napi::Promise::Deferred>(info.Env());
  Stream& stream = device_argument(info, environment, 0).stream();
  stream.fence([mailbox = environment.mailbox, deferred, &stream, id = environment.id] {
    mailbox->post([deferred, fault = stream.take_fault(id)](Napi::Env env) {
      if (fault)
        deferred->Reject(to_javascript(env, fault->code, fault->message).Value());
      else
        deferred->Resolve(env.Undefined());
    });
  });
  environment.mailbox->expect(info.Env());
  return deferred->Promise();
}

Napi::Value synchronize_sync(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("synchronizeSync()", kWaitAdvice);
  Stream& stream = device_argument(info, environment, 0).stream();
  stream.wait();
  if (const auto fault = stream.take_fault(environment.id)) throw Error(fault->code, fault->message);
  return info.Env().Undefined();
}

Napi::Value ready(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("ready()", kWaitAdvice);
  const auto deferred = std::make_shared<Napi::Promise::Deferred>(info.Env());
  device_argument(info, environment, 0).when_ready([mailbox = environment.mailbox, deferred] {
    mailbox->post([deferred](Napi::Env env) { deferred->Resolve(env.Undefined()); });
  });
  environment.mailbox->expect(info.Env());
  return deferred->Promise();
}

Napi::Value memory(const Napi::CallbackInfo& info, Environment& environment) {
  const MemoryCounters counters = device_argument(info, environment, 0).allocator().counters();
  Napi::Object result = Napi::Object::New(info.Env());
  result["active"] = static_cast<double>(counters.active);
  result["peak"] = static_cast<double>(counters.peak);
  result["cached"] = static_cast<double>(counters.cached);
  result["packed"] = static_cast<double>(counters.packed);
  result["limit"] = static_cast<double>(counters.limit);
  result["liveTensors"] = static_cast<double>(environment.handles.live());
  return result;
}

Napi::Value reset_peak(const Napi::CallbackInfo& info, Environment& environment) {
  device_argument(info, environment, 0).allocator().reset_peak();
  return info.Env().Undefined();
}

Napi::Value set_memory_limit(const Napi::CallbackInfo& info, Environment& environment) {
  device_argument(info, environment, 1)
      .allocator()
      .set_limit(static_cast<size_t>(integer_argument(info, 0, "bytes", 0, int64_t{1} << 50)));
  return info.Env().Undefined();
}

Napi::Value empty_cache(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("emptying the memory cache", kWaitAdvice);
  Device& device = device_argument(info, environment, 0);
  device.drop_all_packed();
  device.stream().wait();
  device.allocator().empty_cache();
  return info.Env().Undefined();
}

Napi::Value set_threads(const Napi::CallbackInfo& info, Environment& environment) {
  environment.refuse_in_capture("setThreads()", kWaitAdvice);
  const int threads = static_cast<int>(integer_argument(info, 0, "threads", 1, 1024));
  Device& device = device_argument(info, environment, 1);
  device.stream().call(environment.id, [&device, threads] { device.backend().set_threads(threads); });
  return info.Env().Undefined();
}

Napi::Value engine(const Napi::CallbackInfo& info, Environment& environment) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  Backend& backend = device_argument(info, environment, 0).backend();
  result["device"] = backend.name();
  result["description"] = backend.description();
  result["isa"] = backend.isa();
  result["isas"] = string_list(env, cpu::available_isas());
  result["threads"] = backend.threads();
  result["precision"] = environment.context.strict ? "strict" : "default";
  result["build"] = "lapidary " LAPIDARY_VERSION ", g++ " __VERSION__;
  result["queueLimit"] = static_cast<double>(Stream::kQueueLimit);
  result["stagingLimit"] = static_cast<double>(Device::kStagingLimit);
  return result;
}

Napi::Value used_implementations_binding(const Napi::CallbackInfo& info, Environment&) {
  return string_list(info.Env(), used_implementations());
}

Napi::Value force_implementation(const Napi::CallbackInfo& info, Environment& environment) {
  const std::string choice = string_argument(info, 0, "choice");
  const size_t colon = choice.find(':');
  const std::string isa = choice.substr(0, colon);
  if (!environment.context.device->backend().kernels(isa)) {
    fail(ErrorCode::Unsupported, "expected an instruction set that this machine and build have, got '%s'",
         isa.c_str());
  }
  CallContext& context = environment.context;
  const std::string former =
      context.forced_isa + (context.forced_implementation.empty() ? "" : ":" + context.forced_implementation);
  context.forced_isa = isa;
  context.forced_implementation = colon == std::string::npos ? "" : choice.substr(colon + 1);
  return Napi::String::New(info.Env(), former);
}

Napi::Value set_precision(const Napi::CallbackInfo& info, Environment& environment) {
  const std::string precision = string_argument(info, 0, "precision");
  if (precision != "default" && precision != "strict")
    fail(ErrorCode::Argument, "expected 'default' or 'strict' as precision, got '%s'", precision.c_str());
  environment.context.strict = precision == "strict";
  return info.Env().Undefined();
}

Napi::Value set_verbose(const Napi::CallbackInfo& info, Environment&) {
  const bool verbose = boolean_argument(info, 0, "value");
  for (Device* const device : Device::all()) device->verbose = verbose;
  return info.Env().Undefined();
}

Napi::Value set_call_site(const Napi::CallbackInfo& info, Environment& environment) {
  environment.context.call_site = string_argument(info, 0, "stack");
  return info.Env().Undefined();
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  Device::cpu();  // throws when there is none, say for a LAPIDARY_ISA that this processor has not
  env.SetInstanceData<Environment>(new Environment(env));
  const auto set = [&](const char* name, auto callback) {
    exports.Set(name, Napi::Function::New(env, callback, name));
  };
  set("opTable", guarded<op_table_binding>);
  set("run", guarded<run>);
  set("fromHost", guarded<from_host>);
  set("write", guarded<write>);
  set("toHost", guarded<to_host>);
  set("toHostSync", guarded<to_host_sync>);
  set("release", guarded<release>);
  set("alias", guarded<alias>);
  set("info", guarded<tensor_info>);
  set("setRequiresGrad", guarded<set_requires_grad>);
  set("gradOf", guarded<grad_of>);
  set("setGrad", guarded<set_grad>);
  set("useDevice", guarded<use_device>);
  set("cudaSurvey", guarded<cuda_survey>);
  set("setStepBlock", guarded<set_step_block>);
  set("synchronize", guarded<synchronize>);
  set("synchronizeSync", guarded<synchronize_sync, false>);
  set("ready", guarded<ready>);
  set("memory", guarded<memory>);
  set("resetPeak", guarded<reset_peak>);
  set("setMemoryLimit", guarded<set_memory_limit>);
  set("emptyCache", guarded<empty_cache>);
  set("setThreads", guarded<set_threads>);
  set("engine", guarded<engine>);
  set("usedImplementations", guarded<used_implementations_binding>);
  set("forceImplementation", guarded<force_implementation>);
  set("setPrecision", guarded<set_precision>);
  set("setVerbose", guarded<set_verbose>);
  set("setCallSite", guarded<set_call_site>);
  export_tape_bindings(env, exports);
  export_capture_bindings(env, exports);
  export_profile_bindings(env, exports);
  export_signal_bindings(env, exports);
  export_kernel_bindings(env, exports);
  return exports;
}

}  // namespace
}  // namespace lapidary

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  try {
    return lapidary::initialize(env, exports);
  } catch (const lapidary::Error& error) {
    throw lapidary::to_javascript(env, error.code(), error.what());
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw lapidary::to_javascript(env, lapidary::ErrorCode::Internal, error.what());
  }
}

NODE_API_MODULE(lapidary, initialize_addon)
