// SPDX-License-Identifier: Apache-2.0
//
// Names for clang's thread-safety analysis; empty under GCC. The lint build makes them errors.
#pragma once

#ifdef __clang__
#define MOKAPOT_TSA(x) __attribute__((x))
#else
#define MOKAPOT_TSA(x)
#endif

#define CAPABILITY(name) MOKAPOT_TSA(capability(name))
#define SCOPED_CAPABILITY MOKAPOT_TSA(scoped_lockable)
#define GUARDED_BY(lock) MOKAPOT_TSA(guarded_by(lock))
#define PT_GUARDED_BY(lock) MOKAPOT_TSA(pt_guarded_by(lock))
#define REQUIRES(...) MOKAPOT_TSA(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) MOKAPOT_TSA(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) MOKAPOT_TSA(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) MOKAPOT_TSA(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) MOKAPOT_TSA(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) MOKAPOT_TSA(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) MOKAPOT_TSA(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) MOKAPOT_TSA(try_acquire_capability(__VA_ARGS__))
#define EXCLUDES(...) MOKAPOT_TSA(locks_excluded(__VA_ARGS__))
#define ASSERT_CAPABILITY(lock) MOKAPOT_TSA(assert_capability(lock))
#define RETURN_CAPABILITY(lock) MOKAPOT_TSA(lock_returned(lock))
#define NO_THREAD_SAFETY_ANALYSIS MOKAPOT_TSA(no_thread_safety_analysis)

// For code that runs before its CPU has a canary for it. (The spelling that both compilers know.)
#define NO_STACK_PROTECTOR __attribute__((no_stack_protector))
