#include "bindings/profile_bindings.h"

#include <map>

#include "bindings/arguments.h"

namespace lapidary {
namespace {

Napi::Value begin_profile(const Napi::CallbackInfo& info, Environment& environment) {
  if (environment.profile)
    fail(ErrorCode::Argument, "expected no profile() inside another; profile the outer work alone");
  environment.profile = std::make_shared<Profile>();
  environment.context.profile = environment.profile.get();
  return info.Env().Undefined();
}

/// Times are milliseconds since the start of the profile.
class Milliseconds {
 public:
  explicit Milliseconds(const Profile& profile) : start_(profile.start()) {}
  double operator()(Profile::Clock::time_point time) const {
    return std::chrono::duration<double, std::milli>(time - start_).count();
  }

 private:
  Profile::Clock::time_point start_;
};

Napi::Float64Array doubles(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

/// Each different task once; `index` tells for a run which of them it is.
Napi::Value end_profile(const Napi::CallbackInfo& info, Environment& environment) {
  const Napi::Env env = info.Env();
  const auto profile = std::move(environment.profile);
  environment.profile = nullptr;
  environment.context.profile = nullptr;
  if (!profile) fail(ErrorCode::Argument, "expected a profile that was begun");
  const Milliseconds milliseconds(*profile);

  Napi::Array tasks = Napi::Array::New(env);
  std::map<std::string, uint32_t> known;
  std::vector<double> runs;
  for (const Profile::TaskRun& run : profile->take_runs()) {
    const TaskDescription task = run.describe();
    const auto [found, fresh] = known.try_emplace(task.implementation + " " + task.text(), known.size());
    if (fresh) {
      Napi::Object entry = Napi::Object::New(env);
      entry["name"] = task.name;
      entry["problem"] = task.problem;
      entry["implementation"] = task.implementation;
      entry["bytes"] = task.bytes;
      entry["flops"] = task.flops;
      tasks[found->second] = entry;
    }
    runs.insert(runs.end(), {static_cast<double>(found->second), milliseconds(run.enqueued),
                             milliseconds(run.start), milliseconds(run.end)});
  }
  Napi::Array names = Napi::Array::New(env);
  std::vector<double> calls;
  for (const Profile::Call& call : profile->calls()) {
    names[names.Length()] = call.name;
    calls.insert(calls.end(), {milliseconds(call.start), milliseconds(call.end)});
  }
  Napi::Object result = Napi::Object::New(env);
  result["tasks"] = tasks;
  result["runs"] = doubles(env, runs);
  result["callNames"] = names;
  result["calls"] = doubles(env, calls);
  return result;
}

}  // namespace

void export_profile_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("beginProfile", Napi::Function::New(env, guarded<begin_profile>));
  exports.Set("endProfile", Napi::Function::New(env, guarded<end_profile>));
}

}  // namespace lapidary
