// SPDX-License-Identifier: Apache-2.0

#include "fs/ninep_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "memory/frames.h"

namespace mokapot::fake {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <typename T>
void put(Bytes& out, T value) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}
void put_string(Bytes& out, const std::string& text) {
  put(out, static_cast<std::uint16_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}
void put_qid(Bytes& out, const struct stat& status) {
  put(out, static_cast<std::uint8_t>(S_ISDIR(status.st_mode) ? 0x80 : S_ISLNK(status.st_mode) ? 2 : 0));
  put(out, static_cast<std::uint32_t>(status.st_mtime));
  put(out, static_cast<std::uint64_t>(status.st_ino));
}

}  // namespace

class NinepServer::Message {
 public:
  explicit Message(Bytes bytes) : bytes_(std::move(bytes)) {}
  template <typename T>
  T get() {
    T value{};
    EXPECT_LE(at_ + sizeof value, bytes_.size()) << "the request is too short";
    if (at_ + sizeof value <= bytes_.size()) std::memcpy(&value, &bytes_[at_], sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string get_bytes(std::size_t size) {
    EXPECT_LE(at_ + size, bytes_.size()) << "the request is too short";
    if (at_ + size > bytes_.size()) return "";
    const std::string text(reinterpret_cast<const char*>(&bytes_[at_]), size);
    at_ += size;
    return text;
  }
  std::string get_string() { return get_bytes(get<std::uint16_t>()); }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  const Bytes bytes_;
  std::size_t at_ = 0;
};

NinepServer::~NinepServer() {
  while (!fids_.empty()) forget(fids_.begin()->first);
}

void NinepServer::forget(std::uint32_t fid) {
  if (fids_[fid].descriptor >= 0) close(fids_[fid].descriptor);
  fids_.erase(fid);
}

Result<void> NinepServer::submit(MessageRequest& request) {
  if (dead) return Errno::kEIO;
  ++requests;
  const auto* sent = static_cast<const std::uint8_t*>(direct_map(request.message.address));
  Message in(Bytes(sent, sent + request.message.size));
  EXPECT_EQ(in.get<std::uint32_t>(), request.message.size);
  const auto type = in.get<std::uint8_t>();
  const auto tag = in.get<std::uint16_t>();
  Bytes out;
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint8_t>(type + 1));
  put(out, tag);
  errno = 0;
  answer(in, type, out);
  EXPECT_TRUE(errno != 0 || in.at_end()) << "the request is too long, type " << int{type};
  if (errno != 0) {
    out.resize(7);
    out[4] = 7;
    put(out, static_cast<std::uint32_t>(errno));
  }
  const auto size = static_cast<std::uint32_t>(out.size());
  std::memcpy(out.data(), &size, sizeof size);
  spoil(out);
  EXPECT_LE(out.size(), request.answer.size);
  std::memcpy(direct_map(request.answer.address), out.data(), std::min<std::size_t>(out.size(), request.answer.size));
  request.done(request, out.size());
  return {};
}

void NinepServer::answer(Message& in, std::uint8_t type, Bytes& out) {
  struct stat status {};
  const auto path_of = [this](std::uint32_t fid) {
    EXPECT_TRUE(fids_.contains(fid)) << "an unknown fid";
    return fids_[fid].path;
  };
  const auto fail_if = [](bool failed) {
    if (!failed) errno = 0;
    return failed;
  };
  switch (type) {
    case 100: {  // version
      const auto offered = in.get<std::uint32_t>();
      put(out, std::min(offered, message_size));
      put_string(out, in.get_string());
      break;
    }
    case 104: {  // attach
      const auto fid = in.get<std::uint32_t>();
      in.get<std::uint32_t>();
      in.get_string();
      in.get_string();
      in.get<std::uint32_t>();
      fids_[fid] = {folder_};
      stat(folder_.c_str(), &status);
      put_qid(out, status);
      break;
    }
    case 110: {  // walk
      const auto from = in.get<std::uint32_t>(), to = in.get<std::uint32_t>();
      const auto steps = in.get<std::uint16_t>();
      std::string path = path_of(from);
      if (steps == 1) path += "/" + in.get_string();
      EXPECT_FALSE(fids_.contains(to)) << "the fid is in use";
      if (fail_if(lstat(path.c_str(), &status) != 0)) return;
      fids_[to] = {path};
      put(out, steps);
      if (steps == 1) put_qid(out, status);
      break;
    }
    case 24: {  // getattr
      const auto fid = in.get<std::uint32_t>();
      put(out, in.get<std::uint64_t>());
      if (fail_if(lstat(path_of(fid).c_str(), &status) != 0)) return;
      put_qid(out, status);
      put(out, std::uint32_t{status.st_mode});
      put(out, std::uint32_t{status.st_uid});
      put(out, std::uint32_t{status.st_gid});
      for (const std::uint64_t value :
           {std::uint64_t{status.st_nlink}, std::uint64_t{status.st_rdev}, static_cast<std::uint64_t>(status.st_size),
            static_cast<std::uint64_t>(status.st_blksize), static_cast<std::uint64_t>(status.st_blocks)})
        put(out, value);
      for (const struct timespec& time : {status.st_atim, status.st_mtim, status.st_ctim, timespec{}, timespec{}}) {
        put(out, static_cast<std::uint64_t>(time.tv_sec));
        put(out, static_cast<std::uint64_t>(time.tv_nsec));
      }
      break;
    }
    case 26: {  // setattr: size alone
      const auto fid = in.get<std::uint32_t>();
      const auto valid = in.get<std::uint32_t>();
      in.get_bytes(12);
      const auto size = in.get<std::uint64_t>();
      in.get_bytes(32);
      if ((valid & 8) != 0) fail_if(::truncate(path_of(fid).c_str(), static_cast<off_t>(size)) != 0);
      break;
    }
    case 12: {  // lopen
      const auto fid = in.get<std::uint32_t>();
      const auto flags = in.get<std::uint32_t>();
      EXPECT_EQ(fids_[fid].descriptor, -1) << "opened twice";
      fids_[fid].descriptor = ::open(path_of(fid).c_str(), static_cast<int>(flags));
      if (fail_if(fids_[fid].descriptor < 0)) return;
      fstat(fids_[fid].descriptor, &status);
      put_qid(out, status);
      put(out, std::uint32_t{0});
      break;
    }
    case 14: {  // lcreate
      const auto fid = in.get<std::uint32_t>();
      const std::string path = path_of(fid) + "/" + in.get_string();
      const auto flags = in.get<std::uint32_t>(), mode = in.get<std::uint32_t>();
      in.get<std::uint32_t>();
      const int made = ::open(path.c_str(), static_cast<int>(flags), mode);
      if (fail_if(made < 0)) return;
      fids_[fid] = {path, made};
      fstat(made, &status);
      put_qid(out, status);
      put(out, std::uint32_t{0});
      break;
    }
    case 30: {  // xattrwalk
      const auto fid = in.get<std::uint32_t>(), fresh = in.get<std::uint32_t>();
      const std::string name = in.get_string(), path = path_of(fid);
      std::vector<char> value(65536);
      const ssize_t size = name.empty() ? llistxattr(path.c_str(), value.data(), value.size())
                                        : lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
      if (fail_if(size < 0)) return;
      fids_[fresh].value.assign(value.data(), static_cast<std::size_t>(size));
      fids_[fresh].reads_attribute = true;
      put(out, static_cast<std::uint64_t>(size));
      break;
    }
    case 32: {  // xattrcreate
      const auto fid = in.get<std::uint32_t>();
      path_of(fid);
      fids_[fid].attribute = in.get_string();
      fids_[fid].expected = in.get<std::uint64_t>();
      fids_[fid].flags = static_cast<int>(in.get<std::uint32_t>());
      fids_[fid].writes_attribute = true;
      break;
    }
    case 116: {  // read
      const auto fid = in.get<std::uint32_t>();
      const auto offset = in.get<std::uint64_t>();
      Bytes data(in.get<std::uint32_t>());
      EXPECT_LE(data.size() + 11, message_size);
      if (fids_[fid].reads_attribute) {
        const std::string& value = fids_[fid].value;
        const std::string piece = offset < value.size() ? value.substr(offset, data.size()) : "";
        put(out, static_cast<std::uint32_t>(piece.size()));
        out.insert(out.end(), piece.begin(), piece.end());
        break;
      }
      const ssize_t got = pread(fids_[fid].descriptor, data.data(), data.size(), static_cast<off_t>(offset));
      if (fail_if(got < 0)) return;
      put(out, static_cast<std::uint32_t>(got));
      out.insert(out.end(), data.begin(), data.begin() + got);
      break;
    }
    case 118: {  // write
      const auto fid = in.get<std::uint32_t>();
      const auto offset = in.get<std::uint64_t>();
      const std::string data = in.get_bytes(in.get<std::uint32_t>());
      EXPECT_LE(data.size() + 23, message_size);
      if (fids_[fid].writes_attribute) {
        EXPECT_EQ(offset, fids_[fid].value.size());
        fids_[fid].value += data;
        put(out, static_cast<std::uint32_t>(data.size()));
        break;
      }
      const ssize_t put_there = pwrite(fids_[fid].descriptor, data.data(), data.size(), static_cast<off_t>(offset));
      if (fail_if(put_there < 0)) return;
      put(out, static_cast<std::uint32_t>(put_there));
      break;
    }
    case 40: {  // readdir
      const auto fid = in.get<std::uint32_t>();
      const auto offset = in.get<std::uint64_t>();
      const auto room = in.get<std::uint32_t>();
      std::vector<std::string> names;
      DIR* directory = opendir(path_of(fid).c_str());
      while (const dirent* entry = readdir(directory)) names.emplace_back(entry->d_name);
      closedir(directory);
      std::sort(names.begin(), names.end());
      Bytes entries;
      for (std::size_t i = offset; i < names.size() && entries.size() + 24 + names[i].size() <= room; ++i) {
        lstat((path_of(fid) + "/" + names[i]).c_str(), &status);
        put_qid(entries, status);
        put(entries, std::uint64_t{i + 1});
        put(entries, static_cast<std::uint8_t>(status.st_mode >> 12));
        put_string(entries, names[i]);
      }
      put(out, static_cast<std::uint32_t>(entries.size()));
      out.insert(out.end(), entries.begin(), entries.end());
      errno = 0;
      break;
    }
    case 72: {  // mkdir
      const auto fid = in.get<std::uint32_t>();
      const std::string path = path_of(fid) + "/" + in.get_string();
      const auto mode = in.get<std::uint32_t>();
      in.get<std::uint32_t>();
      if (fail_if(mkdir(path.c_str(), mode) != 0)) return;
      lstat(path.c_str(), &status);
      put_qid(out, status);
      break;
    }
    case 16: {  // symlink
      const auto fid = in.get<std::uint32_t>();
      const std::string path = path_of(fid) + "/" + in.get_string();
      const std::string target = in.get_string();
      in.get<std::uint32_t>();
      if (fail_if(symlink(target.c_str(), path.c_str()) != 0)) return;
      lstat(path.c_str(), &status);
      put_qid(out, status);
      break;
    }
    case 22: {  // readlink
      char target[4096];
      const ssize_t size = readlink(path_of(in.get<std::uint32_t>()).c_str(), target, sizeof target);
      if (fail_if(size < 0)) return;
      put_string(out, std::string(target, static_cast<std::size_t>(size)));
      break;
    }
    case 74: {  // renameat
      const auto fid = in.get<std::uint32_t>();
      const std::string from = path_of(fid) + "/" + in.get_string();
      const auto new_fid = in.get<std::uint32_t>();
      const std::string to = path_of(new_fid) + "/" + in.get_string();
      if (fail_if(::rename(from.c_str(), to.c_str()) != 0)) return;
      for (auto& [number, known] : fids_)
        if (known.path == from) known.path = to;
      break;
    }
    case 76: {  // unlinkat
      const auto fid = in.get<std::uint32_t>();
      const std::string path = path_of(fid) + "/" + in.get_string();
      const bool directory = in.get<std::uint32_t>() == 0x200;
      fail_if((directory ? rmdir(path.c_str()) : unlink(path.c_str())) != 0);
      break;
    }
    case 50: {  // fsync
      const auto fid = in.get<std::uint32_t>();
      in.get<std::uint32_t>();
      fail_if(fsync(fids_[fid].descriptor) != 0);
      break;
    }
    case 120: {  // clunk
      const auto fid = in.get<std::uint32_t>();
      EXPECT_TRUE(fids_.contains(fid)) << "an unknown fid";
      const Fid last = fids_[fid];
      forget(fid);
      if (!last.writes_attribute) break;
      // As QEMU's server: only now, and without bytes it goes.
      if (last.value.size() != last.expected) errno = EINVAL;
      else if (last.expected == 0) fail_if(lremovexattr(last.path.c_str(), last.attribute.c_str()) != 0);
      else
        fail_if(lsetxattr(last.path.c_str(), last.attribute.c_str(), last.value.data(), last.value.size(), last.flags) !=
                0);
      break;
    }
    default:
      errno = EOPNOTSUPP;
      break;
  }
}

}  // namespace mokapot::fake
