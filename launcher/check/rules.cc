// SPDX-License-Identifier: Apache-2.0
#include "check/rules.h"

namespace moka {
namespace {

constexpr const char* kNoProcess =
    "it fails with an IOException: a VM is one process and starts no other";
constexpr const char* kNoDisplay = "it fails with a HeadlessException: a VM has no display";
constexpr const char* kNoLibrary = "it fails with an UnsatisfiedLinkError";

using Kind = Finding::Kind;

constexpr Rule kRules[] = {
    {Kind::kProcess, "java/lang/ProcessBuilder", "start*", "starts a process", kNoProcess},
    {Kind::kProcess, "java/lang/Runtime", "exec", "starts a process", kNoProcess},
    {Kind::kLibrary, "java/lang/System", "loadLibrary", "loads a native library", kNoLibrary},
    {Kind::kLibrary, "java/lang/Runtime", "loadLibrary", "loads a native library", kNoLibrary},
    {Kind::kDisplay, "java/awt/Frame", "<init>", "opens a window", kNoDisplay},
    {Kind::kDisplay, "java/awt/Window", "<init>", "opens a window", kNoDisplay},
    {Kind::kDisplay, "java/awt/Dialog", "<init>", "opens a window", kNoDisplay},
    {Kind::kDisplay, "java/awt/FileDialog", "<init>", "opens a window", kNoDisplay},
    {Kind::kDisplay, "javax/swing/JFrame", "<init>", "opens a window", kNoDisplay},
    {Kind::kDisplay, "javax/swing/JDialog", "<init>", "opens a window", kNoDisplay},
    {Kind::kDisplay, "javax/swing/JWindow", "<init>", "opens a window", kNoDisplay},
    {Kind::kDisplay, "javax/swing/JOptionPane", "show*", "opens a window", kNoDisplay},
    {Kind::kDisplay, "java/awt/Robot", "<init>", "drives the screen", kNoDisplay},
    {Kind::kDisplay, "java/awt/SystemTray", "getSystemTray", "uses the desktop", kNoDisplay},
    {Kind::kDisplay, "java/awt/Desktop", "getDesktop", "uses the desktop", kNoDisplay},
    {Kind::kDisplay, "javafx/application/Application", "launch", "opens a window",
     "it fails with an UnsupportedOperationException: a VM has no display"},
};

bool matches(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

const Rule* rule_for(const MethodReference& method) {
  for (const Rule& rule : kRules)
    if (rule.owner == method.owner && matches(rule.name, method.name)) return &rule;
  return nullptr;
}

bool takes_failure(Finding::Kind kind, std::string_view exception) {
  if (exception == "java/lang/Throwable") return true;
  switch (kind) {
    case Kind::kProcess:
      return exception == "java/io/IOException" || exception == "java/lang/Exception";
    case Kind::kDisplay:
      return exception == "java/awt/HeadlessException" || exception == "java/lang/Exception" ||
             exception == "java/lang/RuntimeException" ||
             exception == "java/lang/UnsupportedOperationException";
    case Kind::kLibrary:
      return exception == "java/lang/UnsatisfiedLinkError" || exception == "java/lang/Error" ||
             exception == "java/lang/LinkageError" ||
             exception == "java/lang/ExceptionInInitializerError";
    case Kind::kClassVersion:
      return exception == "java/lang/UnsupportedClassVersionError" ||
             exception == "java/lang/LinkageError" || exception == "java/lang/Error";
  }
  return false;
}

}  // namespace moka
