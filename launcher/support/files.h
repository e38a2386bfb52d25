// SPDX-License-Identifier: Apache-2.0
//
// Small helpers on files, shared by the parsers and the image builders. All block.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

// Reads a whole file, or fails if it is larger than `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit);

// Reads exactly buffer.size() bytes at `offset`; false at end of file or on an error.
bool read_exactly_at(int fd, std::span<std::uint8_t> buffer, std::uint64_t offset);

// Makes a file that is not there yet, for writing.
Result<UniqueFd> create_file(const std::string& path, mode_t mode);

// Writes all of `data`, however many calls that takes; false with errno set.
bool write_fully(int fd, std::string_view data);

// Sends of `unsent` what the socket takes at once, and removes that; all of it where nobody is
// there any more.
void send_what_fits(int socket, std::string& unsent);

// Which file that is, and in which state: device, number, size and times, each after a blank. Nobody can set back the time
// of the last change (ctime), so a file with the same text has the same contents.
std::string identity_text(const struct stat& status);

// Writes a file under another name and renames it, so that a reader sees the old or the new whole.
Result<void> write_file_atomically(const std::string& path, std::string_view data, mode_t mode);

// `path` made absolute against the working directory, "." and ".." resolved by name only.
// Symbolic links stay as they are: the guest shall see the names that the user gave.
std::string absolute_path(std::string_view path);

// The directory part of an absolute path ("/" for the root itself) and the last component.
std::string parent_path(std::string_view path);
std::string base_name(std::string_view path);

bool is_directory(const std::string& path);
bool is_regular_file(const std::string& path);

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

// strerror() as a string.
std::string error_text(int error_number);

}  // namespace moka
