// SPDX-License-Identifier: Apache-2.0
#include "check/certain_calls.h"

#include <algorithm>
#include <map>
#include <optional>

#include "check/bytecode.h"
#include "check/rules.h"

namespace moka {
namespace {

using Kind = Finding::Kind;
constexpr Kind kKinds[] = {Kind::kProcess, Kind::kDisplay, Kind::kLibrary, Kind::kClassVersion};
constexpr std::size_t kMostMethods = 10000;  // a program is no reason to look for ever

// Failures that somebody up the chain of calls catches.
using Caught = std::set<Kind>;

struct Work {
  std::string class_name, method, descriptor;
  Caught caught;
};

struct Loaded {
  Program::Found found;
  ClassFile file;
};

class Walker {
 public:
  Walker(const Program& program, const std::set<std::string>& super_classes)
      : program_(program), super_classes_(super_classes) {}

  CertainCalls run(const std::vector<std::string>& mains) {
    for (std::string name : mains) {
      std::replace(name.begin(), name.end(), '.', '/');
      initialise(name, {});
      push(name, "main", "([Ljava/lang/String;)V", {});
    }
    while (!pending_.empty() && seen_.size() < kMostMethods) {
      const Work work = std::move(pending_.back());
      pending_.pop_back();
      walk(work);
    }
    return std::move(calls_);
  }

 private:
  const Loaded* load(const std::string& name) {
    const auto known = loaded_.find(name);
    if (known != loaded_.end()) return known->second ? &*known->second : nullptr;
    std::optional<Loaded>& slot = loaded_[name];
    std::optional<Program::Found> found = program_.find_class(name);
    if (!found) return nullptr;
    slot.emplace(Loaded{std::move(*found), ClassFile()});
    // The bytes have their last place now, from which the class file borrows.
    Result<ClassFile> parsed = ClassFile::parse(slot->found.bytes);
    if (!parsed) {
      slot.reset();
      return nullptr;
    }
    slot->file = std::move(parsed).value();
    return &*slot;
  }

  void push(const std::string& class_name, std::string_view method, std::string_view descriptor,
            const Caught& caught) {
    // Once for each set of failures that are caught: a way where fewer are says more.
    if (!seen_.emplace(class_name, method, descriptor, caught).second) return;
    pending_.push_back({class_name, std::string(method), std::string(descriptor), caught});
  }

  // A class is initialised after the one that it extends.
  void initialise(std::string name, const Caught& caught) {
    for (int depth = 0; depth < 64; ++depth) {
      const Loaded* const loaded = load(name);
      if (loaded == nullptr) return;
      calls_.classes.insert(name);
      push(name, "<clinit>", "()V", caught);
      name = std::string(loaded->file.super());
    }
  }

  // The method where it is defined: in the class, or in one that it extends.
  const Method* find(std::string& class_name, const std::string& method,
                     const std::string& descriptor, const Loaded*& owner) {
    for (int depth = 0; depth < 64; ++depth) {
      owner = load(class_name);
      if (owner == nullptr) return nullptr;
      for (const Method& candidate : owner->file.methods())
        if (candidate.name == method && candidate.descriptor == descriptor) return &candidate;
      if (method == "<clinit>" || method == "<init>") return nullptr;
      class_name = std::string(owner->file.super());
    }
    return nullptr;
  }

  // Whether a call of this class's method by invokevirtual comes to that method and no other.
  bool is_final(const std::string& class_name, const Method& method, const ClassFile& file) const {
    constexpr std::uint16_t kFixed = ClassFile::kAccPrivate | ClassFile::kAccFinal;
    return (method.flags & kFixed) != 0 || (file.flags() & ClassFile::kAccFinal) != 0 ||
           super_classes_.find(class_name) == super_classes_.end();
  }

  void walk(const Work& work) {
    std::string class_name = work.class_name;
    const Loaded* owner = nullptr;
    const Method* const method = find(class_name, work.method, work.descriptor, owner);
    if (method == nullptr || method->code.empty()) return;
    const Bytecode code(method->code);
    for (const Call& call : code.calls(owner->file)) {
      if (!code.is_certain(call.instruction)) continue;
      Caught caught = work.caught;
      for (const ExceptionHandler& handler : method->handlers)
        if (call.offset >= handler.begin && call.offset < handler.end)
          for (const Kind kind : kKinds)
            if (takes_failure(kind, handler.type)) caught.insert(kind);
      follow(call, caught);
      const Rule* const rule = rule_for(call.method);
      if (rule != nullptr && caught.find(rule->kind) == caught.end())
        calls_.sites.emplace(class_name, method_key(*method), call.offset);
    }
  }

  void follow(const Call& call, const Caught& caught) {
    std::string class_name(call.method.owner);
    if (call.kind == Call::Kind::kInitialise || call.kind == Call::Kind::kStatic)
      initialise(class_name, caught);
    if (call.kind == Call::Kind::kInitialise) return;
    const std::string name(call.method.name), descriptor(call.method.descriptor);
    const Loaded* owner = nullptr;
    const Method* const method = find(class_name, name, descriptor, owner);
    if (method == nullptr) return;
    if (call.kind == Call::Kind::kVirtual && !is_final(class_name, *method, owner->file)) return;
    push(class_name, name, descriptor, caught);
  }

  const Program& program_;
  const std::set<std::string>& super_classes_;
  std::map<std::string, std::optional<Loaded>> loaded_;  // nodes stay where they are
  std::set<std::tuple<std::string, std::string, std::string, Caught>> seen_;
  std::vector<Work> pending_;
  CertainCalls calls_;
};

}  // namespace

CertainCalls find_certain_calls(const Program& program, const std::vector<std::string>& mains,
                                const std::set<std::string>& super_classes) {
  return Walker(program, super_classes).run(mains);
}

std::string method_key(const Method& method) {
  return std::string(method.name) + std::string(method.descriptor);
}

}  // namespace moka
